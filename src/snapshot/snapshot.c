#include "snapshot/snapshot.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/version.h"
#include "pg/catalog.h"
#include "pg/pg_dump.h"
#include "pg/sql.h"
#include "snapshot/copy_tables.h"

#define SQL_MAX (64u << 20)
#define NAMES_SHOWN 10 /* in an error message */
#define LOCK_ROUND_MS                                                                                        \
    2000 /* a LOCK TABLE never waits longer at a time, lest the application queue behind it */
#define SESSION_TRIES 3

/* ---- the session: every table locked, then one exported snapshot ---- */

typedef struct session {
    hf_pg *pg;
    hf_pg_tables tables;
    hf_pg_oid_ranges large_objects;
    char *exported;
    char *lsn;
} session;

static void session_done(session *self)
{
    hf_pg_free(self->pg);
    hf_pg_tables_done(&self->tables);
    hf_pg_oid_ranges_done(&self->large_objects);
    free(self->exported);
    free(self->lsn);
    *self = (session){0};
}

/* "a, b, c and 4 more" */
static void add_name(hf_buf *list, size_t *count, const char *name)
{
    if (*count < NAMES_SHOWN)
        hf_buf_printf(list, "%s%s", *count > 0 ? ", " : "", name);
    (*count)++;
}

static hf_status refuse_unreadable(const hf_pg *pg, const hf_pg_tables *tables, hf_error *error)
{
    HF_AUTO_BUF denied = HF_BUF_MAX(8192), hidden = HF_BUF_MAX(8192);
    size_t denied_count = 0, hidden_count = 0;

    for (size_t i = 0; i < tables->count; i++) {
        HF_AUTO_STR shown = hf_pg_table_shown(tables->items[i].schema, tables->items[i].name);

        if (!tables->items[i].readable)
            add_name(&denied, &denied_count, shown);
        else if (tables->items[i].rows_hidden)
            add_name(&hidden, &hidden_count, shown);
    }
    if (denied_count > 0) {
        (void) hf_fail(error, HF_E_PRIVILEGE, "role \"%s\" may not read %zu table%s: %s%s", hf_pg_user(pg),
                       denied_count, denied_count > 1 ? "s" : "", hf_buf_text(&denied),
                       denied_count > NAMES_SHOWN ? ", ..." : "");
        return hf_hint(error,
                       "GRANT pg_read_all_data TO \"%s\" (PostgreSQL 14 and later), or GRANT SELECT on each",
                       hf_pg_user(pg));
    }
    if (hidden_count > 0) {
        (void) hf_fail(error, HF_E_PRIVILEGE,
                       "row-level security hides rows from role \"%s\" in %zu table%s: %s%s", hf_pg_user(pg),
                       hidden_count, hidden_count > 1 ? "s" : "", hf_buf_text(&hidden),
                       hidden_count > NAMES_SHOWN ? ", ..." : "");
        return hf_hint(error, "use the tables' owner, or ALTER ROLE \"%s\" BYPASSRLS", hf_pg_user(pg));
    }
    return HF_OK;
}

/* Find who keeps us from a table; the transaction has failed, so a connection of its own asks. */
static hf_status explain_lock(const hf_snapshot_options *options, const hf_pg_tables *tables, hf_error *error)
{
    hf_error ignored;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_BUF who = HF_BUF_MAX(400);

    if (hf_pg_connect(&(hf_pg_options){.url = options->url, .purpose = "lock report"}, &pg, &ignored) !=
        HF_OK)
        return HF_E_LOCKED;
    for (size_t i = 0; i < tables->count && who.len == 0; i++) {
        HF_AUTO_ROWS rows = NULL;
        HF_AUTO_BUF name = HF_BUF_MAX(1024);

        hf_sql_qualified(&name, tables->items[i].schema, tables->items[i].name);
        if (hf_pg_query(pg, hf_sql_blockers, 1, (const char *const[]){hf_buf_text(&name)}, &rows, &ignored) !=
            HF_OK)
            break;
        if (hf_rows_count(rows) > 0) {
            HF_AUTO_STR shown = hf_pg_table_shown(tables->items[i].schema, tables->items[i].name);

            (void) hf_fail(error, HF_E_LOCKED, "table %s is locked by %s", shown,
                           hf_rows_text(rows, 0, "who"));
            hf_buf_puts(&who, shown);
        }
    }
    return hf_hint(
        error,
        "wait until it has ended, or end it with pg_terminate_backend(); snapshot.lock_timeout is how long "
        "holdfast waits");
}

/*
 * Lock in one statement, with a short timeout and retries: a LOCK that waits long would make the application's own
 * statements queue behind it.
 */
static hf_status lock_tables(session *self, const hf_snapshot_options *options, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    int64_t deadline = hf_monotonic_ms() + options->lock_timeout_ms;
    hf_status status;

    hf_buf_puts(&sql, "LOCK TABLE ");
    for (size_t i = 0; i < self->tables.count; i++) {
        hf_buf_puts(&sql, i > 0 ? ", ONLY " : "ONLY ");
        hf_sql_qualified(&sql, self->tables.items[i].schema, self->tables.items[i].name);
    }
    hf_buf_puts(&sql, " IN ACCESS SHARE MODE");
    HF_TRY(hf_buf_check(&sql, "the LOCK statement", error));

    for (;;) {
        HF_TRY(hf_pg_exec(self->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
        HF_TRY(hf_pg_execf(
            self->pg, error, "SET LOCAL lock_timeout = %d",
            (int) (options->lock_timeout_ms < LOCK_ROUND_MS ? options->lock_timeout_ms : LOCK_ROUND_MS)));
        if (self->tables.count == 0)
            return HF_OK;
        status = hf_pg_exec(self->pg, hf_buf_text(&sql), error);
        if (status == HF_OK)
            return HF_OK;
        if (hf_pg_is_alive(self->pg)) {
            hf_error ignored;
            (void) !hf_pg_exec(self->pg, "ROLLBACK", &ignored);
        }
        if (status != HF_E_LOCKED)
            return status;
        if (hf_monotonic_ms() >= deadline)
            return explain_lock(options, &self->tables, error);
        HF_TRY(hf_sleep_ms(200, error));
    }
}

static bool same_tables(const hf_pg_tables *a, const hf_pg_tables *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].oid != b->items[i].oid || a->items[i].columns.count != b->items[i].columns.count)
            return false;
    return true;
}

/* A table was dropped, or lost its schema, between the listing and the lock. */
static bool is_vanished(const hf_error *error)
{
    return hf_streq(error->sqlstate, "42P01") || hf_streq(error->sqlstate, "3F000");
}

/*
 * One try: list, lock, list again under the snapshot that the second listing takes.  *ret_steady is false if the two
 * lists differ.
 */
static hf_status try_session(session *self, const hf_snapshot_options *options, bool *ret_steady,
                             hf_error *error)
{
    HF_AUTO(hf_pg_tables_done) hf_pg_tables locked = {0};
    hf_status status;

    *ret_steady = false;
    hf_pg_tables_done(&self->tables);
    HF_TRY(hf_pg_list_tables(self->pg, false, &self->tables, error));
    HF_TRY(refuse_unreadable(self->pg, &self->tables, error));

    /* taken before the snapshot, so that nothing after it is missed by whoever replays from here */
    free(self->lsn);
    self->lsn = NULL;
    HF_TRY(hf_pg_query_text(
        self->pg,
        "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
        "ELSE pg_catalog.pg_current_wal_lsn() END",
        0, NULL, &self->lsn, error));
    status = lock_tables(self, options, error);
    if (status != HF_OK && is_vanished(error))
        return HF_OK;
    HF_TRY(status);
    HF_TRY(hf_pg_list_tables(self->pg, true, &locked, error));
    *ret_steady = same_tables(&self->tables, &locked);
    if (!*ret_steady)
        return hf_pg_exec(self->pg, "ROLLBACK", error);

    hf_pg_tables swap = self->tables;
    self->tables = locked;
    locked = swap;
    return HF_OK;
}

static hf_status open_session(session *self, const hf_snapshot_options *options, hf_error *error)
{
    bool steady = false;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = options->url, .purpose = "snapshot", .exact_text = true},
                         &self->pg, error));
    for (int i = 0; i < SESSION_TRIES && !steady; i++)
        HF_TRY(try_session(self, options, &steady, error));
    if (!steady) {
        (void) hf_fail(error, HF_E_LOCKED, "the tables changed while they were being locked, %d times",
                       SESSION_TRIES);
        return hf_hint(error, "something creates or drops tables all the time; try again when it is quiet");
    }
    return hf_pg_query_text(self->pg, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, &self->exported,
                            error);
}

/* ---- the manifest's facts ---- */

static char *dup_text(const hf_rows *rows, size_t row, const char *column)
{
    return hf_strdup(hf_rows_text(rows, row, column));
}

static hf_status read_server(hf_pg *pg, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO_ROWS database = NULL;
    HF_AUTO_ROWS settings = NULL;
    HF_AUTO_ROWS server = NULL;
    hf_error ignored;

    HF_TRY(hf_pg_query(pg, hf_sql_database, 0, NULL, &database, error));
    manifest->server.version_num = hf_pg_version(pg);
    manifest->server.version = dup_text(database, 0, "version");
    manifest->server.block_size = (uint32_t) hf_rows_int(database, 0, "block_size");
    manifest->database.name = dup_text(database, 0, "name");
    manifest->database.oid = (uint32_t) hf_rows_int(database, 0, "oid");
    manifest->database.owner = dup_text(database, 0, "owner");
    manifest->database.encoding = dup_text(database, 0, "encoding");
    manifest->database.collate = dup_text(database, 0, "collate");
    manifest->database.ctype = dup_text(database, 0, "ctype");
    manifest->database.locale_provider = dup_text(database, 0, "locale_provider");
    manifest->database.icu_locale = dup_text(database, 0, "icu_locale");
    manifest->database.collation_version = dup_text(database, 0, "collation_version");
    manifest->database.tablespace = dup_text(database, 0, "tablespace");
    manifest->database.acl = dup_text(database, 0, "acl");
    manifest->database.comment = dup_text(database, 0, "comment");
    manifest->database.connection_limit = (int) hf_rows_int(database, 0, "connection_limit");
    manifest->database.bytes = (uint64_t) hf_rows_int(database, 0, "bytes");

    HF_TRY(hf_pg_query(pg, hf_sql_database_settings, 0, NULL, &settings, error));
    for (size_t i = 0; i < hf_rows_count(settings); i++) {
        hf_role_setting *setting = HF_APPEND_NEW(&manifest->database.settings);

        setting->role = dup_text(settings, i, "role");
        setting->setting = dup_text(settings, i, "setting");
    }

    /* some hosts forbid these functions; the facts are then unknown */
    HF_TRY(hf_pg_exec(pg, "SAVEPOINT facts", error));
    if (hf_pg_query(pg, hf_sql_server, 0, NULL, &server, &ignored) == HF_OK) {
        manifest->server.system_identifier = dup_text(server, 0, "system_identifier");
        manifest->server.timeline = (uint32_t) hf_rows_int(server, 0, "timeline");
    } else {
        manifest->server.system_identifier = hf_strdup("");
    }
    return hf_pg_exec(pg, "ROLLBACK TO SAVEPOINT facts", error);
}

static hf_status read_visibility(const session *self, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO_STR text = NULL;

    HF_TRY(
        hf_pg_query_text(self->pg, "SELECT pg_catalog.pg_current_snapshot()::text", 0, NULL, &text, error));
    char *xmax = strchr(text, ':'), *xip = xmax != NULL ? strchr(xmax + 1, ':') : NULL;
    if (xip == NULL)
        return hf_fail(error, HF_E_DATABASE, "the server's snapshot \"%s\" is not of the form xmin:xmax:xip",
                       text);
    manifest->visibility.lsn = hf_strdup(self->lsn);
    manifest->visibility.xmin = hf_strndup(text, (size_t) (xmax - text));
    manifest->visibility.xmax = hf_strndup(xmax + 1, (size_t) (xip - xmax - 1));
    manifest->visibility.xip = hf_strdup(xip + 1);
    return HF_OK;
}

static void take_tables(const session *self, bool text_only, hf_manifest *manifest)
{
    for (size_t i = 0; i < self->tables.count; i++) {
        const hf_pg_table *source = &self->tables.items[i];
        hf_table *table = HF_APPEND_NEW(&manifest->tables);

        table->schema = hf_strdup(source->schema);
        table->name = hf_strdup(source->name);
        table->oid = source->oid;
        table->relfilenode = source->relfilenode;
        table->relkind = source->relkind;
        table->persistence = source->persistence;
        table->pages = source->pages;
        table->condition = hf_strdup(source->condition);
        table->root_schema = hf_strdup(source->root_schema);
        table->root_name = hf_strdup(source->root_name);
        table->format = hf_strdup(source->binary_suits && !text_only ? "binary" : "text");
        for (size_t n = 0; n < source->columns.count; n++)
            hf_strings_add(&table->columns, source->columns.items[n]);
    }
}

static hf_status read_sequences(hf_pg *pg, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO(hf_pg_sequences_done) hf_pg_sequences sequences = {0};

    HF_TRY(hf_pg_list_sequences(pg, &sequences, error));
    for (size_t i = 0; i < sequences.count; i++) {
        hf_sequence *sequence = HF_APPEND_NEW(&manifest->sequences);

        sequence->schema = HF_TAKE(sequences.items[i].schema);
        sequence->name = HF_TAKE(sequences.items[i].name);
        sequence->last_value = sequences.items[i].last_value;
        sequence->is_called = sequences.items[i].is_called;
    }
    return HF_OK;
}

static hf_status read_names(hf_pg *pg, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO_ROWS matviews = NULL;
    HF_AUTO_ROWS extensions = NULL;
    HF_AUTO_ROWS roles = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_populated_matviews, 0, NULL, &matviews, error));
    for (size_t i = 0; i < hf_rows_count(matviews); i++) {
        hf_relation_name *matview = HF_APPEND_NEW(&manifest->populated_matviews);

        matview->schema = dup_text(matviews, i, "schema");
        matview->name = dup_text(matviews, i, "name");
    }
    HF_TRY(hf_pg_query(pg, hf_sql_extensions, 0, NULL, &extensions, error));
    for (size_t i = 0; i < hf_rows_count(extensions); i++) {
        hf_extension *extension = HF_APPEND_NEW(&manifest->extensions);

        extension->name = dup_text(extensions, i, "name");
        extension->version = dup_text(extensions, i, "version");
        extension->schema = dup_text(extensions, i, "schema");
    }
    HF_TRY(hf_pg_query(pg, hf_sql_roles, 0, NULL, &roles, error));
    for (size_t i = 0; i < hf_rows_count(roles); i++)
        hf_strings_add(&manifest->roles, hf_rows_text(roles, i, "name"));
    return HF_OK;
}

/* What a snapshot cannot carry is named: as a warning in the manifest. */
static hf_status name_what_is_not_carried(hf_pg *pg, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_not_carried, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_STR text =
            hf_format("not carried: %s: %s", hf_rows_text(rows, i, "what"), hf_rows_text(rows, i, "detail"));

        hf_strings_add(&manifest->warnings, text);
    }
    for (size_t i = 0; i < manifest->tables.count; i++)
        if (manifest->tables.items[i].persistence == 'u') {
            HF_AUTO_STR shown =
                hf_pg_table_shown(manifest->tables.items[i].schema, manifest->tables.items[i].name);
            HF_AUTO_STR text = hf_format("table %s is unlogged: a crash of the server empties it", shown);
            hf_strings_add(&manifest->warnings, text);
        }
    return HF_OK;
}

/* ---- the schema, read by pg_dump in a thread of its own while the rows are copied ---- */

typedef struct schema_reader {
    const hf_snapshot_options *options;
    const hf_pg_dump *dump;
    const char *exported;
    hf_archive *archive;
    hf_status status;
    hf_error error;
} schema_reader;

static void *read_schema(void *context)
{
    schema_reader *self = context;

    self->status =
        hf_pg_dump_schema(self->dump, self->options->url, NULL, self->exported, &self->archive, &self->error);
    return NULL;
}

static hf_status store_schema(const hf_snapshot_options *options, const hf_archive *archive,
                              hf_manifest *manifest, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO_BUF check = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    json_t *json = hf_archive_to_json(archive);
    HF_AUTO_STR text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    char digest[65];
    bool new;

    json_decref(json);
    if (text == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "the schema holds text that is not UTF-8");
    HF_TRY(hf_repository_put_object(options->repository, zstd, options->compression, true, text, strlen(text),
                                    &manifest->schema, &new, error));
    HF_TRY(hf_repository_get_object(options->repository, zstd, &manifest->schema, &check, error));
    hf_archive_digest(archive, digest);
    manifest->schema_digest = hf_strdup(digest);
    manifest->schema_entries = (uint32_t) archive->entries.count;
    for (size_t i = 0; i < archive->entries.count; i++) {
        const char *owner = archive->entries.items[i].owner;

        if (owner != NULL && owner[0] != '\0' && !hf_strings_has(&manifest->roles, owner))
            hf_strings_add(&manifest->roles, owner);
    }
    return HF_OK;
}

/* ---- the whole ---- */

static char *new_id(int64_t now_ms)
{
    char time[32], random[7];

    hf_random_hex(3, random);
    return hf_format("%s-%s", hf_time_compact(now_ms, time), random);
}

static hf_status begin_manifest(session *self, const hf_snapshot_options *options, const hf_pg_dump *dump,
                                hf_manifest *manifest, hf_error *error)
{
    manifest->created_ms = hf_now_ms();
    manifest->id = new_id(manifest->created_ms);
    manifest->target = hf_strdup(options->target);
    manifest->holdfast_version = hf_strdup(HF_VERSION);
    manifest->label = hf_strdup(options->label);
    manifest->cycle = hf_strdup(options->cycle);
    manifest->pinned = options->pinned;
    manifest->pg_dump_version = hf_strdup(dump->version);
    HF_TRY(read_visibility(self, manifest, error));
    HF_TRY(read_server(self->pg, manifest, error));
    take_tables(self, options->text_only, manifest);
    HF_TRY(hf_pg_list_large_objects(self->pg, &self->large_objects, error));
    HF_TRY(read_names(self->pg, manifest, error));
    return name_what_is_not_carried(self->pg, manifest, error);
}

/* Rows and schema side by side; the first error wins, and the rows' is the more telling one. */
static hf_status copy_all(const session *self, const hf_snapshot_options *options, const hf_pg_dump *dump,
                          hf_manifest *manifest, hf_copy_totals *totals, hf_error *error)
{
    schema_reader schema = {.options = options, .dump = dump, .exported = self->exported};
    pthread_t thread;

    if (pthread_create(&thread, NULL, read_schema, &schema) != 0)
        return hf_fail(error, HF_E_SYSTEM, "cannot start a thread");
    hf_status status = hf_copy_tables(options, self->exported, &self->large_objects, manifest, totals, error);
    (void) pthread_join(thread, NULL);

    HF_AUTO(hf_archive_freep) hf_archive *archive = schema.archive;
    HF_TRY(status);
    if (schema.status != HF_OK) {
        if (error != NULL)
            *error = schema.error;
        return schema.status;
    }
    return store_schema(options, archive, manifest, error);
}

static hf_status refuse_damage(const hf_snapshot_options *options, const hf_manifest *manifest,
                               hf_error *error)
{
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

    HF_TRY(hf_repository_verify(options->repository, manifest, false, options->jobs, &damage, error));
    if (damage.count > 0)
        return hf_fail(error, HF_E_CORRUPT, "what was stored cannot be found again: %s: %s",
                       damage.items[0].what, damage.items[0].why);
    return HF_OK;
}

hf_status hf_snapshot_take(const hf_snapshot_options *options, hf_snapshot_result *ret_result,
                           hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = hf_manifest_new();
    HF_AUTO(session_done) session source = {0};
    HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};
    hf_copy_totals totals = {0};
    int64_t started = hf_monotonic_ms();

    HF_TRY(open_session(&source, options, error));
    HF_TRY(hf_pg_dump_find(options->pg_dump, hf_pg_version(source.pg), &dump, error));
    HF_TRY(begin_manifest(&source, options, &dump, manifest, error));
    HF_FAULT("snapshot.after_export", error);
    HF_TRY(copy_all(&source, options, &dump, manifest, &totals, error));
    HF_TRY(read_sequences(source.pg, manifest, error));
    HF_TRY(hf_pg_exec(source.pg, "COMMIT", error));

    HF_TRY(hf_stop_check(error));
    HF_TRY(refuse_damage(options, manifest, error));
    manifest->finished_ms = hf_now_ms();
    HF_FAULT("snapshot.before_seal", error);
    HF_TRY(hf_repository_seal(options->repository, manifest, error));
    HF_FAULT("snapshot.after_seal", error);

    *ret_result = (hf_snapshot_result){.manifest = HF_TAKE(manifest),
                                       .chunks_new = totals.chunks_new,
                                       .chunks_reused = totals.chunks_reused,
                                       .bytes_written = totals.bytes_written,
                                       .took_ms = hf_monotonic_ms() - started};
    return HF_OK;
}

void hf_snapshot_result_done(hf_snapshot_result *result)
{
    hf_manifest_freep(&result->manifest);
}
