#include "deploy/table_counts.h"

#include <string.h>

#include "base/clock.h"
#include "deploy/sql.h"
#include "pg/connection.h"

#define COUNTED_MAX_BYTES (8 << 20) /* of one table */
#define TABLES_MAX 500              /* as in the query */
#define PATIENCE_MS 3000            /* for all counting together */

static json_t *counted(hf_pg *pg, const char *schema, const char *name)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    HF_AUTO_ROWS rows = NULL;
    hf_error ignored;

    hf_buf_puts(&sql, "SELECT pg_catalog.count(*) AS n FROM ONLY ");
    hf_sql_qualified(&sql, schema, name);
    if (hf_pg_query(pg, hf_buf_text(&sql), 0, NULL, &rows, &ignored) != HF_OK)
        return NULL;
    return json_integer(hf_rows_int(rows, 0, "n"));
}

json_t *hf_table_counts(const char *url)
{
    static const char *const settings[] = {"lock_timeout=200ms", "statement_timeout=1s", NULL};
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;
    hf_error ignored;

    if (hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "report", .settings = settings}, &pg,
                      &ignored) != HF_OK ||
        hf_pg_query(pg, hf_sql_table_sizes, 0, NULL, &rows, &ignored) != HF_OK)
        return NULL;
    json_t *tables = json_array();
    const int64_t deadline = hf_monotonic_ms() + PATIENCE_MS;
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *schema = hf_rows_text(rows, i, "schema"), *name = hf_rows_text(rows, i, "name");
        const int64_t bytes = hf_rows_int(rows, i, "bytes");
        json_t *count = NULL;

        if (bytes <= COUNTED_MAX_BYTES && hf_rows_bool(rows, i, "readable") && hf_monotonic_ms() < deadline)
            count = counted(pg, schema, name);
        const bool exact = count != NULL;
        if (count == NULL)
            count = hf_rows_text(rows, i, "estimate") == NULL
                        ? json_null()
                        : json_integer(hf_rows_int(rows, i, "estimate"));
        json_array_append_new(tables, json_pack("{s:s, s:s, s:I, s:o, s:b}", "schema", schema, "name", name,
                                                "bytes", (json_int_t) bytes, "rows", count, "exact", exact));
    }
    return json_pack("{s:o, s:b}", "tables", tables, "more", hf_rows_count(rows) == TABLES_MAX);
}
