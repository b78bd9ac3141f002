#include "deploy/written.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "deploy/touches.h"
#include "pg/catalog.h"
#include "restore/verify.h"

void hf_written_done(hf_written *written)
{
    for (size_t i = 0; i < written->tables.count; i++) {
        free(written->tables.items[i].schema);
        free(written->tables.items[i].name);
        free(written->tables.items[i].why);
    }
    free(written->tables.items);
    *written = (hf_written){0};
}

static uint64_t rows_of(const hf_written_table *table)
{
    return table->changes.added + table->changes.removed + table->changes.changed;
}

json_t *hf_written_json(const hf_written *written)
{
    json_t *tables = json_array();

    for (size_t i = 0; i < written->tables.count; i++) {
        const hf_written_table *table = &written->tables.items[i];
        json_t *json =
            json_pack("{s:s, s:s, s:s?}", "schema", table->schema, "name", table->name, "why", table->why);

        json_object_set_new(json, "rows",
                            table->why != NULL ? json_null() : json_integer((json_int_t) rows_of(table)));
        if (table->why == NULL) {
            json_object_set_new(json, "added", json_integer((json_int_t) table->changes.added));
            json_object_set_new(json, "removed", json_integer((json_int_t) table->changes.removed));
            json_object_set_new(json, "changed", json_integer((json_int_t) table->changes.changed));
        }
        json_array_append_new(tables, json);
    }
    return json_pack("{s:o, s:o}", "tables", tables, "total",
                     written->unknown > 0 ? json_null() : json_integer((json_int_t) written->rows));
}

char *hf_written_shown(const hf_written_table *table)
{
    HF_AUTO_STR name = hf_pg_table_shown(table->schema, table->name);
    char rows[32], added[32], removed[32], changed[32];

    if (table->why != NULL)
        return hf_format("%s: unknown, because %s", name, table->why);
    return hf_format("%s: %s rows (%s added, %s removed, %s changed)", name,
                     hf_show_count(rows_of(table), rows), hf_show_count(table->changes.added, added),
                     hf_show_count(table->changes.removed, removed),
                     hf_show_count(table->changes.changed, changed));
}

hf_status hf_written_connect(const char *url, const char *database, hf_pg **ret_pg, hf_error *error)
{
    static const char *const settings[] = {"lock_timeout=10s", NULL};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(
        &(hf_pg_options){
            .url = url, .database = database, .purpose = "compare", .exact_text = true, .settings = settings},
        &pg, error));
    HF_TRY(hf_pg_exec(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
    *ret_pg = HF_TAKE(pg);
    return HF_OK;
}

bool hf_written_is_of(const hf_written_table *written, const hf_table *table)
{
    return table->root_name == NULL
               ? hf_streq(table->schema, written->schema) && hf_streq(table->name, written->name)
               : hf_streq(table->root_schema, written->schema) && hf_streq(table->root_name, written->name);
}

/* The table of that name, or all partitions of a root of that name. */
static hf_status count_rows(const hf_deploy_options *options, hf_pg *pg, const hf_manifest *manifest,
                            hf_written_table *written, hf_error *error)
{
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];
        hf_row_changes changes;

        if (!hf_written_is_of(written, table))
            continue;
        HF_TRY(
            hf_rows_compare(&(hf_rows_options){.repository = options->repository, .table = table, .pg = pg},
                            &changes, error));
        written->changes.added += changes.added;
        written->changes.removed += changes.removed;
        written->changes.changed += changes.changed;
        written->changes.has_key = changes.has_key;
    }
    return HF_OK;
}

static hf_written_table *add_table(hf_written *written, const char *schema, const char *name)
{
    hf_written_table *table = HF_APPEND_NEW(&written->tables);

    table->schema = hf_strdup(schema);
    table->name = hf_strdup(name);
    return table;
}

static bool is_of_large_objects(const hf_manifest *manifest, const hf_difference *difference)
{
    return hf_manifest_find_table(manifest, difference->schema, difference->table) == NULL &&
           hf_streq(difference->schema, manifest->large_objects.objects.schema);
}

/* Why a difference is not to be counted, or NULL; the caller owns it. */
static char *find_unknown(const hf_manifest *manifest, const hf_difference *difference, const json_t *touches)
{
    if (difference->kind == HF_TABLE_MISSING)
        return hf_strdup("it is gone or has another name");
    if (difference->kind == HF_DIFFERENT_COLUMNS)
        return hf_strdup("it has other columns than in the snapshot");
    if (is_of_large_objects(manifest, difference))
        return hf_strdup("large objects are not compared one by one");
    return hf_touches_why(touches, difference->schema, difference->table);
}

/* A column that was added changes no row: is it equal in those that the snapshot has? */
static hf_status is_equal_in_old_columns(hf_pg *pg, const hf_manifest *manifest,
                                         const hf_difference *difference, bool *ret_equal, hf_error *error)
{
    const hf_table *table = hf_manifest_find_table(manifest, difference->schema, difference->table);
    hf_row_digest sum = {0};
    hf_error ignored;

    if (difference->kind != HF_DIFFERENT_COLUMNS || table == NULL || table->root_name != NULL)
        return HF_OK;
    HF_TRY(hf_pg_exec(pg, "SAVEPOINT look", error));
    hf_status status = hf_verify_read(pg, table, (hf_table_part){.parts = 1}, NULL, &sum, &ignored);
    *ret_equal = status == HF_OK && hf_row_digest_equal(&sum, &table->total);
    return hf_pg_exec(pg, "ROLLBACK TO SAVEPOINT look", error);
}

static hf_status add_difference(const hf_deploy_options *options, hf_pg *pg, const hf_manifest *manifest,
                                const json_t *touches, const hf_difference *difference, hf_written *written,
                                hf_error *error)
{
    bool is_equal = false;

    HF_TRY(is_equal_in_old_columns(pg, manifest, difference, &is_equal, error));
    if (is_equal)
        return HF_OK;
    hf_written_table *table = add_table(written, difference->schema, difference->table);

    table->why = find_unknown(manifest, difference, touches);
    if (table->why == NULL) {
        hf_status status = count_rows(options, pg, manifest, table, error);

        if (status == HF_E_LIMIT)
            table->why = hf_strdup("it has too many rows that differ");
        else
            HF_TRY(status);
    }
    written->unknown += table->why != NULL;
    written->rows += table->why == NULL ? rows_of(table) : 0;
    return HF_OK;
}

hf_status hf_written_look(const hf_deploy_options *options, const char *database, const hf_manifest *manifest,
                          const json_t *touches, hf_written *ret_written, hf_error *error)
{
    HF_AUTO(hf_difference_list_done) hf_difference_list differences = {0};
    HF_AUTO(hf_written_done) hf_written written = {0};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_verify_database(&(hf_verify_options){.url = options->url,
                                                   .database = database,
                                                   .manifest = manifest,
                                                   .jobs = options->target->snapshot.jobs},
                              &differences, error));
    HF_TRY(hf_written_connect(options->url, database, &pg, error));
    for (size_t i = 0; i < differences.count; i++)
        if (differences.items[i].kind != HF_TABLE_EXTRA)
            HF_TRY(add_difference(options, pg, manifest, touches, &differences.items[i], &written, error));
    for (size_t i = 0; i < manifest->tables.count; i++)
        if (manifest->tables.items[i].data_excluded) {
            add_table(&written, manifest->tables.items[i].schema, manifest->tables.items[i].name)->why =
                hf_strdup("the snapshot has none of its rows");
            written.unknown++;
        }
    *ret_written = written;
    written = (hf_written){0};
    return HF_OK;
}
