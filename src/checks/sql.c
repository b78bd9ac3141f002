/* A scalar compared with a value. */
#include "base/text.h"
#include "checks/excerpt.h"
#include "checks/kind.h"
#include "checks/number.h"
#include "checks/session.h"
#include "checks/compare.h"

#define SHOWN_BYTES 400

static const struct {
    const char *sign;
    bool below, equal, above; /* for which orders it holds */
} comparisons[] = {
    {"=", false, true, false}, {"!=", true, false, true}, {"<", true, false, false},
    {"<=", true, true, false}, {">", false, false, true}, {">=", false, true, true},
};

static const char *sign_of(const hf_check_config *check)
{
    return check->sql.compare != NULL ? check->sql.compare : "=";
}

static const char *value_of(const hf_check_config *check)
{
    return check->sql.value != NULL ? check->sql.value : "";
}

/* PostgreSQL writes booleans as t and f; a configuration says true and false. */
static const char *as_boolean(const char *seen, const char *value)
{
    if (hf_streq(seen, "t") && hf_streq(value, "true"))
        return value;
    if (hf_streq(seen, "f") && hf_streq(value, "false"))
        return value;
    return seen;
}

bool hf_check_sql_compare(const char *seen, const char *sign, const char *value)
{
    int order;

    if (!hf_number_compare(seen, value, &order))
        order = strcmp(as_boolean(seen, value), value);
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
        if (hf_streq(comparisons[i].sign, sign))
            return order < 0    ? comparisons[i].below
                   : order == 0 ? comparisons[i].equal
                                : comparisons[i].above;
    return false;
}

static hf_status sql_validate(const char *config_path, const hf_check_config *check, hf_error *error)
{
    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++)
        if (hf_streq(comparisons[i].sign, sign_of(check)))
            return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "check \"%s\": \"%s\" is no comparison", check->name, sign_of(check));
    (void) hf_hint(error, "one of =, !=, <, <=, >, >=");
    return hf_check_at(config_path, check->where, error);
}

static void sql_expect(const hf_check_config *check, hf_buf *expected)
{
    hf_buf_printf(expected, "%s %s", sign_of(check), value_of(check));
}

static bool sql_look(const hf_check_context *context, hf_buf *seen)
{
    const hf_check_config *check = context->check;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;
    hf_error error = {0};
    hf_status status = hf_check_connect(context, &pg, &error);

    if (status == HF_OK)
        status = hf_pg_query(pg, check->sql.query, 0, NULL, &rows, &error);
    if (status != HF_OK) {
        hf_buf_printf(seen, "%s%s%s%s", error.message, error.sqlstate[0] != '\0' ? " (SQLSTATE " : "",
                      error.sqlstate, error.sqlstate[0] != '\0' ? ")" : "");
        return false;
    }
    if (hf_rows_columns(rows) == 0 || hf_rows_count(rows) == 0) {
        hf_buf_puts(seen, "no row");
        return false;
    }

    const char *value = hf_rows_get(rows, 0, 0);
    if (value == NULL) {
        hf_buf_puts(seen, "null");
        return false;
    }
    hf_excerpt_head(seen, value, strlen(value), SHOWN_BYTES);
    if (seen->len == 0)
        hf_buf_puts(seen, "an empty text");
    return hf_check_sql_compare(value, sign_of(check), value_of(check));
}

const hf_check_ops hf_check_sql = {
    .name = "sql",
    .validate = sql_validate,
    .expect = sql_expect,
    .look = sql_look,
};
