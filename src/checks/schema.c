/* What a file expects: all there and as it says, indexes valid, constraints validated. */
#include "checks/kind.h"
#include "checks/schema_file.h"
#include "checks/schema_own.h"
#include "checks/session.h"
#include "checks/sql.h"

static void json_done(json_t **value)
{
    json_decref(*value);
}

static void schema_validate(const char *config_path, const hf_check_config *check,
                            hf_config_problems *problems)
{
    hf_error error = {0};

    if (check->schema.file != NULL &&
        hf_schema_file_validate(check->schema.file, check->schema.database, &error) != HF_OK)
        hf_config_problems_add(problems, config_path, check->where, &error);
}

static void schema_expect(const hf_check_config *check, hf_buf *expected)
{
    if (check->schema.file != NULL)
        hf_buf_printf(expected, "every object of \"%s\"", check->schema.file);
    if (check->schema.all_valid)
        hf_buf_printf(expected, "%sall indexes valid and all constraints validated",
                      check->schema.file != NULL ? ", " : "");
}

static void show_problem(const json_t *object, const char *problem, hf_buf *seen)
{
    const char *schema = json_string_value(json_object_get(object, "schema"));
    const char *expected = json_string_value(json_object_get(object, "expected"));

    hf_buf_printf(seen, "%s%s \"%s%s%s\" %s", seen->len > 0 ? "; " : "",
                  json_string_value(json_object_get(object, "kind")), schema != NULL ? schema : "",
                  schema != NULL ? "." : "", json_string_value(json_object_get(object, "name")), problem);
    if (expected != NULL)
        hf_buf_printf(seen, " (expected %s)", expected);
}

/* Of our own form. */
static hf_status look_at_properties(hf_pg *pg, const char *const *wanted, const json_t *objects,
                                    size_t *problems, hf_buf *seen, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_schema_properties, 1, wanted, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const json_t *object = json_array_get(objects, (size_t) hf_rows_int(rows, i, "n"));

        hf_buf_printf(seen, "%s%s: expected %s, seen %s", seen->len > 0 ? "; " : "",
                      json_string_value(json_object_get(object, "shown")),
                      json_string_value(json_object_get(object, "expected")), hf_rows_text(rows, i, "seen"));
    }
    *problems += hf_rows_count(rows);
    return HF_OK;
}

/* How many objects of the file there are, and what is wrong with them. */
static hf_status look_at_file(const hf_check_context *context, hf_pg *pg, size_t *ret_count, size_t *problems,
                              hf_buf *seen, hf_error *error)
{
    const hf_check_config *check = context->check;
    HF_AUTO(json_done) json_t *objects = NULL;
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_schema_file_read(check->schema.file, check->schema.database, context->scene->target, &objects,
                               error));
    HF_AUTO_STR wanted = json_dumps(objects, JSON_COMPACT);
    const char *const params[] = {wanted};

    HF_TRY(hf_pg_query(pg, hf_sql_critical_objects, 1, params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        show_problem(json_array_get(objects, (size_t) hf_rows_int(rows, i, "n")),
                     hf_rows_text(rows, i, "problem"), seen);
    *problems += hf_rows_count(rows);
    *ret_count = json_array_size(objects);
    if (hf_schema_own_is(check->schema.file))
        HF_TRY(look_at_properties(pg, params, objects, problems, seen, error));
    return HF_OK;
}

static hf_status look_at_all(hf_pg *pg, size_t *problems, hf_buf *seen, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_not_valid, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_buf_printf(seen, "%s%s", seen->len > 0 ? "; " : "", hf_rows_text(rows, i, "problem"));
    *problems += hf_rows_count(rows);
    return HF_OK;
}

static hf_check_outcome schema_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const hf_check_config *check = context->check;
    HF_AUTO_PG pg = NULL;
    hf_error error = {0};
    size_t count = 0, problems = 0;

    (void) ret_value;
    hf_status status = hf_check_connect(context, &pg, &error);
    if (status == HF_OK && check->schema.file != NULL)
        status = look_at_file(context, pg, &count, &problems, seen, &error);
    if (status == HF_OK && check->schema.all_valid)
        status = look_at_all(pg, &problems, seen, &error);
    if (status != HF_OK)
        return hf_check_database_error(&error, seen);
    if (problems > 0)
        return HF_CHECK_FAILED;
    if (check->schema.file != NULL)
        hf_buf_printf(seen, "all %zu of them", count);
    if (check->schema.all_valid)
        hf_buf_printf(seen, "%sall valid", check->schema.file != NULL ? ", " : "");
    return HF_CHECK_PASSED;
}

const hf_check_ops hf_check_schema = {
    .name = "schema",
    .needs = HF_CHECKS_NEED_DATABASE,
    .validate = schema_validate,
    .expect = schema_expect,
    .look = schema_look,
};
