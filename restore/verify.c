#include "restore/verify.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/queue.h"
#include "base/text.h"
#include "pg/copy.h"

#define PART_BYTES (32u << 20)
#define TID_RANGE_VERSION 140000
#define QUERY_MAX (4u << 20)

static const char *const KIND_NAMES[] = {"rows", "columns", "missing", "extra"};

void hf_difference_list_done(hf_difference_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].schema);
        free(list->items[i].table);
        free(list->items[i].why);
    }
    free(list->items);
    *list = (hf_difference_list){0};
}

json_t *hf_difference_list_json(const hf_difference_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const hf_difference *difference = &list->items[i];
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s}", "schema", difference->schema,
                                               "table", difference->table, "difference",
                                               KIND_NAMES[difference->kind], "rows_expected",
                                               (json_int_t) difference->rows_expected, "rows_seen",
                                               (json_int_t) difference->rows_seen, "digest_equal",
                                               difference->digest_equal, "why", difference->why));
    }
    return array;
}

static hf_difference *add_difference(hf_difference_list *list, const char *schema, const char *table,
                                     hf_difference_kind kind)
{
    hf_difference *difference = HF_APPEND_NEW(list);
    difference->schema = hf_strdup(schema);
    difference->table = hf_strdup(table);
    difference->kind = kind;
    return difference;
}

size_t hf_verify_parts(int server_version, uint64_t bytes)
{
    if (server_version < TID_RANGE_VERSION || bytes <= 2 * (uint64_t) PART_BYTES)
        return 1;
    return (size_t) (bytes / PART_BYTES);
}

typedef struct row_reader {
    hf_row_digest sum;
    uint64_t bytes;
    hf_progress *progress;
} row_reader;

static hf_status add_row(void *context, const char *row, size_t len, hf_error *error)
{
    (void) error;
    row_reader *reader = context;
    if (len > 0 && row[len - 1] == '\n')
        len--;
    hf_row_digest_add(&reader->sum, row, len);
    if (reader->progress != NULL) {
        reader->bytes += len + 1;
        if (reader->bytes > (1u << 20)) {
            atomic_fetch_add(&reader->progress->done_bytes, reader->bytes);
            reader->bytes = 0;
        }
    }
    return HF_OK;
}

/* The first and last heap page of a part; the last part is open at its end. */
static hf_status part_condition(hf_pg *pg, const hf_table *table, hf_table_part part, hf_buf *sql, hf_error *error)
{
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    hf_sql_qualified(&name, table->schema, table->name);
    const char *params[] = {hf_buf_text(&name)};
    HF_AUTO_STR text = NULL;
    HF_TRY(hf_pg_query_text(pg,
                            "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) / "
                            "pg_catalog.current_setting('block_size')::int8",
                            1, params, &text, error));
    int64_t pages;
    HF_TRY(hf_parse_int(text != NULL ? text : "", 0, UINT32_MAX, &pages, error));
    uint64_t first = (uint64_t) pages * part.part / part.parts;
    uint64_t end = (uint64_t) pages * (part.part + 1) / part.parts;
    hf_buf_printf(sql, " WHERE ctid >= '(%llu,0)'", (unsigned long long) first);
    if (part.part + 1 < part.parts)
        hf_buf_printf(sql, " AND ctid < '(%llu,0)'", (unsigned long long) end);
    return HF_OK;
}

hf_status hf_verify_read(hf_pg *pg, const hf_table *table, hf_table_part part, hf_progress *progress,
                         hf_row_digest *sum, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    hf_buf_puts(&sql, "COPY (SELECT ");
    for (size_t i = 0; i < table->columns.count; i++) {
        if (i > 0)
            hf_buf_puts(&sql, ", ");
        hf_sql_name(&sql, table->columns.items[i]);
    }
    hf_buf_puts(&sql, " FROM ONLY ");
    hf_sql_qualified(&sql, table->schema, table->name);
    if (part.parts > 1)
        HF_TRY(part_condition(pg, table, part, &sql, error));
    hf_buf_puts(&sql, ") TO STDOUT");
    HF_TRY(hf_buf_check(&sql, "query", error));

    row_reader reader = {.progress = progress};
    hf_status status = hf_pg_copy_out(pg, hf_buf_text(&sql), add_row, &reader, error);
    if (progress != NULL) {
        atomic_fetch_add(&progress->done_bytes, reader.bytes);
        atomic_fetch_add(&progress->rows, reader.sum.rows);
    }
    if (status != HF_OK)
        return hf_prefix(error, "reading table \"%s\".\"%s\"", table->schema, table->name);
    hf_row_digest_merge(sum, &reader.sum);
    return HF_OK;
}

void hf_verify_compare(const hf_table *table, const hf_row_digest *seen, hf_difference_list *list)
{
    if (hf_row_digest_equal(&table->total, seen))
        return;
    hf_difference *difference = add_difference(list, table->schema, table->name, HF_DIFFERENT_ROWS);
    difference->rows_expected = table->total.rows;
    difference->rows_seen = seen->rows;
    difference->digest_equal = table->total.low == seen->low && table->total.high == seen->high;
    if (seen->rows != table->total.rows)
        difference->why = hf_format("%llu rows, the snapshot has %llu", (unsigned long long) seen->rows,
                                    (unsigned long long) table->total.rows);
    else
        difference->why = hf_format("%llu rows as in the snapshot, but with other content",
                                    (unsigned long long) seen->rows);
}

/* --- a whole database, on one snapshot --- */

typedef struct live_table {
    char *key; /* quoted and qualified */
    size_t row;  /* in the catalog's rows */
    uint64_t bytes;
    bool is_known; /* the manifest has it */
    UT_hash_handle hh;
} live_table;

typedef struct reading {
    size_t table; /* in the manifest */
    hf_table_part part;
    hf_row_digest sum; /* written by the one worker that reads it */
} reading;

typedef struct verification {
    const hf_verify_options *options;
    char *snapshot;
    HF_VECTOR(reading) readings;
} verification;

static hf_status connect_reader(const hf_verify_options *options, hf_pg **ret_pg, hf_error *error)
{
    hf_pg_options connection = {
        .url = options->url, .database = options->database, .purpose = "verify", .exact_text = true};
    return hf_pg_connect(&connection, ret_pg, error);
}

static hf_status start_worker(void *context, size_t worker, void **ret_state, hf_error *error)
{
    (void) worker;
    const verification *verification = context;
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_reader(verification->options, &pg, error));
    HF_TRY(hf_pg_execf(pg, error,
                       "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '%s'",
                       verification->snapshot));
    *ret_state = HF_TAKE(pg);
    return HF_OK;
}

static hf_status read_part(void *context, void *state, size_t item, hf_error *error)
{
    verification *verification = context;
    reading *reading = &verification->readings.items[item];
    return hf_verify_read(state, &verification->options->manifest->tables.items[reading->table], reading->part,
                          verification->options->progress, &reading->sum, error);
}

static void stop_worker(void *context, void *state)
{
    (void) context;
    hf_pg_free(state);
}

/* Ordinary tables that belong to users: not the system's, not temporary, not an extension's. */
static const char LIVE_TABLES[] =
    "SELECT n.nspname, c.relname, pg_catalog.pg_relation_size(c.oid) AS bytes, "
    "EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass "
    "AND d.objid = c.oid AND d.deptype = 'e') AS of_extension, "
    "(SELECT pg_catalog.array_to_string(pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) "
    "ORDER BY a.attname COLLATE \"C\"), ',') FROM pg_catalog.pg_attribute a "
    "WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns "
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' "
    "AND n.nspname <> 'information_schema' ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

/* The live names come quoted by the server, so ours go through it too. */
static hf_status quoted_columns(hf_pg *pg, const hf_table *table, char **ret_text, hf_error *error)
{
    HF_AUTO_BUF array = HF_BUF_MAX(QUERY_MAX);
    hf_buf_putc(&array, '{');
    for (size_t i = 0; i < table->columns.count; i++) {
        hf_buf_puts(&array, i > 0 ? ",\"" : "\"");
        for (const char *c = table->columns.items[i]; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\')
                hf_buf_putc(&array, '\\');
            hf_buf_putc(&array, *c);
        }
        hf_buf_putc(&array, '"');
    }
    hf_buf_putc(&array, '}');
    HF_TRY(hf_buf_check(&array, "list of columns", error));
    const char *params[] = {hf_buf_text(&array)};
    return hf_pg_query_text(pg,
                            "SELECT pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.quote_ident(x) FROM "
                            "pg_catalog.unnest($1::text[]) AS x ORDER BY x COLLATE \"C\"), ',')",
                            1, params, ret_text, error);
}

/* What of the table can be compared: adds readings, or a difference when the columns are others. */
static hf_status plan_table(verification *verification, hf_pg *pg, size_t number, const hf_rows *rows,
                            const live_table *live, hf_difference_list *list, hf_error *error)
{
    const hf_table *table = &verification->options->manifest->tables.items[number];
    const char *columns = hf_rows_text(rows, live->row, "columns");
    HF_AUTO_STR expected = NULL;
    HF_TRY(quoted_columns(pg, table, &expected, error));
    if (strcmp(columns != NULL ? columns : "", expected != NULL ? expected : "") != 0) {
        HF_AUTO_BUF sql = HF_BUF_MAX(4096);
        hf_buf_puts(&sql, "SELECT count(*) FROM ONLY ");
        hf_sql_qualified(&sql, table->schema, table->name);
        HF_AUTO_STR count = NULL;
        HF_TRY(hf_pg_query_text(pg, hf_buf_text(&sql), 0, NULL, &count, error));
        hf_difference *difference = add_difference(list, table->schema, table->name, HF_DIFFERENT_COLUMNS);
        difference->rows_expected = table->total.rows;
        difference->rows_seen = count != NULL ? strtoull(count, NULL, 10) : 0;
        difference->why = hf_format("columns (%s), the snapshot has (%s)", columns != NULL ? columns : "",
                                    expected != NULL ? expected : "");
        return HF_OK;
    }
    size_t parts = hf_verify_parts(hf_pg_version(pg), live->bytes);
    for (size_t part = 0; part < parts; part++)
        HF_PUSH(&verification->readings, ((reading){.table = number, .part = {.part = part, .parts = parts}}));
    return HF_OK;
}

static void free_live_tables(live_table **tables)
{
    live_table *table, *next;
    HASH_ITER(hh, *tables, table, next)
    {
        HASH_DEL(*tables, table);
        free(table->key);
        free(table);
    }
}

static char *table_key(const char *schema, const char *name)
{
    HF_AUTO_BUF key = HF_BUF_MAX(1024);
    hf_sql_qualified(&key, schema, name);
    return hf_strdup(hf_buf_text(&key));
}

static hf_status plan_database(verification *verification, hf_pg *pg, hf_difference_list *list, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg, LIVE_TABLES, 0, NULL, &rows, error));
    HF_AUTO(free_live_tables) live_table *tables = NULL;
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        live_table *table = hf_alloc(sizeof(*table));
        table->key = table_key(hf_rows_text(rows, i, "nspname"), hf_rows_text(rows, i, "relname"));
        table->row = i;
        table->bytes = (uint64_t) hf_rows_int(rows, i, "bytes");
        HASH_ADD_KEYPTR(hh, tables, table->key, strlen(table->key), table);
    }
    const hf_manifest *manifest = verification->options->manifest;
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];
        HF_AUTO_STR key = table_key(table->schema, table->name);
        live_table *live = NULL;
        HASH_FIND(hh, tables, key, strlen(key), live);
        if (live == NULL) {
            hf_difference *difference = add_difference(list, table->schema, table->name, HF_TABLE_MISSING);
            difference->rows_expected = table->total.rows;
            difference->why = hf_strdup("the database has no such table");
            continue;
        }
        live->is_known = true;
        if (!table->data_excluded)
            HF_TRY(plan_table(verification, pg, i, rows, live, list, error));
    }
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_STR key = table_key(hf_rows_text(rows, i, "nspname"), hf_rows_text(rows, i, "relname"));
        live_table *live = NULL;
        HASH_FIND(hh, tables, key, strlen(key), live);
        if (live->is_known || hf_rows_bool(rows, i, "of_extension"))
            continue;
        hf_difference *difference = add_difference(list, hf_rows_text(rows, i, "nspname"),
                                                   hf_rows_text(rows, i, "relname"), HF_TABLE_EXTRA);
        difference->why = hf_strdup("the snapshot has no such table");
    }
    return HF_OK;
}

static hf_status verify(verification *verification, hf_difference_list *list, hf_error *error)
{
    const hf_verify_options *options = verification->options;
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_reader(options, &pg, error));
    HF_TRY(hf_pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
    HF_TRY(hf_pg_query_text(pg, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, &verification->snapshot, error));
    HF_TRY(plan_database(verification, pg, list, error));
    if (options->progress != NULL)
        atomic_store(&options->progress->total_bytes, hf_manifest_raw_bytes(options->manifest));

    static const hf_pool_ops OPS = {.start = start_worker, .work = read_part, .stop = stop_worker};
    HF_TRY(hf_pool_run(&OPS, verification, options->jobs > 0 ? options->jobs : 2, verification->readings.count,
                       error));
    for (size_t i = 0; i < verification->readings.count;) {
        size_t table = verification->readings.items[i].table;
        hf_row_digest sum = {0};
        for (; i < verification->readings.count && verification->readings.items[i].table == table; i++)
            hf_row_digest_merge(&sum, &verification->readings.items[i].sum);
        hf_verify_compare(&options->manifest->tables.items[table], &sum, list);
    }
    return hf_pg_exec(pg, "COMMIT", error);
}

hf_status hf_verify_database(const hf_verify_options *options, hf_difference_list *ret_list, hf_error *error)
{
    verification verification = {.options = options};
    hf_difference_list list = {0};
    hf_status status = verify(&verification, &list, error);
    free(verification.snapshot);
    free(verification.readings.items);
    if (status != HF_OK) {
        hf_difference_list_done(&list);
        return status;
    }
    *ret_list = list;
    return HF_OK;
}
