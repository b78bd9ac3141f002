/* A scalar compared with a value, or with what it was before the deploy; or a number of rows. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "checks/change.h"
#include "checks/compare.h"
#include "checks/excerpt.h"
#include "checks/kind.h"
#include "checks/number.h"
#include "checks/session.h"

#define SHOWN_BYTES 400
#define CELL_SHOWN 80
#define ROWS_SHOWN 3
#define VALUE_MAX 4096

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

/* ---- what is expected ---- */

static bool needs_before(const hf_check_config *check)
{
    return check->sql.unchanged || hf_change_is_given(&check->sql.change);
}

static void sql_expect(const hf_check_config *check, hf_buf *expected)
{
    if (check->sql.rows == 0)
        hf_buf_puts(expected, "no row");
    else if (check->sql.rows > 0)
        hf_buf_printf(expected, "%" PRId64 " row%s", check->sql.rows, check->sql.rows == 1 ? "" : "s");
    if (check->sql.compare != NULL)
        hf_buf_printf(expected, "%s %s", sign_of(check), value_of(check));
    if (needs_before(check) && expected->len > 0)
        hf_buf_puts(expected, ", and ");
    if (check->sql.unchanged)
        hf_buf_puts(expected, "the same as before the deploy");
    else if (needs_before(check))
        hf_change_expect(&check->sql.change, expected);
}

/* ---- the value ---- */

/* *ret_value is NULL for SQL null (caller owns).  HF_E_NOT_FOUND: no row. */
static hf_status read_value(const hf_check_context *context, char **ret_value, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_check_connect(context, &pg, error));
    HF_TRY(hf_pg_query(pg, context->check->sql.query, 0, NULL, &rows, error));
    if (hf_rows_columns(rows) == 0 || hf_rows_count(rows) == 0)
        return hf_fail(error, HF_E_NOT_FOUND, "no row");
    *ret_value = hf_strdup(hf_rows_get(rows, 0, 0));
    return HF_OK;
}

static hf_status sql_before(const hf_check_context *context, json_t **ret_before, hf_error *error)
{
    HF_AUTO_STR value = NULL;

    if (!needs_before(context->check))
        return HF_OK;
    HF_TRY(read_value(context, &value, error));
    if (value != NULL && strlen(value) > VALUE_MAX)
        return hf_fail(error, HF_E_LIMIT, "the value has more than %d bytes; compare a digest of it",
                       VALUE_MAX);
    *ret_before = json_pack("{s:s?}", "value", value);
    return HF_OK;
}

static void show(const char *value, hf_buf *out)
{
    size_t before = out->len;

    if (value == NULL) {
        hf_buf_puts(out, "null");
        return;
    }
    hf_excerpt_head(out, value, strlen(value), SHOWN_BYTES);
    if (out->len == before)
        hf_buf_puts(out, "an empty text");
}

/* Is the value so near to the one before as it must be? */
static hf_check_outcome compare_with_before(const hf_check_context *context, const char *value, hf_buf *seen)
{
    const hf_check_config *check = context->check;
    const char *before = json_string_value(json_object_get(context->before, "value"));
    double from, to;

    hf_buf_puts(seen, ", and before the deploy ");
    show(before, seen);
    if (check->sql.unchanged && (before == NULL || value == NULL))
        return before == value ? HF_CHECK_PASSED : HF_CHECK_FAILED;
    if (check->sql.unchanged)
        return hf_check_sql_compare(value, "=", before) ? HF_CHECK_PASSED : HF_CHECK_FAILED;
    if (before == NULL || value == NULL || !hf_check_parse_number(before, &from) ||
        !hf_check_parse_number(value, &to)) {
        hf_buf_puts(seen, ", which are not two numbers");
        return HF_CHECK_FAILED;
    }
    return hf_change_holds(&check->sql.change, from, to) ? HF_CHECK_PASSED : HF_CHECK_FAILED;
}

static hf_check_outcome look_at_value(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const hf_check_config *check = context->check;
    HF_AUTO_STR value = NULL;
    hf_error error = {0};
    double number;

    hf_status status = read_value(context, &value, &error);
    if (status != HF_OK)
        return hf_check_database_error(&error, seen);
    show(value, seen);
    if (value != NULL && hf_check_parse_number(value, &number))
        *ret_value = number;
    if (check->sql.compare != NULL &&
        (value == NULL || !hf_check_sql_compare(value, sign_of(check), value_of(check))))
        return HF_CHECK_FAILED;
    if (!needs_before(check))
        return HF_CHECK_PASSED;
    if (context->before != NULL)
        return compare_with_before(context, value, seen);
    hf_buf_puts(seen, "; there is no deploy to compare with");
    return check->sql.compare != NULL ? HF_CHECK_PASSED : HF_CHECK_SKIPPED;
}

/* ---- the number of rows ---- */

static void show_rows(const hf_rows *rows, hf_buf *seen)
{
    for (size_t row = 0; row < hf_rows_count(rows) && row < ROWS_SHOWN; row++) {
        hf_buf_puts(seen, row == 0 ? ": (" : ", (");
        for (size_t column = 0; column < hf_rows_columns(rows) && seen->len < HF_CHECK_SEEN_MAX / 2;
             column++) {
            const char *value = hf_rows_get(rows, row, column);

            hf_buf_puts(seen, column > 0 ? ", " : "");
            if (value == NULL)
                hf_buf_puts(seen, "null");
            else
                hf_excerpt_head(seen, value, strlen(value), CELL_SHOWN);
        }
        hf_buf_puts(seen, ")");
    }
}

/* Through a cursor, so that a query of many rows does not come here as a whole. */
static hf_check_outcome look_at_rows(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const int64_t wanted = context->check->sql.rows;
    const char *query = context->check->sql.query;
    size_t len = strlen(query);
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;
    hf_error error = {0};

    while (len > 0 && strchr("; \t\r\n", query[len - 1]) != NULL)
        len--;
    HF_AUTO_STR fetch = hf_format("FETCH %" PRId64 " FROM hf_check", wanted + 1);
    if (hf_check_connect(context, &pg, &error) != HF_OK ||
        hf_pg_execf(pg, &error, "DECLARE hf_check NO SCROLL CURSOR FOR %.*s", (int) len, query) != HF_OK ||
        hf_pg_query(pg, fetch, 0, NULL, &rows, &error) != HF_OK)
        return hf_check_database_error(&error, seen);

    int64_t count = (int64_t) hf_rows_count(rows);
    *ret_value = (double) count;
    if (count == 0)
        hf_buf_puts(seen, "no row");
    else
        hf_buf_printf(seen, "%" PRId64 "%s row%s", count > wanted && wanted > 0 ? wanted : count,
                      count <= wanted ? ""
                      : wanted > 0    ? " and more"
                                      : " or more",
                      count == 1 ? "" : "s");
    if (count == wanted)
        return HF_CHECK_PASSED;
    show_rows(rows, seen);
    return HF_CHECK_FAILED;
}

static hf_check_outcome sql_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    return (context->check->sql.rows >= 0 ? look_at_rows : look_at_value)(context, seen, ret_value);
}

const hf_check_ops hf_check_sql = {
    .name = "sql",
    .needs = HF_CHECKS_NEED_DATABASE,
    .expect = sql_expect,
    .before = sql_before,
    .look = sql_look,
};
