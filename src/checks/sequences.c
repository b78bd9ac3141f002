/*
 * No sequence behind the column that it feeds: the next insert would meet a value that is there already.
 *
 * The highest value of the column is read, not that of an index, so a column without one takes a scan.
 */
#include <inttypes.h>
#include <string.h>

#include "checks/excerpt.h"
#include "checks/kind.h"
#include "checks/patterns.h"
#include "checks/session.h"
#include "checks/sql.h"

#define SHOWN_MAX 10

static void sequences_validate(const char *config_path, const hf_check_config *check,
                               hf_config_problems *problems)
{
    hf_check_patterns_validate(config_path, check, &check->sequences, problems);
}

static void sequences_expect(const hf_check_config *check, hf_buf *expected)
{
    (void) check;
    hf_buf_puts(expected, "no sequence behind its column");
}

/* "next value 3, and the column has 7", or nothing. */
static hf_status look_at_one(hf_pg *pg, const hf_rows *list, size_t row, hf_buf *problem, hf_error *error)
{
    const bool up = hf_rows_int(list, row, "step") > 0;
    HF_AUTO_BUF sql = HF_BUF_MAX(8192);
    HF_AUTO_ROWS rows = NULL;

    hf_buf_printf(&sql, "SELECT q.next, q.extreme, q.next %s q.extreme AS behind FROM (SELECT ",
                  up ? "<=" : ">=");
    hf_buf_printf(&sql,
                  "CASE WHEN is_called THEN last_value::pg_catalog.numeric + %" PRId64
                  " ELSE last_value END AS next, (SELECT pg_catalog.%s(",
                  hf_rows_int(list, row, "step"), up ? "max" : "min");
    hf_sql_name(&sql, hf_rows_text(list, row, "column_name"));
    hf_buf_puts(&sql, ") FROM ");
    hf_sql_qualified(&sql, hf_rows_text(list, row, "table_schema"), hf_rows_text(list, row, "table_name"));
    hf_buf_puts(&sql, ") AS extreme FROM ");
    hf_sql_qualified(&sql, hf_rows_text(list, row, "schema"), hf_rows_text(list, row, "name"));
    hf_buf_printf(&sql, ") q WHERE q.extreme BETWEEN %" PRId64 " AND %" PRId64,
                  hf_rows_int(list, row, "lowest"), hf_rows_int(list, row, "highest"));
    HF_TRY(hf_buf_check(&sql, "a query", error));
    HF_TRY(hf_pg_query(pg, hf_buf_text(&sql), 0, NULL, &rows, error));
    if (hf_rows_count(rows) == 1 && hf_rows_bool(rows, 0, "behind"))
        hf_buf_printf(problem, "next is %s, and \"%s\".\"%s\" has %s already", hf_rows_text(rows, 0, "next"),
                      hf_rows_text(list, row, "table_name"), hf_rows_text(list, row, "column_name"),
                      hf_rows_text(rows, 0, "extreme"));
    return HF_OK;
}

static hf_check_outcome sequences_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS list = NULL;
    hf_error error = {0};
    size_t looked = 0, behind = 0;

    if (hf_check_connect(context, &pg, &error) != HF_OK ||
        hf_pg_query(pg, hf_sql_sequence_columns, 0, NULL, &list, &error) != HF_OK)
        return hf_check_database_error(&error, seen);
    for (size_t row = 0; row < hf_rows_count(list); row++) {
        HF_AUTO_BUF problem = HF_BUF_MAX(2048);

        if (!hf_check_patterns_fit(&context->check->sequences, hf_rows_text(list, row, "table_schema"),
                                   hf_rows_text(list, row, "table_name")))
            continue;
        if (look_at_one(pg, list, row, &problem, &error) != HF_OK)
            return hf_check_database_error(&error, seen);
        looked++;
        if (problem.len == 0)
            continue;
        if (behind++ < SHOWN_MAX)
            hf_buf_printf(seen, "%ssequence \"%s\".\"%s\": %s", seen->len > 0 ? "; " : "",
                          hf_rows_text(list, row, "schema"), hf_rows_text(list, row, "name"),
                          hf_buf_text(&problem));
    }
    *ret_value = (double) behind;
    if (behind > SHOWN_MAX)
        hf_buf_printf(seen, "; and %zu more", behind - SHOWN_MAX);
    if (behind > 0)
        return HF_CHECK_FAILED;
    hf_buf_printf(seen, "%zu column%s with a sequence, none behind", looked, looked == 1 ? "" : "s");
    return HF_CHECK_PASSED;
}

const hf_check_ops hf_check_sequences = {
    .name = "sequences",
    .needs = HF_CHECKS_NEED_DATABASE,
    .validate = sequences_validate,
    .expect = sequences_expect,
    .look = sequences_look,
};
