#include "restore/verify.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/queue.h"
#include "base/text.h"
#include "pg/catalog.h"
#include "pg/copy.h"
#include "pg/large_objects.h"

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
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:s}", "schema",
                                               difference->schema, "table", difference->table, "difference",
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
    bool binary;
    uint64_t bytes;
    hf_progress *progress;
} row_reader;

static hf_status add_row(void *context, const char *row, size_t len, hf_error *error)
{
    (void) error;
    row_reader *reader = context;
    if (!reader->binary)
        len--; /* the newline */
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

/* The heap pages of a part; the last part is open at its end. */
static hf_status find_pages(hf_pg *pg, const hf_table *table, hf_table_part part, uint32_t *ret_first,
                            uint32_t *ret_end, hf_error *error)
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
    *ret_first = (uint32_t) ((uint64_t) pages * part.part / part.parts);
    *ret_end = part.part + 1 < part.parts ? (uint32_t) ((uint64_t) pages * (part.part + 1) / part.parts)
                                          : UINT32_MAX;
    return HF_OK;
}

hf_status hf_verify_read(hf_pg *pg, const hf_table *table, hf_table_part part, hf_progress *progress,
                         hf_row_digest *sum, hf_error *error)
{
    uint32_t first_page = 0, end_page = 0;
    if (part.parts > 1) {
        HF_TRY(find_pages(pg, table, part, &first_page, &end_page, error));
        if (first_page == end_page)
            return HF_OK; /* fewer pages than parts */
    }
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    hf_pg_sql_copy_out(&sql, table->schema, table->name, &table->columns, table->condition, table->format,
                       first_page, end_page);
    HF_TRY(hf_buf_check(&sql, "query", error));

    row_reader reader = {.binary = hf_streq(table->format, "binary"), .progress = progress};
    hf_status status = hf_pg_copy_out(pg, hf_buf_text(&sql), add_row, &reader, error);
    if (progress != NULL)
        atomic_fetch_add(&progress->done_bytes, reader.bytes);
    if (status != HF_OK) {
        HF_AUTO_STR shown = hf_pg_table_shown(table->schema, table->name);
        return hf_prefix(error, "reading table %s", shown);
    }
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

static bool same_root(const hf_table *a, const hf_table *b)
{
    return hf_streq(a->root_name, b->root_name) && hf_streq(a->root_schema, b->root_schema);
}

/* All partitions of one root, of which `first` is the first. */
static void compare_partitions(const hf_manifest *manifest, size_t first, const hf_row_digest *seen,
                               const bool *skipped, hf_difference_list *list)
{
    const hf_table *table = &manifest->tables.items[first];
    hf_table root = {.schema = table->root_schema, .name = table->root_name};
    hf_row_digest sum = {0};
    for (size_t i = first; i < manifest->tables.count; i++) {
        if (!same_root(&manifest->tables.items[i], table))
            continue;
        if (skipped[i])
            return; /* nothing can be said */
        hf_row_digest_merge(&root.total, &manifest->tables.items[i].total);
        hf_row_digest_merge(&sum, &seen[i]);
    }
    hf_verify_compare(&root, &sum, list);
}

void hf_verify_compare_tables(const hf_manifest *manifest, const hf_row_digest *seen, const bool *skipped,
                              hf_difference_list *list)
{
    const hf_table *tables = manifest->tables.items;
    for (size_t i = 0; i < manifest->tables.count; i++) {
        bool is_first = true;
        for (size_t before = 0; tables[i].root_name != NULL && before < i && is_first; before++)
            is_first = tables[before].root_name == NULL || !same_root(&tables[before], &tables[i]);
        if (tables[i].root_name == NULL && !skipped[i])
            hf_verify_compare(&tables[i], &seen[i], list);
        else if (tables[i].root_name != NULL && is_first)
            compare_partitions(manifest, i, seen, skipped, list);
    }
}

/* --- a whole database, on one snapshot --- */

typedef struct live_table {
    char *key; /* quoted and qualified */
    const hf_pg_table *table;
    bool is_known; /* the manifest has it */
    UT_hash_handle hh;
} live_table;

typedef struct part_reading {
    size_t table;       /* in the manifest */
    hf_table_part part; /* no parts: there is nothing to read */
    hf_row_digest sum;  /* written by the one worker that reads it */
} part_reading;

typedef struct database_check {
    const hf_verify_options *options;
    char *snapshot;
    HF_VECTOR(part_reading) readings;
} database_check;

static hf_status connect_reader(const hf_verify_options *options, hf_pg **ret_pg, hf_error *error)
{
    static const char *const SETTINGS[] = {"lock_timeout=10s", NULL}; /* a live database may hold locks */
    hf_pg_options connection = {.url = options->url,
                                .database = options->database,
                                .purpose = "verify",
                                .exact_text = true,
                                .settings = SETTINGS};
    return hf_pg_connect(&connection, ret_pg, error);
}

static hf_status start_worker(void *context, size_t worker, void **ret_state, hf_error *error)
{
    (void) worker;
    const database_check *check = context;
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_reader(check->options, &pg, error));
    HF_TRY(hf_pg_execf(pg, error,
                       "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '%s'",
                       check->snapshot));
    *ret_state = HF_TAKE(pg);
    return HF_OK;
}

static hf_status read_part(void *context, void *state, size_t item, hf_error *error)
{
    database_check *check = context;
    part_reading *reading = &check->readings.items[item];
    if (reading->part.parts == 0)
        return HF_OK;
    HF_TRY(hf_verify_read(state, &check->options->manifest->tables.items[reading->table], reading->part,
                          check->options->progress, &reading->sum, error));
    if (check->options->progress != NULL)
        atomic_fetch_add(&check->options->progress->rows, reading->sum.rows);
    return HF_OK;
}

static void stop_worker(void *context, void *state)
{
    (void) context;
    hf_pg_free(state);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Names in byte order, as one text for comparing and showing; the caller owns it. */
static char *name_list(const hf_strings *names)
{
    HF_AUTO_BUF text = HF_BUF_MAX(QUERY_MAX);
    const char **sorted = hf_alloc((names->count + 1) * sizeof(*sorted));
    for (size_t i = 0; i < names->count; i++)
        sorted[i] = names->items[i];
    qsort(sorted, names->count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (i > 0)
            hf_buf_puts(&text, ", ");
        hf_sql_name(&text, sorted[i]);
    }
    free(sorted);
    return hf_strdup(hf_buf_text(&text));
}

/* What of the table can be compared: adds readings, or a difference when the columns are others. */
static hf_status plan_table(database_check *check, hf_pg *pg, size_t number, const hf_pg_table *live,
                            hf_difference_list *list, hf_error *error)
{
    const hf_table *table = &check->options->manifest->tables.items[number];
    HF_AUTO_STR expected = name_list(&table->columns);
    HF_AUTO_STR columns = name_list(&live->columns);
    if (strcmp(columns, expected) != 0) {
        HF_AUTO_BUF sql = HF_BUF_MAX(4096);
        hf_buf_puts(&sql, "SELECT count(*) FROM ONLY ");
        hf_sql_qualified(&sql, table->schema, table->name);
        HF_AUTO_STR count = NULL;
        HF_TRY(hf_pg_query_text(pg, hf_buf_text(&sql), 0, NULL, &count, error));
        hf_difference *difference = add_difference(list, table->schema, table->name, HF_DIFFERENT_COLUMNS);
        difference->rows_expected = table->total.rows;
        difference->rows_seen = count != NULL ? strtoull(count, NULL, 10) : 0;
        difference->why = hf_format("columns (%s), the snapshot has (%s)", columns, expected);
        return HF_OK;
    }
    if (live->pages == 0) { /* no page, no row */
        HF_PUSH(&check->readings, ((part_reading){.table = number}));
        return HF_OK;
    }
    uint64_t bytes = (uint64_t) live->pages * check->options->manifest->server.block_size;
    size_t parts = table->condition != NULL ? 1 : hf_verify_parts(hf_pg_version(pg), bytes);
    for (size_t part = 0; part < parts; part++)
        HF_PUSH(&check->readings, ((part_reading){.table = number, .part = {.part = part, .parts = parts}}));
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

static hf_status compare_tables(database_check *check, hf_pg *pg, const hf_pg_tables *found,
                                live_table **tables, hf_difference_list *list, hf_error *error)
{
    for (size_t i = 0; i < found->count; i++) {
        live_table *table = hf_alloc(sizeof(*table));
        table->key = table_key(found->items[i].schema, found->items[i].name);
        table->table = &found->items[i];
        HASH_ADD_KEYPTR(hh, *tables, table->key, strlen(table->key), table);
    }
    const hf_manifest *manifest = check->options->manifest;
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];
        HF_AUTO_STR key = table_key(table->schema, table->name);
        live_table *live = NULL;
        HASH_FIND(hh, *tables, key, strlen(key), live);
        if (live == NULL) {
            hf_difference *difference = add_difference(list, table->schema, table->name, HF_TABLE_MISSING);
            difference->rows_expected = table->total.rows;
            difference->why = hf_strdup("the database has no such table");
            continue;
        }
        live->is_known = true;
        if (!table->data_excluded)
            HF_TRY(plan_table(check, pg, i, live->table, list, error));
    }
    live_table *live, *next;
    HASH_ITER(hh, *tables, live, next)
    {
        if (live->is_known)
            continue;
        hf_difference *difference =
            add_difference(list, live->table->schema, live->table->name, HF_TABLE_EXTRA);
        difference->why = hf_strdup("the snapshot has no such table");
    }
    return HF_OK;
}

static hf_status plan_database(database_check *check, hf_pg *pg, hf_difference_list *list, hf_error *error)
{
    HF_AUTO(hf_pg_tables_done) hf_pg_tables found = {0};
    HF_TRY(hf_pg_list_tables(pg, true, &found, error));
    HF_AUTO(free_live_tables) live_table *tables = NULL;
    return compare_tables(check, pg, &found, &tables, list, error);
}

static void compare_readings(const database_check *check, hf_difference_list *list)
{
    const hf_manifest *manifest = check->options->manifest;
    hf_row_digest *seen = hf_alloc((manifest->tables.count + 1) * sizeof(*seen));
    bool *skipped = hf_alloc(manifest->tables.count + 1);
    memset(skipped, true, manifest->tables.count + 1);
    for (size_t i = 0; i < check->readings.count; i++) {
        const part_reading *reading = &check->readings.items[i];
        skipped[reading->table] = false;
        hf_row_digest_merge(&seen[reading->table], &reading->sum);
    }
    hf_verify_compare_tables(manifest, seen, skipped, list);
    free(seen);
    free(skipped);
}

static hf_status compare_large_objects(const database_check *check, hf_pg *pg, hf_difference_list *list,
                                       hf_error *error)
{
    HF_AUTO_BUF objects = HF_BUF_MAX(QUERY_MAX);
    HF_AUTO_BUF pieces = HF_BUF_MAX(QUERY_MAX);
    row_reader objects_read = {0}, pieces_read = {0};
    hf_pg_sql_large_objects(&objects);
    hf_pg_sql_large_object_pieces(&pieces, (hf_pg_oid_range){.first = 0, .end = UINT32_MAX});
    HF_TRY(hf_pg_copy_out(pg, hf_buf_text(&objects), add_row, &objects_read, error));
    HF_TRY(hf_pg_copy_out(pg, hf_buf_text(&pieces), add_row, &pieces_read, error));
    hf_verify_compare(&check->options->manifest->large_objects.objects, &objects_read.sum, list);
    hf_verify_compare(&check->options->manifest->large_objects.pieces, &pieces_read.sum, list);
    return HF_OK;
}

static hf_status verify(database_check *check, hf_difference_list *list, hf_error *error)
{
    const hf_verify_options *options = check->options;
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_reader(options, &pg, error));
    HF_TRY(hf_pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
    HF_TRY(hf_pg_query_text(pg, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, &check->snapshot, error));
    HF_TRY(plan_database(check, pg, list, error));
    if (options->progress != NULL)
        atomic_store(&options->progress->total_bytes, hf_manifest_raw_bytes(options->manifest));

    static const hf_pool_ops OPS = {.start = start_worker, .work = read_part, .stop = stop_worker};
    HF_TRY(hf_pool_run(&OPS, check, options->jobs > 0 ? options->jobs : 2, check->readings.count, error));
    compare_readings(check, list);
    HF_TRY(compare_large_objects(check, pg, list, error));
    return hf_pg_exec(pg, "COMMIT", error);
}

static int compare_differences(const void *a_, const void *b_)
{
    const hf_difference *a = a_, *b = b_;
    if ((a->kind == HF_TABLE_EXTRA) != (b->kind == HF_TABLE_EXTRA))
        return a->kind == HF_TABLE_EXTRA ? 1 : -1;
    int order = strcmp(a->schema, b->schema);
    return order != 0 ? order : strcmp(a->table, b->table);
}

hf_status hf_verify_database(const hf_verify_options *options, hf_difference_list *ret_list, hf_error *error)
{
    database_check check = {.options = options};
    hf_difference_list list = {0};
    hf_status status = verify(&check, &list, error);
    free(check.snapshot);
    free(check.readings.items);
    if (status != HF_OK) {
        hf_difference_list_done(&list);
        return status;
    }
    if (list.count > 1)
        qsort(list.items, list.count, sizeof(*list.items), compare_differences);
    *ret_list = list;
    return HF_OK;
}
