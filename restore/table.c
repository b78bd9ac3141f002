/*
 *     look      what has the new names, what is lacking      read only
 *     BEGIN
 *     make      schemas, tables; a table that inherits gets stand-ins for its parents, which are dropped again
 *     load      its rows
 *     keys      primary keys, unique constraints and indexes
 *     verify    read back in the same transaction
 *     COMMIT    a kill before it leaves nothing, one after it everything
 */
#include "restore/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "pg/catalog.h"
#include "restore/compare.h"
#include "restore/job.h"
#include "restore/table_sql.h"

#define NAME_MAX_BYTES 63
#define SQL_MAX (1u << 20)
#define PARENTS_DEPTH_MAX 100

typedef struct work {
    const hf_tables_options *options;
    hf_archive *archive;
    hf_restore_session session;
    hf_tables_report *report;
    unsigned stand_ins; /* made so far */
} work;

static void work_done(work *w)
{
    hf_archive_free(w->archive);
    hf_restore_session_done(&w->session);
}

void hf_tables_report_done(hf_tables_report *report)
{
    for (size_t i = 0; i < report->tables.count; i++)
        hf_strings_done(&report->tables.items[i].notes);
    free(report->tables.items);
    free(report->database);
    *report = (hf_tables_report){0};
}

static void add_note(hf_table_restored *table, char *text)
{
    hf_strings_add(&table->notes, text);
    free(text);
}

static hf_relation new_name(const hf_table_wish *wish)
{
    return (hf_relation){.schema = wish->schema, .name = wish->name};
}

static hf_relation old_name(const hf_table_wish *wish)
{
    return (hf_relation){.schema = wish->table->schema, .name = wish->table->name};
}

static const hf_entry *find_table(const hf_archive *archive, const char *schema, const char *name)
{
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];

        if (hf_streq(entry->kind, "TABLE") && hf_streq(entry->schema, schema) && hf_streq(entry->tag, name))
            return entry;
    }
    return NULL;
}

static bool depends_on(const hf_entry *entry, const hf_entry *on)
{
    for (size_t i = 0; i < entry->dependencies.count; i++)
        if (entry->dependencies.items[i] == on->id)
            return true;
    return false;
}

/* ---- look ---- */

static hf_status refuse_taken(work *w, hf_error *error)
{
    const hf_table_wishes *wishes = w->options->wishes;

    for (size_t i = 0; i < wishes->count; i++) {
        const char *params[] = {wishes->items[i].schema, wishes->items[i].name};
        HF_AUTO_STR found = NULL;

        HF_TRY(hf_pg_query_text(w->session.pg,
                                "SELECT 'relation' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                                "ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 UNION ALL "
                                "SELECT 'type' FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n "
                                "ON n.oid = t.typnamespace WHERE n.nspname = $1 AND t.typname = $2 LIMIT 1",
                                2, params, &found, error));
        if (found == NULL)
            continue;
        HF_AUTO_STR shown = hf_pg_table_shown(params[0], params[1]);
        (void) hf_fail(error, HF_E_EXISTS, "there is a %s %s in database \"%s\"", found, shown,
                       hf_pg_database(w->session.pg));
        (void) hf_hint(error, "choose another name with --as; what exists is never replaced");
        return HF_E_EXISTS;
    }
    return HF_OK;
}

/* Add what an entry stands for to `lacks` if the database has no such thing. */
static hf_status look_for(work *w, const hf_entry *entry, hf_strings *lacks, hf_error *error)
{
    bool is_extension = hf_streq(entry->kind, "EXTENSION");
    const char *params[] = {entry->tag, entry->schema != NULL ? entry->schema : ""};
    HF_AUTO_STR found = NULL;

    if (!is_extension && !hf_streq(entry->kind, "TYPE") && !hf_streq(entry->kind, "DOMAIN"))
        return HF_OK;
    if (is_extension)
        HF_TRY(hf_pg_query_text(w->session.pg,
                                "SELECT extname FROM pg_catalog.pg_extension WHERE extname = $1", 1, params,
                                &found, error));
    else
        HF_TRY(hf_pg_query_text(w->session.pg,
                                "SELECT typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n "
                                "ON n.oid = t.typnamespace WHERE t.typname = $1 AND n.nspname = $2",
                                2, params, &found, error));
    if (found != NULL)
        return HF_OK;
    HF_AUTO_STR shown = is_extension ? hf_strdup(entry->tag) : hf_pg_table_shown(params[1], params[0]);
    HF_AUTO_STR line = hf_format("%s %s", is_extension ? "extension" : "type", shown);
    if (!hf_strings_has(lacks, line))
        hf_strings_add(lacks, line);
    return HF_OK;
}

static hf_status refuse_lacking(work *w, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings lacks = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(700);

    for (size_t i = 0; i < w->options->wishes->count; i++) {
        const hf_table *table = w->options->wishes->items[i].table;
        const hf_entry *entry = find_table(w->archive, table->schema, table->name);

        if (entry == NULL) {
            HF_AUTO_STR shown = hf_pg_table_shown(table->schema, table->name);
            return hf_fail(error, HF_E_UNSUPPORTED,
                           "the snapshot has no definition of %s: an extension makes it", shown);
        }
        for (size_t j = 0; j < entry->dependencies.count; j++) {
            const hf_entry *needed = hf_archive_find(w->archive, entry->dependencies.items[j]);

            if (needed != NULL)
                HF_TRY(look_for(w, needed, &lacks, error));
        }
    }
    if (lacks.count == 0)
        return HF_OK;
    for (size_t i = 0; i < lacks.count; i++)
        hf_buf_printf(&text, "%s%s", i == 0 ? "" : ", ", lacks.items[i]);
    (void) hf_fail(error, HF_E_NOT_FOUND, "database \"%s\" lacks what the tables need: %s",
                   hf_pg_database(w->session.pg), hf_buf_text(&text));
    (void) hf_hint(error, "create it there, or restore the whole snapshot with --into");
    return HF_E_NOT_FOUND;
}

/* ---- make ---- */

static hf_status make_schema(work *w, const char *schema, hf_error *error)
{
    HF_AUTO_STR found = NULL;
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);

    /* IF NOT EXISTS would ask for the right to create schemas even where there is nothing to create. */
    HF_TRY(hf_pg_query_text(w->session.pg, "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = $1",
                            1, &schema, &found, error));
    if (found != NULL)
        return HF_OK;
    hf_buf_puts(&sql, "CREATE SCHEMA ");
    hf_sql_name(&sql, schema);
    return hf_pg_exec(w->session.pg, hf_buf_text(&sql), error);
}

typedef struct stand_ins {
    HF_VECTOR(hf_relation) names; /* schema borrowed, name owned */
} stand_ins;

static void stand_ins_done(stand_ins *list)
{
    for (size_t i = 0; i < list->names.count; i++)
        hf_freep(&list->names.items[i].name);
    free(list->names.items);
}

static hf_status make(work *w, const hf_entry *entry, hf_relation to, int depth, hf_error *error);

/* Take the parents away from the table again, and drop them. */
static hf_status drop_stand_ins(work *w, hf_relation to, const stand_ins *parents, hf_error *error)
{
    for (size_t i = 0; i < parents->names.count; i++) {
        HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);

        hf_buf_puts(&sql, "ALTER TABLE ONLY ");
        hf_sql_qualified(&sql, to.schema, to.name);
        hf_buf_puts(&sql, " NO INHERIT ");
        hf_sql_qualified(&sql, parents->names.items[i].schema, parents->names.items[i].name);
        hf_buf_puts(&sql, "; DROP TABLE ");
        hf_sql_qualified(&sql, parents->names.items[i].schema, parents->names.items[i].name);
        HF_TRY(hf_pg_exec(w->session.pg, hf_buf_text(&sql), error));
    }
    return HF_OK;
}

static hf_status make_stand_ins(work *w, const hf_entry *entry, const char *schema, int depth,
                                stand_ins *parents, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings names = {0};

    HF_TRY(hf_table_sql_parents(entry, &names, error));
    for (size_t i = 0; i + 1 < names.count; i += 2) {
        const hf_entry *parent = find_table(w->archive, names.items[i], names.items[i + 1]);
        HF_AUTO_STR shown = hf_pg_table_shown(names.items[i], names.items[i + 1]);

        if (parent == NULL || depth >= PARENTS_DEPTH_MAX)
            return hf_fail(error, HF_E_UNSUPPORTED,
                           "the snapshot has no definition of %s, which \"%s\" inherits from", shown,
                           entry->tag);
        hf_relation name = {.schema = schema,
                            .name = hf_format("__hf_%d_%u", hf_pg_pid(w->session.pg), ++w->stand_ins)};
        HF_PUSH(&parents->names, name);
        HF_TRY(make(w, parent, name, depth + 1, error));
    }
    return HF_OK;
}

/* The empty table, without its keys. */
static hf_status make(work *w, const hf_entry *entry, hf_relation to, int depth, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings statements = {0};
    HF_AUTO(stand_ins_done) stand_ins parents = {0};

    HF_TRY(make_stand_ins(w, entry, to.schema, depth, &parents, error));
    HF_TRY(hf_table_sql_create(entry, to, parents.names.items, &statements, error));
    for (size_t i = 0; i < statements.count; i++)
        HF_TRY(hf_pg_exec(w->session.pg, statements.items[i], error));
    return drop_stand_ins(w, to, &parents, error);
}

/* Defaults that stand apart from the definition, and identities. */
static hf_status set_defaults(work *w, const hf_entry *entry, hf_table_restored *table, hf_error *error)
{
    for (size_t i = 0; i < w->archive->entries.count; i++) {
        const hf_entry *other = &w->archive->entries.items[i];
        HF_AUTO_STR statement = NULL;
        HF_AUTO_STR column = NULL;

        if (hf_streq(other->kind, "SEQUENCE") && depends_on(other, entry))
            column = hf_table_sql_identity(other, old_name(table->wish));
        if (column != NULL) {
            add_note(table, hf_format("column \"%s\" is no identity", column));
            continue;
        }
        if (!hf_streq(other->kind, "DEFAULT") || !depends_on(other, entry))
            continue;
        HF_TRY(hf_table_sql_default(other, old_name(table->wish), new_name(table->wish), &statement, &column,
                                    error));
        if (statement != NULL)
            HF_TRY(hf_pg_exec(w->session.pg, statement, error));
        else
            add_note(table,
                     hf_format("column \"%s\" has no default: it took its values from a sequence", column));
    }
    return HF_OK;
}

/* Defaults within the definition that came to depend on a sequence of the live database. */
static hf_status drop_sequence_defaults(work *w, hf_table_restored *table, hf_error *error)
{
    const char *params[] = {table->wish->schema, table->wish->name};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(
        hf_pg_query(w->session.pg,
                    "SELECT DISTINCT a.attname FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class t ON "
                    "t.oid = d.adrelid "
                    "JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace "
                    "JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.adnum "
                    "JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass "
                    "AND p.objid = d.oid AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
                    "JOIN pg_catalog.pg_class s ON s.oid = p.refobjid AND s.relkind = 'S' "
                    "WHERE n.nspname = $1 AND t.relname = $2 AND a.attgenerated = '' ORDER BY 1",
                    2, params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *column = hf_rows_text(rows, i, "attname");
        HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);

        hf_buf_puts(&sql, "ALTER TABLE ONLY ");
        hf_sql_qualified(&sql, params[0], params[1]);
        hf_buf_puts(&sql, " ALTER COLUMN ");
        hf_sql_name(&sql, column);
        hf_buf_puts(&sql, " DROP DEFAULT");
        HF_TRY(hf_pg_exec(w->session.pg, hf_buf_text(&sql), error));
        add_note(table,
                 hf_format("column \"%s\" has no default: it took its values from a sequence", column));
    }
    return HF_OK;
}

/* ---- keys ---- */

/* The name itself if no relation of the schema has it, else one like it that is free. */
static hf_status free_name(work *w, const char *schema, const char *name, char **ret_name, hf_error *error)
{
    HF_AUTO_STR candidate = hf_strdup(name);

    for (unsigned number = 1;; number++) {
        const char *params[] = {schema, candidate};
        HF_AUTO_STR found = NULL;

        HF_TRY(hf_pg_query_text(w->session.pg,
                                "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                                "ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                                2, params, &found, error));
        if (found == NULL) {
            *ret_name = HF_TAKE(candidate);
            return HF_OK;
        }
        HF_AUTO_STR suffix = number == 1 ? hf_strdup("__restored") : hf_format("__restored%u", number);
        free(candidate);
        candidate = hf_text_with_suffix(name, suffix, NAME_MAX_BYTES);
    }
}

static hf_status make_keys(work *w, const hf_entry *entry, hf_table_restored *table, hf_error *error)
{
    for (size_t i = 0; i < w->archive->entries.count; i++) {
        const hf_entry *other = &w->archive->entries.items[i];

        if ((!hf_streq(other->kind, "CONSTRAINT") && !hf_streq(other->kind, "INDEX")) ||
            !depends_on(other, entry))
            continue;
        HF_AUTO_STR name = hf_table_sql_key(other, old_name(table->wish));
        HF_AUTO_STR unused = NULL;
        if (name == NULL)
            continue;
        HF_TRY(free_name(w, table->wish->schema, name, &unused, error));
        HF_AUTO_STR sql = hf_table_sql_make_key(other, old_name(table->wish), new_name(table->wish), unused);
        HF_TRY(hf_pg_exec(w->session.pg, sql, error));
        if (!hf_streq(name, unused))
            add_note(table, hf_format("key \"%s\" is called \"%s\": its name was taken", name, unused));
    }
    return HF_OK;
}

/* ---- rows ---- */

/* The manifest's table as it is called now; borrows everything. */
static hf_table renamed(const hf_table_wish *wish)
{
    hf_table table = *wish->table;

    table.schema = wish->schema;
    table.name = wish->name;
    table.root_schema = table.root_name = NULL; /* its rows go into the copy, never through the live parent */
    return table;
}

static hf_status load_rows(work *w, const hf_table_wish *wish, hf_error *error)
{
    const hf_table table = renamed(wish);
    const hf_restore_options options = {.repository = w->options->repository,
                                        .manifest = w->options->manifest,
                                        .progress = w->options->progress};
    hf_table_state state = {.table = &table};
    hf_job job = {.options = &options, .manifest = w->options->manifest, .tables = &state};

    for (size_t i = 0; i < table.chunks.count; i++)
        HF_TRY(hf_load_chunk(&job, &w->session, 0, i, error));
    return HF_OK;
}

static hf_status verify(work *w, const hf_table_wish *wish, hf_error *error)
{
    const hf_table table = renamed(wish);
    HF_AUTO(hf_difference_list_done) hf_difference_list differences = {0};
    hf_row_digest seen = {0};

    HF_TRY(hf_verify_read(w->session.pg, &table, (hf_table_part){.parts = 1}, w->options->progress, &seen,
                          error));
    hf_verify_compare(&table, &seen, &differences);
    if (differences.count == 0)
        return HF_OK;
    HF_AUTO_STR shown = hf_pg_table_shown(table.schema, table.name);
    return hf_fail(error, HF_E_MISMATCH, "%s differs from the snapshot: %s", shown, differences.items[0].why);
}

static hf_status restore_table(work *w, hf_table_restored *table, hf_error *error)
{
    const hf_table_wish *wish = table->wish;
    const hf_entry *entry = find_table(w->archive, wish->table->schema, wish->table->name);

    HF_TRY(make_schema(w, wish->schema, error));
    HF_TRY(make(w, entry, new_name(wish), 0, error));
    HF_TRY(set_defaults(w, entry, table, error));
    HF_TRY(drop_sequence_defaults(w, table, error));
    HF_TRY(load_rows(w, wish, error));
    HF_TRY(make_keys(w, entry, table, error));
    return verify(w, wish, error);
}

static hf_status restore_all(work *w, hf_error *error)
{
    const hf_table_wishes *wishes = w->options->wishes;

    /* The session is one for restores, which are durable by their last commit alone. */
    HF_TRY(hf_pg_exec(w->session.pg, "BEGIN; SET LOCAL synchronous_commit = on", error));
    for (size_t i = 0; i < wishes->count; i++) {
        hf_table_restored *table = HF_APPEND_NEW(&w->report->tables);

        table->wish = &wishes->items[i];
        hf_status status = restore_table(w, table, error);
        if (status != HF_OK) {
            HF_AUTO_STR shown =
                hf_pg_table_shown(wishes->items[i].table->schema, wishes->items[i].table->name);
            return hf_prefix(error, "restoring table %s (nothing was changed)", shown);
        }
    }
    HF_FAULT("table.before_commit", error);
    HF_TRY(hf_pg_exec(w->session.pg, "COMMIT", error));
    HF_FAULT("table.after_commit", error);
    return HF_OK;
}

hf_status hf_tables_restore(const hf_tables_options *options, hf_tables_report *ret_report, hf_error *error)
{
    hf_error scratch;
    HF_AUTO(hf_tables_report_done) hf_tables_report report = {0};
    HF_AUTO(work_done) work w = {.options = options, .report = &report};
    const hf_restore_options session = {.url = options->url};
    int64_t began_ms = hf_monotonic_ms();
    uint64_t bytes = 0;

    error = error != NULL ? error : &scratch;
    for (size_t i = 0; i < options->wishes->count; i++)
        bytes += options->wishes->items[i].table->raw_bytes;
    if (options->progress != NULL) /* in and back */
        atomic_store(&options->progress->total_bytes, 2 * bytes);
    HF_TRY(hf_compare_load_archive(options->repository, options->manifest, &w.archive, error));
    HF_TRY(hf_restore_session_open(&session, "restore --table", 1, &w.session, error));
    HF_TRY(hf_set_string_syntax(w.session.pg, w.archive, error));
    report.database = hf_strdup(hf_pg_database(w.session.pg));
    HF_TRY(refuse_taken(&w, error));
    HF_TRY(refuse_lacking(&w, error));
    HF_TRY(restore_all(&w, error));
    report.took_ms = hf_monotonic_ms() - began_ms;
    *ret_report = report;
    report = (hf_tables_report){0};
    return HF_OK;
}
