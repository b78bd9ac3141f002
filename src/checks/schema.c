/* Critical tables, indexes, constraints and enums: all there, indexes valid, constraints validated. */
#include "checks/kind.h"
#include "checks/schema_file.h"
#include "checks/session.h"
#include "checks/sql.h"

static void json_done(json_t **value)
{
    json_decref(*value);
}

static hf_status schema_validate(const char *config_path, const hf_check_config *check, hf_error *error)
{
    if (hf_schema_file_validate(check->schema_file, check->schema_database, error) != HF_OK)
        return hf_check_at(config_path, check->where, error);
    return HF_OK;
}

static void schema_expect(const hf_check_config *check, hf_buf *expected)
{
    hf_buf_printf(expected, "every object of \"%s\"", check->schema_file);
}

static bool show_error(const hf_error *error, hf_buf *seen)
{
    hf_buf_puts(seen, error->message);
    return false;
}

static void show_problem(const json_t *object, const char *problem, hf_buf *seen)
{
    const char *schema = json_string_value(json_object_get(object, "schema"));

    hf_buf_printf(seen, "%s%s \"%s%s%s\" %s", seen->len > 0 ? "; " : "",
                  json_string_value(json_object_get(object, "kind")), schema != NULL ? schema : "",
                  schema != NULL ? "." : "", json_string_value(json_object_get(object, "name")), problem);
}

static bool schema_look(const hf_check_context *context, hf_buf *seen)
{
    const hf_check_config *check = context->check;
    HF_AUTO(json_done) json_t *objects = NULL;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;
    hf_error error = {0};

    if (hf_schema_file_read(check->schema_file, check->schema_database, context->target, &objects, &error) !=
            HF_OK ||
        hf_check_connect(context, &pg, &error) != HF_OK)
        return show_error(&error, seen);

    HF_AUTO_STR wanted = json_dumps(objects, JSON_COMPACT);
    const char *const params[] = {wanted};

    if (hf_pg_query(pg, hf_sql_critical_objects, 1, params, &rows, &error) != HF_OK)
        return show_error(&error, seen);
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        show_problem(json_array_get(objects, (size_t) hf_rows_int(rows, i, "n")),
                     hf_rows_text(rows, i, "problem"), seen);
    if (hf_rows_count(rows) > 0)
        return false;
    hf_buf_printf(seen, "all %zu of them", json_array_size(objects));
    return true;
}

const hf_check_ops hf_check_schema = {
    .name = "schema",
    .validate = schema_validate,
    .expect = schema_expect,
    .look = schema_look,
};
