/*
 * No table has lost too many of its rows against a snapshot.
 *
 * Exact counting reads every table.  The estimate of the statistics is had at once; where it says too few, the table is
 * counted after all, so that a stale estimate is no false alarm.  (It can hide a loss: the statistics lag behind.)
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "checks/kind.h"
#include "checks/patterns.h"
#include "checks/session.h"
#include "checks/sql.h"

#define SHOWN_MAX 10

static void rows_validate(const char *config_path, const hf_check_config *check, hf_config_problems *problems)
{
    hf_check_patterns_validate(config_path, check, &check->rows.tables, problems);
    hf_check_patterns_validate(config_path, check, &check->rows.except, problems);
}

static void rows_expect(const hf_check_config *check, hf_buf *expected)
{
    hf_buf_printf(expected, "no table with more than %.10g%% fewer rows than in the snapshot",
                  check->rows.shrink.value);
    if (check->rows.ignore_below > 0)
        hf_buf_printf(expected, ", of those that had %" PRId64 " or more", check->rows.ignore_below);
    if (check->rows.estimated)
        hf_buf_puts(expected, " (estimated)");
}

typedef struct looking {
    const hf_check_config *check;
    hf_pg *pg;
    const hf_rows *estimates; /* of what is there now */
    size_t tables, counted, problems;
    double worst; /* percent lost */
    hf_buf *seen;
} looking;

static bool is_meant(const hf_check_config *check, const char *schema, const char *name)
{
    return (check->rows.tables.count == 0 || hf_check_patterns_fit(&check->rows.tables, schema, name)) &&
           !hf_check_patterns_fit(&check->rows.except, schema, name);
}

/* The row of the table in the estimates, which are in order of name and schema, or -1. */
static int64_t find_table(const hf_rows *estimates, const char *schema, const char *name)
{
    size_t low = 0, high = hf_rows_count(estimates);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(hf_rows_get(estimates, middle, 0), name);

        if (order == 0)
            order = strcmp(hf_rows_get(estimates, middle, 1), schema);
        if (order == 0)
            return (int64_t) middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static hf_status count(looking *look, int64_t at, int64_t *ret_rows, hf_error *error)
{
    const bool partitioned = hf_rows_bool(look->estimates, (size_t) at, "partitioned");
    HF_AUTO_BUF sql = HF_BUF_MAX(1024);
    HF_AUTO_ROWS rows = NULL;

    hf_buf_printf(&sql, "SELECT pg_catalog.count(*) AS rows FROM %s", partitioned ? "" : "ONLY ");
    hf_sql_qualified(&sql, hf_rows_text(look->estimates, (size_t) at, "schema"),
                     hf_rows_text(look->estimates, (size_t) at, "name"));
    HF_TRY(hf_pg_query(look->pg, hf_buf_text(&sql), 0, NULL, &rows, error));
    *ret_rows = hf_rows_int(rows, 0, "rows");
    look->counted++;
    return HF_OK;
}

static void add_problem(looking *look, const char *fmt, const char *schema, const char *name)
{
    if (look->problems++ >= SHOWN_MAX)
        return;
    hf_buf_puts(look->seen, look->problems > 1 ? "; " : "");
    hf_buf_printf(look->seen, "table \"%s\".\"%s\" %s", schema, name, fmt);
}

static hf_status look_at_table(looking *look, const char *schema, const char *name, int64_t before,
                               hf_error *error)
{
    const double least = (double) before * (1 - look->check->rows.shrink.value / 100);
    int64_t at = find_table(look->estimates, schema, name), now = -1;

    look->tables++;
    if (at < 0) {
        if (!look->check->rows.may_be_dropped) {
            add_problem(look, "is gone", schema, name);
            look->worst = 100;
        }
        return HF_OK;
    }
    if (look->check->rows.estimated && hf_rows_text(look->estimates, (size_t) at, "rows") != NULL)
        now = hf_rows_int(look->estimates, (size_t) at, "rows");
    if (now < 0 || (double) now < least)
        HF_TRY(count(look, at, &now, error));
    look->worst = fmax(look->worst, 100.0 * (double) (before - now) / (double) before);
    if ((double) now >= least)
        return HF_OK;
    HF_AUTO_STR what = hf_format("has %" PRId64 " rows, and had %" PRId64 " (%.3g%% fewer)", now, before,
                                 100.0 * (double) (before - now) / (double) before);
    add_problem(look, what, schema, name);
    return HF_OK;
}

static hf_status look_at_tables(looking *look, const json_t *tables, hf_error *error)
{
    size_t i;
    json_t *table;

    json_array_foreach((json_t *) tables, i, table)
    {
        const char *schema = json_string_value(json_object_get(table, "schema"));
        const char *name = json_string_value(json_object_get(table, "name"));
        int64_t before = json_integer_value(json_object_get(table, "rows"));

        if (before > 0 && before >= look->check->rows.ignore_below && is_meant(look->check, schema, name))
            HF_TRY(look_at_table(look, schema, name, before, error));
    }
    return HF_OK;
}

static hf_check_outcome rows_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const json_t *snapshot = context->scene->snapshot;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS estimates = NULL;
    hf_error error = {0};

    if (json_object_get(snapshot, "tables") == NULL) {
        const char *why = json_string_value(json_object_get(snapshot, "error"));

        hf_buf_printf(seen, "no snapshot to compare with: %s", why != NULL ? why : "there is none");
        return HF_CHECK_INCONCLUSIVE;
    }
    if (hf_check_connect(context, &pg, &error) != HF_OK ||
        hf_pg_exec(pg, "SET LOCAL row_security = off", &error) != HF_OK || /* hidden rows are not lost ones */
        hf_pg_query(pg, hf_sql_row_estimates, 0, NULL, &estimates, &error) != HF_OK)
        return hf_check_database_error(&error, seen);

    looking look = {.check = context->check, .pg = pg, .estimates = estimates, .worst = 0, .seen = seen};
    if (look_at_tables(&look, json_object_get(snapshot, "tables"), &error) != HF_OK)
        return hf_check_database_error(&error, seen);
    *ret_value = look.worst;
    if (look.problems > SHOWN_MAX)
        hf_buf_printf(seen, "; and %zu more", look.problems - SHOWN_MAX);
    hf_buf_printf(seen, "%s%zu table%s compared with snapshot %s", look.problems > 0 ? "; " : "", look.tables,
                  look.tables == 1 ? "" : "s", json_string_value(json_object_get(snapshot, "id")));
    if (look.check->rows.estimated)
        hf_buf_printf(seen, ", %zu of them counted, the others estimated", look.counted);
    else
        hf_buf_puts(seen, ", all counted");
    return look.problems > 0 ? HF_CHECK_FAILED : HF_CHECK_PASSED;
}

const hf_check_ops hf_check_rows = {
    .name = "rows",
    .needs = HF_CHECKS_NEED_DATABASE | HF_CHECKS_NEED_SNAPSHOT,
    .validate = rows_validate,
    .expect = rows_expect,
    .look = rows_look,
};
