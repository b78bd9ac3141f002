#include "snapshot/snapshot.h"

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
#include "snapshot/filters.h"
#include "snapshot/roles.h"
#include "snapshot/schema.h"
#include "snapshot/session.h"

#define TRIES 3

/* ---- the manifest's facts ---- */

static char *dup_text(const hf_rows *rows, size_t row, const char *column)
{
    return hf_strdup(hf_rows_text(rows, row, column));
}

static hf_status read_settings(hf_pg *pg, const hf_role_settings *instead, hf_role_settings *settings,
                               hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    for (size_t i = 0; instead != NULL && i < instead->count; i++) {
        const hf_role_setting copy = {hf_strdup(instead->items[i].role),
                                      hf_strdup(instead->items[i].setting)};

        HF_PUSH(settings, copy);
    }
    if (instead != NULL)
        return HF_OK;
    HF_TRY(hf_pg_query(pg, hf_sql_database_settings, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const hf_role_setting setting = {dup_text(rows, i, "role"), dup_text(rows, i, "setting")};

        HF_PUSH(settings, setting);
    }
    return HF_OK;
}

static hf_status read_server(hf_pg *pg, const hf_role_settings *settings, hf_manifest *manifest,
                             hf_error *error)
{
    HF_AUTO_ROWS database = NULL;
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
    manifest->database.icu_rules = dup_text(database, 0, "icu_rules");
    manifest->database.is_template = hf_rows_bool(database, 0, "is_template");
    manifest->database.collation_version = dup_text(database, 0, "collation_version");
    manifest->database.tablespace = dup_text(database, 0, "tablespace");
    manifest->database.acl = dup_text(database, 0, "acl");
    manifest->database.comment = dup_text(database, 0, "comment");
    manifest->database.connection_limit = (int) hf_rows_int(database, 0, "connection_limit");
    manifest->database.bytes = (uint64_t) hf_rows_int(database, 0, "bytes");

    HF_TRY(read_settings(pg, settings, &manifest->database.settings, error));

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

static hf_status read_visibility(const hf_snapshot_session *self, hf_manifest *manifest, hf_error *error)
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

static void take_tables(const hf_snapshot_session *self, bool text_only, hf_manifest *manifest)
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
        table->data_excluded = self->is_standby && source->persistence == 'u'; /* they are not there */
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
    HF_AUTO_ROWS labels = NULL;

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
    HF_TRY(hf_pg_query(pg, hf_sql_labels, 0, NULL, &labels, error));
    for (size_t i = 0; i < hf_rows_count(labels); i++)
        HF_PUSH(&manifest->labels, ((hf_label){.oid = (uint32_t) hf_rows_int(labels, i, "oid"),
                                               .provider = dup_text(labels, i, "provider"),
                                               .label = dup_text(labels, i, "label")}));
    return HF_OK;
}

/* A filter leaves the roles that the schema still names; large objects are not in the schema. */
static hf_status add_roles_of_large_objects(hf_pg *pg, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO_ROWS roles = NULL;

    HF_TRY(hf_pg_query(pg, hf_sql_large_object_roles, 0, NULL, &roles, error));
    for (size_t i = 0; i < hf_rows_count(roles); i++)
        if (!hf_strings_has(&manifest->roles, hf_rows_text(roles, i, "name")))
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
        if (manifest->tables.items[i].persistence == 'u' && !manifest->tables.items[i].data_excluded) {
            HF_AUTO_STR shown =
                hf_pg_table_shown(manifest->tables.items[i].schema, manifest->tables.items[i].name);
            HF_AUTO_STR text = hf_format("table %s is unlogged: a crash of the server empties it", shown);
            hf_strings_add(&manifest->warnings, text);
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

static hf_status begin_manifest(hf_snapshot_session *self, const hf_snapshot_options *options,
                                const hf_pg_dump *dump, hf_manifest *manifest, hf_error *error)
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
    HF_TRY(read_server(self->pg, options->settings, manifest, error));
    take_tables(self, options->text_only, manifest);
    HF_TRY(hf_pg_list_large_objects(self->pg, &self->large_objects, error));
    HF_TRY(read_names(self->pg, manifest, error));
    return name_what_is_not_carried(self->pg, manifest, error);
}

/* Rows and schema side by side; of two errors the rows' is the more telling one. */
static hf_status copy_all(const hf_snapshot_session *source, const hf_snapshot_options *options,
                          const hf_pg_dump *dump, hf_manifest *manifest, hf_copy_totals *totals,
                          bool *ret_changed, hf_error *error)
{
    HF_AUTO(hf_schema_reader_freep) hf_schema_reader *schema = NULL;

    HF_TRY(hf_schema_reader_start(options, source, dump, &schema, error));
    if (!hf_filter_is_empty(&options->filter)) {
        HF_TRY(hf_schema_reader_filter(schema, manifest, ret_changed, error));
        if (*ret_changed)
            return HF_OK;
    }
    HF_TRY(hf_copy_tables(options, source->exported, &source->large_objects, manifest, totals, error));
    return hf_schema_reader_finish(schema, manifest, ret_changed, error);
}

/* *ret_changed: definitions changed meanwhile. */
static hf_status read_all(hf_snapshot_session *source, const hf_snapshot_options *options,
                          hf_manifest *manifest, hf_copy_totals *totals, bool *ret_changed, hf_error *error)
{
    HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};

    HF_TRY(hf_snapshot_session_open(options, source, error));
    HF_TRY(hf_pg_dump_find(options->pg_dump, hf_pg_version(source->pg), &dump, error));
    dump.timeout_ms = options->pg_dump_timeout_ms;
    /* They hold values of rows: of any bytes where there is no encoding, and a filtered snapshot has not all tables' rows. */
    dump.statistics = hf_filter_is_empty(&options->filter) &&
                      !hf_streq(hf_pg_parameter(source->pg, "server_encoding"), "SQL_ASCII");
    HF_TRY(begin_manifest(source, options, &dump, manifest, error));
    HF_FAULT("snapshot.after_export", error);
    HF_TRY(copy_all(source, options, &dump, manifest, totals, ret_changed, error));
    if (*ret_changed)
        return HF_OK;
    HF_TRY(read_sequences(source->pg, manifest, error));
    hf_filters_prune(manifest);
    if (hf_manifest_is_filtered(manifest))
        HF_TRY(add_roles_of_large_objects(source->pg, manifest, error));
    HF_TRY(hf_role_plan_read(source->pg, manifest, error));
    return hf_pg_exec(source->pg, "COMMIT", error);
}

typedef enum again { AGAIN_NO, AGAIN_CHANGED, AGAIN_CONFLICT, AGAIN_LOCKED } again;

/* One try, up to what remains to be sealed; *ret_again: why another one is needed. */
static hf_status try_once(const hf_snapshot_options *options, hf_manifest *manifest, hf_copy_totals *totals,
                          again *ret_again, hf_error *error)
{
    HF_AUTO(hf_snapshot_session_done) hf_snapshot_session source = {0};
    bool changed = false;
    hf_status status = read_all(&source, options, manifest, totals, &changed, error);

    *ret_again = changed ? AGAIN_CHANGED : AGAIN_NO;
    if (status != HF_OK && status != HF_E_CANCELLED && hf_snapshot_session_is_conflict(&source, error))
        *ret_again = AGAIN_CONFLICT;
    /* A worker or pg_dump queues behind somebody who waits for our own locks: only letting go of them helps. */
    if (status == HF_E_LOCKED && source.exported != NULL)
        *ret_again = AGAIN_LOCKED;
    return status;
}

static hf_status give_up(again why, hf_error *error)
{
    if (why == AGAIN_CONFLICT) {
        (void) hf_prefix(error, "the standby cancelled the snapshot %d times", TRIES);
        return hf_hint(error, "set hot_standby_feedback = on on the standby, or raise its "
                              "max_standby_streaming_delay (max_standby_archive_delay)");
    }
    if (why == AGAIN_LOCKED) {
        (void) hf_prefix(error, "the tables were locked while they were read, %d times", TRIES);
        return hf_hint(error, "something alters, truncates or drops tables; try again when it is quiet");
    }
    (void) hf_fail(error, HF_E_LOCKED, "definitions changed while they were read, %d times", TRIES);
    return hf_hint(error,
                   "something creates, alters or drops objects all the time; try again when it is quiet");
}

static hf_status refuse_damage(const hf_snapshot_options *options, const hf_manifest *manifest,
                               hf_error *error)
{
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

    if (hf_repository_is_write_only(options->repository))
        return HF_OK;
    HF_TRY(hf_repository_verify(options->repository, manifest, false, options->jobs, &damage, error));
    if (damage.count > 0)
        return hf_fail(error, HF_E_CORRUPT, "what was stored cannot be found again: %s: %s",
                       damage.items[0].what, damage.items[0].why);
    return HF_OK;
}

hf_status hf_snapshot_take(const hf_snapshot_options *options, hf_snapshot_result *ret_result,
                           hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    hf_copy_totals totals = {0};
    int64_t started = hf_monotonic_ms();
    again why = AGAIN_CHANGED;

    HF_TRY(hf_filter_check(&options->filter, error));
    for (int i = 0; i < TRIES && why != AGAIN_NO; i++) {
        hf_manifest_freep(&manifest);
        manifest = hf_manifest_new();
        totals = (hf_copy_totals){0};
        hf_status status = try_once(options, manifest, &totals, &why, error);
        if (why == AGAIN_NO)
            HF_TRY(status);
    }
    if (why != AGAIN_NO)
        return give_up(why, error);

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
