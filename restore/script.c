/*
 * The order is that of a restore on one connection (tasks.c): definitions, rows, what is made after the rows, sequences, large
 * objects, grants, materialized views, statistics, event triggers.
 */
#include "restore/script.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "pg/catalog.h"
#include "pg/session.h"
#include "repository/bundle.h"
#include "restore/database.h"
#include "restore/job.h"
#include "restore/large_objects.h"

#define STATEMENT_MAX (256u << 20)
#define ICU_VERSION 150000

typedef struct script {
    const hf_manifest *manifest;
    const hf_archive *archive;
    hf_object_map objects;
    hf_buf *sql;
    char *tablespace, *access_method; /* the session's defaults now; NULL: not set yet */
} script;

static void script_done(script *s)
{
    hf_object_map_done(&s->objects);
    free(s->tablespace);
    free(s->access_method);
}

/* A comment that stays in its line. */
static void add_note(hf_buf *sql, const char *text)
{
    hf_buf_puts(sql, "-- ");
    for (; *text != '\0'; text++)
        hf_buf_putc(sql, iscntrl((unsigned char) *text) ? '?' : *text);
    hf_buf_putc(sql, '\n');
}

/* Statements that psql hands to the server unread. */
static void add_statements(hf_buf *sql, const char *text)
{
    char tag[32] = "$holdfast$";

    for (unsigned i = 1; strstr(text, tag) != NULL; i++)
        (void) snprintf(tag, sizeof(tag), "$holdfast%u$", i);
    hf_buf_printf(sql, "SELECT %s\n", tag);
    hf_buf_puts(sql, text);
    hf_buf_printf(sql, "\n%s \\gexec\n\n", tag);
}

/* ---- definitions ---- */

static void set_default(hf_buf *sql, const char *setting, const char *value, char **kept)
{
    if (value == NULL || hf_streq(value, *kept))
        return;
    hf_buf_printf(sql, "SET %s = ", setting);
    hf_sql_literal(sql, value);
    hf_buf_puts(sql, ";\n");
    free(*kept);
    *kept = hf_strdup(value);
}

static hf_status add_entry(script *s, const hf_entry *entry, hf_error *error)
{
    const hf_restore_options options = {.manifest = s->manifest};
    HF_AUTO_BUF statements = HF_BUF_MAX(STATEMENT_MAX);
    HF_AUTO_STR shown = hf_format("%s %s%s%s", entry->kind, entry->schema != NULL ? entry->schema : "",
                                  entry->schema != NULL ? "." : "", entry->tag);

    hf_entry_statements(entry, &options, "", &statements);
    HF_TRY(hf_buf_check(&statements, "definition", error));
    if (statements.len == 0)
        return HF_OK;
    add_note(s->sql, shown);
    set_default(s->sql, "default_tablespace", entry->tablespace, &s->tablespace);
    if (entry->relkind != 'p' && entry->access_method != NULL && *entry->access_method != '\0')
        set_default(s->sql, "default_table_access_method", entry->access_method, &s->access_method);
    add_statements(s->sql, hf_buf_text(&statements));
    return HF_OK;
}

static hf_status add_pass(script *s, hf_pass pass, hf_error *error)
{
    bool is_before_data = true;

    for (size_t i = 0; i < s->archive->entries.count; i++) {
        const hf_entry *entry = &s->archive->entries.items[i];

        if (entry->section == HF_SECTION_DATA || entry->section == HF_SECTION_POST_DATA)
            is_before_data = false;
        if (hf_entry_pass(entry, is_before_data) == pass)
            HF_TRY(add_entry(s, entry, error));
    }
    return HF_OK;
}

/* ---- rows ---- */

static void add_copy(script *s, const char *into, const hf_chunk *chunk, const char *format)
{
    HF_AUTO_STR file =
        hf_bundle_object_file(s->manifest, hf_object_map_find(&s->objects, chunk->object.name));

    hf_buf_printf(s->sql, "\\copy %s from '%s'", into, file);
    hf_pg_sql_copy_options(s->sql, format, false);
    hf_buf_putc(s->sql, '\n');
}

/* The table's rows in a temporary table of plain names, and what puts them from there into their place. */
static void add_staged(script *s, const hf_table *table, const char *into, size_t number, hf_buf *ret_insert)
{
    HF_AUTO_STR staged = hf_format("pg_temp.hf_rows_%zu", number);

    hf_buf_printf(s->sql, "CREATE TEMPORARY TABLE hf_rows_%zu AS SELECT ", number);
    hf_buf_printf(ret_insert, "INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT ", into);
    for (size_t i = 0; i < table->columns.count; i++) {
        hf_buf_puts(s->sql, i > 0 ? ", " : "");
        hf_sql_name(s->sql, table->columns.items[i]);
        hf_buf_printf(s->sql, " AS c%zu", i + 1);
        hf_buf_printf(ret_insert, "%sc%zu", i > 0 ? ", " : "", i + 1);
    }
    hf_buf_puts(s->sql, " FROM ONLY ");
    hf_sql_qualified(s->sql, table->schema, table->name);
    hf_buf_puts(s->sql, " WITH NO DATA;\n");
    for (size_t i = 0; i < table->chunks.count; i++)
        add_copy(s, staged, &table->chunks.items[i], table->format);
    hf_buf_printf(ret_insert, " FROM %s; DROP TABLE %s;\n", staged, staged);
}

static hf_status add_table(script *s, const hf_table *table, hf_error *error)
{
    HF_AUTO_BUF into = HF_BUF_MAX(STATEMENT_MAX), insert = HF_BUF_MAX(STATEMENT_MAX);

    hf_load_sql_rows(&into, table);
    HF_TRY(hf_buf_check(&into, "statement", error));
    if (table->chunks.count > 0 && strchr(hf_buf_text(&into), '\n') != NULL) {
        add_staged(s, table, hf_buf_text(&into), 0, &insert); /* \copy is one line, and a name has two */
        HF_TRY(hf_buf_check(&insert, "statement", error));
        hf_buf_puts(s->sql, hf_buf_text(&insert));
        return HF_OK;
    }
    for (size_t i = 0; i < table->chunks.count; i++)
        add_copy(s, hf_buf_text(&into), &table->chunks.items[i], table->format);
    return HF_OK;
}

/*
 * What may have to wait for another of its kind is tried round by round, as long as one succeeds: as in a restore (run.c), but on the
 * server, for psql has no loops.
 */
static const char begin_rounds[] = "CREATE TEMPORARY TABLE hf_late (number integer, statements text);\n";

static void add_late(hf_buf *sql, size_t number, const char *statements)
{
    hf_buf_printf(sql, "INSERT INTO pg_temp.hf_late VALUES (%zu,", number);
    hf_sql_literal(sql, statements);
    hf_buf_puts(sql, ");\n");
}

static const char end_rounds[] =
    "DO $$\n"
    "DECLARE\n"
    "    item record;\n"
    "    progress boolean := true;\n"
    "BEGIN\n"
    "    WHILE progress LOOP\n"
    "        progress := false;\n"
    "        FOR item IN SELECT number, statements FROM pg_temp.hf_late ORDER BY number LOOP\n"
    "            BEGIN\n"
    "                EXECUTE item.statements;\n"
    "                DELETE FROM pg_temp.hf_late WHERE number = item.number;\n"
    "                progress := true;\n"
    "            EXCEPTION WHEN OTHERS THEN -- again in the next round\n"
    "            END;\n"
    "        END LOOP;\n"
    "    END LOOP;\n"
    "    FOR item IN SELECT statements FROM pg_temp.hf_late ORDER BY number LOOP\n"
    "        EXECUTE item.statements;\n"
    "    END LOOP;\n"
    "END $$;\n"
    "DROP TABLE pg_temp.hf_late;\n\n";

static hf_status add_late_table(script *s, const hf_table *table, size_t number, hf_error *error)
{
    HF_AUTO_BUF into = HF_BUF_MAX(STATEMENT_MAX), statements = HF_BUF_MAX(STATEMENT_MAX);

    if (table->condition != NULL) {
        hf_load_sql_delete(&statements, table);
        hf_buf_puts(&statements, "; ");
    }
    hf_load_sql_rows(&into, table);
    HF_TRY(hf_buf_check(&into, "statement", error));
    add_staged(s, table, hf_buf_text(&into), number, &statements);
    HF_TRY(hf_buf_check(&statements, "statement", error));
    add_late(s->sql, number, hf_buf_text(&statements));
    return HF_OK;
}

/* Does a check of the table call functions?  They may want the rows of others. */
static bool may_want_others(const hf_archive *archive, const hf_entry *entry)
{
    for (size_t i = 0; i < entry->dependencies.count; i++) {
        const hf_entry *needed = hf_archive_find(archive, entry->dependencies.items[i]);

        if (needed != NULL && hf_entry_may_read_tables(needed))
            return true;
    }
    return false;
}

typedef HF_VECTOR(const hf_entry *) entry_list;
typedef HF_VECTOR(const hf_table *) table_list;

static void entry_list_done(entry_list *list)
{
    free(list->items);
}

static void table_list_done(table_list *list)
{
    free(list->items);
}

static bool is_among(const entry_list *list, const hf_table *table)
{
    for (size_t i = 0; i < list->count; i++)
        if (hf_streq(list->items[i]->tag, table->name) && hf_streq(list->items[i]->schema, table->schema))
            return true;
    return false;
}

static hf_status add_tables(script *s, hf_error *error)
{
    HF_AUTO(entry_list_done) entry_list wanting = {0};
    HF_AUTO(table_list_done) table_list late = {0};

    for (size_t i = 0; i < s->archive->entries.count; i++) {
        const hf_entry *entry = &s->archive->entries.items[i];

        if (hf_streq(entry->kind, "TABLE") && may_want_others(s->archive, entry))
            HF_PUSH(&wanting, entry);
    }
    for (size_t i = 0; i < s->manifest->tables.count; i++) {
        const hf_table *table = &s->manifest->tables.items[i];

        if (table->data_excluded || (table->chunks.count == 0 && table->condition == NULL))
            continue;
        if (table->condition != NULL || is_among(&wanting, table))
            HF_PUSH(&late, table);
        else
            HF_TRY(add_table(s, table, error));
    }
    hf_buf_putc(s->sql, '\n');
    if (late.count == 0)
        return HF_OK;
    hf_buf_puts(s->sql, begin_rounds);
    for (size_t i = 0; i < late.count; i++)
        HF_TRY(add_late_table(s, late.items[i], i + 1, error));
    hf_buf_puts(s->sql, end_rounds);
    return HF_OK;
}

/* ---- what follows the rows ---- */

/* Of a large object; those of the database are in database.sql. */
static void add_label(hf_buf *sql, const hf_label *label)
{
    HF_AUTO_STR object = hf_format("LARGE OBJECT %u", label->oid);

    if (label->oid == 0)
        return;
    hf_sql_security_label(sql, label, object);
    hf_buf_puts(sql, ";\n");
}

static void add_large_objects(script *s)
{
    const hf_table *objects = &s->manifest->large_objects.objects;
    const hf_table *pieces = &s->manifest->large_objects.pieces;

    if (objects->chunks.count == 0)
        return;
    hf_buf_printf(s->sql, "%s;\n", hf_large_objects_make_table);
    for (size_t i = 0; i < objects->chunks.count; i++)
        add_copy(s, HF_LARGE_OBJECTS, &objects->chunks.items[i], objects->format);
    hf_buf_printf(s->sql,
                  "SELECT pg_catalog.count(pg_catalog.lo_create(oid)) AS large_objects FROM " HF_LARGE_OBJECTS
                  ";\n%s;\n",
                  hf_large_objects_make_pieces);
    for (size_t i = 0; i < pieces->chunks.count; i++) {
        add_copy(s, HF_LARGE_OBJECT_PIECES, &pieces->chunks.items[i], pieces->format);
        hf_buf_puts(
            s->sql,
            "SELECT pg_catalog.count(pg_catalog.lo_put(oid, position, bytes)::pg_catalog.text) AS pieces "
            "FROM " HF_LARGE_OBJECT_PIECES ";\n"
            "TRUNCATE " HF_LARGE_OBJECT_PIECES ";\n");
    }
    for (size_t i = 0; i < s->manifest->labels.count; i++)
        add_label(s->sql, &s->manifest->labels.items[i]);
    hf_buf_printf(s->sql,
                  "PREPARE hf_large_objects (boolean, boolean) AS SELECT sql FROM (%s) AS statements;\n"
                  "EXECUTE hf_large_objects (true, true) \\gexec\n"
                  "DEALLOCATE hf_large_objects;\n"
                  "DROP TABLE " HF_LARGE_OBJECTS ", " HF_LARGE_OBJECT_PIECES ";\n\n",
                  hf_large_objects_statements);
}

static void add_sequences(script *s)
{
    for (size_t i = 0; i < s->manifest->sequences.count; i++) {
        hf_buf_puts(s->sql, "SELECT ");
        hf_finish_sql_setval(s->sql, &s->manifest->sequences.items[i]);
        hf_buf_puts(s->sql, ";\n");
    }
    hf_buf_putc(s->sql, '\n');
}

static bool is_populated(const hf_manifest *manifest, const hf_entry *entry)
{
    for (size_t i = 0; i < manifest->populated_matviews.count; i++)
        if (hf_streq(manifest->populated_matviews.items[i].name, entry->tag) &&
            hf_streq(manifest->populated_matviews.items[i].schema, entry->schema))
            return true;
    return false;
}

/* The archive's order has those first that others read, if it is not a function that does. */
static void add_refreshes(script *s)
{
    if (s->manifest->populated_matviews.count == 0)
        return;
    hf_buf_puts(s->sql, begin_rounds);
    for (size_t i = 0; i < s->archive->entries.count; i++) {
        const hf_entry *entry = &s->archive->entries.items[i];
        HF_AUTO_BUF statement = HF_BUF_MAX(4096);

        if (!hf_streq(entry->kind, "MATERIALIZED VIEW") || !is_populated(s->manifest, entry))
            continue;
        hf_buf_puts(&statement, "REFRESH MATERIALIZED VIEW ");
        hf_sql_qualified(&statement, entry->schema, entry->tag);
        add_late(s->sql, i, hf_buf_text(&statement));
    }
    hf_buf_puts(s->sql, end_rounds);
}

static void add_statistics(script *s)
{
    for (size_t i = 0; i < s->manifest->tables.count; i++) {
        const hf_table *table = &s->manifest->tables.items[i];

        if (table->data_excluded)
            continue;
        hf_buf_puts(s->sql, "ANALYZE ");
        hf_sql_qualified(s->sql, table->schema, table->name);
        hf_buf_puts(s->sql, ";\n");
    }
    hf_buf_putc(s->sql, '\n');
}

/* ---- the beginning ---- */

static void add_facts(const hf_manifest *manifest, hf_buf *sql)
{
    char created_at[32];
    HF_AUTO_STR what = hf_format("holdfast: snapshot %s of database %s, taken at %s from PostgreSQL %s.",
                                 manifest->id, manifest->database.name,
                                 hf_time_format(manifest->created_ms, created_at), manifest->server.version);
    HF_AUTO_BUF create = HF_BUF_MAX(STATEMENT_MAX);

    add_note(sql, what);
    if (hf_manifest_is_filtered(manifest))
        add_note(sql, "Parts of the database were left out by configuration: \"filters\" in manifest.json.");
    if (manifest->degraded.count > 0)
        add_note(sql, "The server could not read all rows: \"degraded\" in manifest.json.");
    add_note(sql, "");
    add_note(sql, "In the folder of this file, for an empty database:");
    add_note(sql, "    psql -X -v ON_ERROR_STOP=1 -f restore.sql NEWDB");
    add_note(sql,
             "and then, for what belongs to the database as a whole (owner, settings, grants, comment):");
    add_note(sql, "    psql -X -v ON_ERROR_STOP=1 -f database.sql NEWDB");
    add_note(sql, "The database as it was is made by");
    hf_database_sql_create(&create, manifest, "NEWDB", true,
                           manifest->server.version_num > 0 ? manifest->server.version_num : ICU_VERSION);
    hf_buf_putc(&create, ';');
    add_note(sql, hf_buf_text(&create));
}

static void add_roles(const hf_manifest *manifest, hf_buf *sql)
{
    HF_AUTO(hf_strings_done) hf_strings statements = {0};

    hf_role_plan_statements(manifest, NULL, &statements);
    if (statements.count == 0)
        return;
    add_note(sql, "");
    add_note(sql, "These roles must exist (passwords are not stored):");
    for (size_t i = 0; i < statements.count; i++)
        add_note(sql, statements.items[i]);
}

static void add_settings(const hf_manifest *manifest, hf_buf *sql)
{
    /* First of all: how psql and server read a backslash. */
    hf_buf_puts(sql, "\n\\set ON_ERROR_STOP on\n\\set AUTOCOMMIT on\n\\set QUIET on\n"
                     "SET standard_conforming_strings = on;\n");
    hf_buf_printf(sql, "SET client_encoding = '%s';\n",
                  hf_streq(manifest->database.encoding, "SQL_ASCII") ? "SQL_ASCII" : "UTF8");
    for (const char *const *setting = hf_pg_exact_settings; *setting != NULL; setting++) {
        hf_buf_puts(sql, "SET ");
        hf_buf_append(sql, *setting, strcspn(*setting, "="));
        hf_buf_puts(sql, " = ");
        hf_sql_literal(sql, strchr(*setting, '=') + 1);
        hf_buf_puts(sql, ";\n");
    }
    hf_buf_puts(sql,
                "SET synchronous_commit = off;\nSET check_function_bodies = off;\nSET xmloption = content;\n"
                "SET client_min_messages = warning;\n"
                "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
                "WHERE name = 'transaction_timeout';\n\n");
}

hf_status hf_script_restore(const hf_manifest *manifest, const hf_archive *archive, hf_buf *ret_sql,
                            hf_error *error)
{
    HF_AUTO(script_done) script s = {.manifest = manifest, .archive = archive, .sql = ret_sql};

    HF_TRY(hf_object_map_make(manifest, &s.objects, error));
    add_facts(manifest, ret_sql);
    add_roles(manifest, ret_sql);
    add_settings(manifest, ret_sql);
    if (hf_has_escaped_strings(archive))
        hf_buf_puts(ret_sql, "SET standard_conforming_strings = off;\n");
    HF_TRY(add_pass(&s, HF_PASS_SCHEMA, error));
    HF_TRY(add_tables(&s, error));
    HF_TRY(add_pass(&s, HF_PASS_PARALLEL, error));
    add_sequences(&s);
    add_large_objects(&s);
    HF_TRY(add_pass(&s, HF_PASS_ACL, error));
    add_refreshes(&s);
    add_statistics(&s);
    HF_TRY(add_pass(&s, HF_PASS_LAST, error));
    return hf_buf_check(ret_sql, "restore.sql", error);
}

/* ---- the database itself ---- */

#define THIS_DATABASE ":\"DBNAME\"" /* psql's own, quoted by it */

static void add_database_settings(const hf_manifest *manifest, hf_buf *sql)
{
    for (size_t i = 0; i < manifest->database.settings.count; i++) {
        const hf_role_setting *setting = &manifest->database.settings.items[i];

        if (setting->role != NULL) {
            hf_buf_puts(sql, "ALTER ROLE ");
            hf_sql_name(sql, setting->role);
            hf_buf_puts(sql, " IN DATABASE " THIS_DATABASE " SET ");
        } else {
            hf_buf_puts(sql, "ALTER DATABASE " THIS_DATABASE " SET ");
        }
        hf_database_setting(sql, setting->setting);
        hf_buf_puts(sql, ";\n");
    }
}

/* As hf_database_finish() does it: the server takes the ACL apart. */
static void add_database_acl(const hf_manifest *manifest, hf_buf *sql)
{
    if (manifest->database.acl == NULL)
        return;
    hf_buf_puts(sql, "REVOKE ALL ON DATABASE " THIS_DATABASE " FROM PUBLIC;\n"
                     "REVOKE ALL ON DATABASE " THIS_DATABASE " FROM ");
    hf_sql_name(sql, manifest->database.owner);
    hf_buf_puts(sql, ";\n"
                     "SELECT pg_catalog.concat(CASE WHEN a.grantor <> d.datdba THEN "
                     "pg_catalog.format('SET ROLE %I; ', pg_catalog.pg_get_userbyid(a.grantor)) END, "
                     "pg_catalog.format('GRANT %s ON DATABASE %I TO ', a.privilege_type, d.datname), "
                     "CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE "
                     "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, "
                     "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END, "
                     "CASE WHEN a.grantor <> d.datdba THEN '; RESET ROLE' END) "
                     "FROM pg_catalog.pg_database d, pg_catalog.aclexplode(");
    hf_sql_literal(sql, manifest->database.acl);
    hf_buf_puts(
        sql, "::pg_catalog.aclitem[]) WITH ORDINALITY AS a (grantor, grantee, privilege_type, is_grantable, "
             "number) WHERE d.datname = pg_catalog.current_database() ORDER BY a.number \\gexec\n");
}

hf_status hf_script_database(const hf_manifest *manifest, hf_buf *ret_sql, hf_error *error)
{
    add_note(ret_sql, "holdfast: what belongs to the database as a whole; after restore.sql, and optional.");
    hf_buf_puts(ret_sql, "\n\\set ON_ERROR_STOP on\n\\set QUIET on\nSET standard_conforming_strings = on;\n");
    hf_buf_printf(ret_sql, "SET client_encoding = '%s';\n",
                  hf_streq(manifest->database.encoding, "SQL_ASCII") ? "SQL_ASCII" : "UTF8");
    if (*manifest->database.owner != '\0') {
        hf_buf_puts(ret_sql, "ALTER DATABASE " THIS_DATABASE " OWNER TO ");
        hf_sql_name(ret_sql, manifest->database.owner);
        hf_buf_puts(ret_sql, ";\n");
    }
    add_database_settings(manifest, ret_sql);
    add_database_acl(manifest, ret_sql);
    if (manifest->database.connection_limit >= 0)
        hf_buf_printf(ret_sql, "ALTER DATABASE " THIS_DATABASE " CONNECTION LIMIT %d;\n",
                      manifest->database.connection_limit);
    if (manifest->database.comment != NULL) {
        hf_buf_puts(ret_sql, "COMMENT ON DATABASE " THIS_DATABASE " IS ");
        hf_sql_literal(ret_sql, manifest->database.comment);
        hf_buf_puts(ret_sql, ";\n");
    }
    for (size_t i = 0; i < manifest->labels.count; i++) {
        if (manifest->labels.items[i].oid != 0)
            continue;
        hf_sql_security_label(ret_sql, &manifest->labels.items[i], "DATABASE " THIS_DATABASE);
        hf_buf_puts(ret_sql, ";\n");
    }
    if (manifest->database.is_template)
        hf_buf_puts(ret_sql, "ALTER DATABASE " THIS_DATABASE " WITH IS_TEMPLATE true;\n");
    return hf_buf_check(ret_sql, "database.sql", error);
}
