#include "restore/in_place_look.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "restore/in_place.h"
#include "restore/report.h"
#include "restore/sql.h"

hf_status hf_in_place_obstacles(hf_pg *pg, hf_strings *ret_obstacles, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg, hf_sql_in_place_obstacles, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_strings_add(ret_obstacles, hf_rows_text(rows, i, "why"));
    return HF_OK;
}

/* The first column of all rows. */
static hf_status query_names(hf_pg *pg, const char *sql, hf_strings *ret_names, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg, sql, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_strings_add(ret_names, hf_rows_get(rows, i, 0));
    return HF_OK;
}

static void make_empty(hf_entry *entry)
{
    *entry->definition = '\0';
    *entry->drop = '\0';
}

static bool is_of_extension(const hf_entry *entry, const hf_strings *installed)
{
    static const char prefix[] = "EXTENSION ";
    if (strcmp(entry->kind, "EXTENSION") == 0)
        return hf_strings_has(installed, entry->tag);
    return strcmp(entry->kind, "COMMENT") == 0 && hf_starts_with(entry->tag, prefix) &&
           hf_strings_has(installed, entry->tag + strlen(prefix));
}

static bool is_relation(const hf_entry *entry)
{
    static const char *const KINDS[] = {"TABLE", "SEQUENCE", "MATERIALIZED VIEW", NULL};
    for (const char *const *kind = KINDS; *kind != NULL; kind++)
        if (strcmp(entry->kind, *kind) == 0)
            return true;
    return false;
}

static void add_relation(hf_strings *relations, const char *schema, const char *name)
{
    HF_AUTO_BUF key = HF_BUF_MAX(1024);
    hf_sql_qualified(&key, schema != NULL ? schema : "", name);
    hf_strings_add(relations, hf_buf_text(&key));
}

static bool is_among(const hf_strings *relations, const char *schema, const char *name)
{
    HF_AUTO_BUF key = HF_BUF_MAX(1024);
    if (relations->count == 0)
        return false;
    hf_sql_qualified(&key, schema, name);
    return hf_strings_has(relations, hf_buf_text(&key));
}

/* Empties entries and gathers the relations among them. */
static hf_status filter_archive(hf_pg *pg, hf_archive *archive, hf_restore_report *report,
                                hf_strings *relations, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings installed = {0};
    HF_AUTO(hf_strings_done) hf_strings foreign = {0};
    HF_TRY(query_names(pg, "SELECT extname FROM pg_catalog.pg_extension", &installed, error));
    HF_TRY(query_names(
        pg, "SELECT rolname FROM pg_catalog.pg_roles WHERE NOT pg_catalog.pg_has_role(oid, 'USAGE')",
        &foreign, error));
    for (size_t i = 0; i < archive->entries.count; i++) {
        hf_entry *entry = &archive->entries.items[i];
        const bool is_foreign = hf_strings_has(&foreign, entry->owner);
        if (!hf_entry_is_schema(entry) || (!is_foreign && !is_of_extension(entry, &installed)))
            continue;
        if (is_foreign) { /* that extensions stay needs no line each */
            HF_AUTO_STR why = hf_format("it belongs to role \"%s\" and was left alone", entry->owner);
            hf_report_entry(report, entry, HF_OUTCOME_SKIPPED, why);
        }
        if (is_relation(entry))
            add_relation(relations, entry->schema, entry->tag);
        make_empty(entry);
    }
    return HF_OK;
}

/* Tables that extensions made, with rows of the user's: they are filled where the role may do that. */
static hf_status find_closed(hf_pg *pg, hf_restore_report *report, hf_strings *relations, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(
        pg,
        "SELECT n.nspname AS schema, c.relname AS name FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND "
        "d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e' "
        "WHERE c.relkind = 'r' AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND "
        "pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_table_privilege(c.oid, 'INSERT') "
        "AND "
        "pg_catalog.has_table_privilege(c.oid, 'DELETE')) OR c.relkind = 'S' AND NOT "
        "(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_sequence_privilege(c.oid, "
        "'UPDATE'))",
        0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *schema = hf_rows_text(rows, i, "schema"), *name = hf_rows_text(rows, i, "name");
        add_relation(relations, schema, name);
        hf_report_add(report, "TABLE DATA", schema, name, HF_OUTCOME_SKIPPED,
                      "an extension made it, and this role may not write it");
    }
    return HF_OK;
}

hf_status hf_in_place_leave_alone(hf_pg *pg, const hf_manifest *manifest, hf_archive *archive,
                                  hf_restore_report *report, hf_manifest *ret_manifest, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings relations = {0};
    HF_TRY(filter_archive(pg, archive, report, &relations, error));
    HF_TRY(find_closed(pg, report, &relations, error));

    *ret_manifest = *manifest;
    memset(&ret_manifest->tables, 0, sizeof(ret_manifest->tables));
    memset(&ret_manifest->sequences, 0, sizeof(ret_manifest->sequences));
    memset(&ret_manifest->populated_matviews, 0, sizeof(ret_manifest->populated_matviews));
    for (size_t i = 0; i < manifest->tables.count; i++)
        if (!is_among(&relations, manifest->tables.items[i].schema, manifest->tables.items[i].name))
            HF_PUSH(&ret_manifest->tables, manifest->tables.items[i]);
    for (size_t i = 0; i < manifest->sequences.count; i++)
        if (!is_among(&relations, manifest->sequences.items[i].schema, manifest->sequences.items[i].name))
            HF_PUSH(&ret_manifest->sequences, manifest->sequences.items[i]);
    for (size_t i = 0; i < manifest->populated_matviews.count; i++)
        if (!is_among(&relations, manifest->populated_matviews.items[i].schema,
                      manifest->populated_matviews.items[i].name))
            HF_PUSH(&ret_manifest->populated_matviews, manifest->populated_matviews.items[i]);
    return HF_OK;
}

void hf_in_place_manifest_done(hf_manifest *manifest)
{
    free(manifest->tables.items);
    free(manifest->sequences.items);
    free(manifest->populated_matviews.items);
    memset(manifest, 0, sizeof(*manifest));
}

hf_status hf_in_place_leave_schemas(hf_pg *pg, hf_archive *archive, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings schemas = {0};
    HF_TRY(query_names(pg, "SELECT nspname FROM pg_catalog.pg_namespace", &schemas, error));
    for (size_t i = 0; i < archive->entries.count; i++) {
        hf_entry *entry = &archive->entries.items[i];
        if (strcmp(entry->kind, "SCHEMA") == 0 && hf_strings_has(&schemas, entry->tag))
            make_empty(entry);
    }
    return HF_OK;
}
