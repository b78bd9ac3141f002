/*
 * What is done in each state.  An action may be repeated after a kill at any instant in it, so each begins by finding out
 * or undoing what an earlier try may have left:
 *
 *   preflight, snapshot   leave at most objects that nothing refers to; they are not repeated, resume refuses
 *   migrating             is not repeated: resume goes straight to the way back
 *   verifying             only reads; repeated
 *   restoring             drops the database beside, whose name holds the cycle's id, and makes it anew
 *   verifying_restore     only reads; resume restores again
 *   swapping              is one transaction; which side of it we are on shows in the OID of the live name
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/signals.h"
#include "base/text.h"
#include "checks/checks.h"
#include "deploy/approval.h"
#include "deploy/cycle.h"
#include "deploy/preflight.h"
#include "migrations/migrations.h"
#include "restore/compare.h"
#include "restore/restore.h"
#include "restore/swap.h"
#include "snapshot/snapshot.h"

#define RESTORE_PATIENCE_MS 120000 /* for a server that was lost on the way back */

static hf_cycle_event outcome(hf_status status)
{
    if (status == HF_OK)
        return HF_EVENT_DONE;
    return status == HF_E_CANCELLED || hf_stop_requested() ? HF_EVENT_STOPPED : HF_EVENT_FAILED;
}

static const char *text_fact(const hf_cycle *cycle, const char *name)
{
    return hf_journal_text(cycle->journal, name);
}

/* ---- preflight ---- */

static hf_status remember_names(hf_cycle *cycle, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_STR oid = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = cycle->options->url, .purpose = "deploy"}, &pg, error));
    HF_TRY(hf_pg_query_text(
        pg, "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()", 0, NULL,
        &oid, error));
    const char *live = hf_pg_database(pg), *id = hf_journal_cycle(cycle->journal);
    HF_AUTO_STR beside = hf_swap_name(live, "hf", id);
    HF_AUTO_STR kept = hf_swap_name(live, "failed", id);

    hf_cycle_fact(cycle, "database", json_string(live));
    hf_cycle_fact(cycle, "database_oid", json_string(oid));
    hf_cycle_fact(cycle, "beside", json_string(beside));
    hf_cycle_fact(cycle, "kept", json_string(kept));
    return HF_OK;
}

static hf_status refuse_unexpected(const hf_cycle *cycle, const hf_migration_list *list, hf_error *error)
{
    const hf_strings *expect = &cycle->options->expect;
    size_t pending = 0;

    if (expect->count == 0)
        return HF_OK;
    if (list->unknown) {
        (void) hf_fail(error, HF_E_REFUSED,
                       "what is pending is not known, so it cannot be compared with --expect");
        return hf_hint(error, "only migrations of kind prisma or sql can tell");
    }
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];

        if (!hf_migration_is_pending(migration))
            continue;
        pending++;
        if (!hf_strings_has(expect, migration->name)) {
            (void) hf_fail(error, HF_E_REFUSED, "migration \"%s\" is pending and was not expected",
                           migration->name);
            return hf_hint(error, "look at it, and name it with --expect if it is wanted");
        }
    }
    if (pending != expect->count)
        return hf_fail(error, HF_E_REFUSED, "%zu migration%s expected, and %zu %s pending", expect->count,
                       expect->count == 1 ? " was" : "s were", pending, pending == 1 ? "is" : "are");
    return HF_OK;
}

/*
 * Does the pending set hold what an earlier cycle took back, unchanged?  A migration that failed is blamed alone; when the
 * checks failed, only the same set as a whole is.  Gives the name of one of them, or NULL.
 */
static const char *find_taken_back(const json_t *taken_back, const hf_migration_list *list)
{
    const json_t *checksums = json_object_get(taken_back, "migrations");
    const char *name = NULL;
    size_t same = 0;

    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];
        const char *checksum = json_string_value(json_object_get(checksums, migration->name));

        if (hf_migration_is_pending(migration) && checksum != NULL &&
            hf_streq(checksum, migration->checksum)) {
            name = migration->name;
            same++;
        }
    }
    if (same < json_object_size(checksums))
        return NULL;
    if (json_is_true(json_object_get(taken_back, "as_a_whole")) && same < hf_migration_list_pending(list))
        return NULL;
    return name;
}

/* A restored ledger has forgotten the failure; the journals have not. */
static hf_status refuse_taken_back(const hf_cycle *cycle, const hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};

    if (cycle->options->retry)
        return HF_OK;
    HF_TRY(hf_journal_list(cycle->options->repository, cycle->options->target->name, &cycles, error));
    for (size_t i = cycles.count; i-- > 0;) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

        if (hf_streq(cycles.items[i], hf_journal_cycle(cycle->journal)))
            continue;
        HF_TRY(hf_journal_load(cycle->options->repository, cycle->options->target->name, cycles.items[i],
                               &journal, error));
        const char *name = find_taken_back(hf_journal_fact(journal, "taken_back"), list);
        if (name != NULL) {
            (void) hf_fail(error, HF_E_REFUSED,
                           "migration \"%s\" was rolled back by cycle %s, and its file is unchanged", name,
                           cycles.items[i]);
            return hf_hint(error, "correct the migration, or give --retry if the cause lay elsewhere");
        }
    }
    return HF_OK;
}

static json_t *pending_json(const hf_migration_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];

        if (hf_migration_is_pending(migration))
            json_array_append_new(
                array, json_pack("{s:s, s:s}", "name", migration->name, "checksum", migration->checksum));
    }
    return array;
}

static hf_status refuse_unapproved(hf_cycle *cycle, hf_error *error)
{
    json_t *fact = NULL;
    hf_status status = hf_approval_look(cycle->options, &fact, error);

    if (fact != NULL)
        hf_cycle_fact(cycle, "approval", fact);
    return status;
}

static hf_cycle_event preflight(hf_cycle *cycle)
{
    HF_AUTO(hf_preflight_done) hf_preflight look = {0};
    hf_status status = remember_names(cycle, &cycle->error);

    if (status != HF_OK)
        return outcome(status);
    hf_preflight_look(cycle->options, &look);
    hf_cycle_fact(cycle, "preflight", hf_preflight_json(&look));
    hf_cycle_fact(cycle, "pending", pending_json(&look.migrations));
    hf_cycle_fact(cycle, "pending_unknown", json_boolean(look.migrations.unknown));
    for (size_t i = 0; i < look.findings.count; i++) {
        const hf_finding *finding = &look.findings.items[i];

        if (finding->level == HF_FINDING_WARNING)
            hf_log(HF_LOG_WARNING, "%s: %s", finding->what, finding->seen);
        else
            hf_log(HF_LOG_DEBUG, "%s: %s", finding->what, finding->seen);
    }
    if (look.bad > 0)
        status = hf_preflight_refuse(&look, &cycle->error);
    if (status == HF_OK)
        status = refuse_unexpected(cycle, &look.migrations, &cycle->error);
    if (status == HF_OK)
        status = refuse_taken_back(cycle, &look.migrations, &cycle->error);
    if (status == HF_OK)
        status = refuse_unapproved(cycle, &cycle->error);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    return outcome(status);
}

/* ---- snapshot ---- */

/* Belt and braces: no way back rests on a snapshot that lacks something, unless that was allowed. */
static hf_status refuse_incomplete(const hf_cycle *cycle, const hf_manifest *manifest, hf_error *error)
{
    if (manifest->degraded.count > 0)
        return hf_fail(error, HF_E_REFUSED, "snapshot \"%s\" is degraded: rows of table %s.%s are lost",
                       manifest->id, manifest->degraded.items[0].schema, manifest->degraded.items[0].name);
    if (hf_manifest_is_filtered(manifest) && !cycle->options->target->deploy.allow_filtered) {
        (void) hf_fail(error, HF_E_REFUSED, "snapshot \"%s\" is filtered", manifest->id);
        return hf_hint(error, "set deploy.allow_filtered: true if that is wanted");
    }
    return HF_OK;
}

static hf_cycle_event snapshot(hf_cycle *cycle)
{
    const hf_target_config *target = cycle->options->target;
    HF_AUTO(hf_snapshot_result_done) hf_snapshot_result result = {0};
    char stored[32], rows[32], took[32];
    hf_snapshot_options options = {
        .repository = cycle->options->repository,
        .target = target->name,
        .url = cycle->options->url,
        .jobs = target->snapshot.jobs,
        .compression = target->snapshot.compression,
        .text_only = target->snapshot.text_only,
        .range_pages = target->snapshot.range_pages,
        .chunk_bytes = target->snapshot.chunk_bytes,
        .lock_timeout_ms = target->snapshot.lock_timeout_ms,
        .pg_dump_timeout_ms = target->snapshot.pg_dump_timeout_ms,
        .pg_dump = &target->snapshot.pg_dump,
        .filter = {&target->snapshot.include, &target->snapshot.exclude, &target->snapshot.exclude_data},
        .verify_full = true,
        .cycle = hf_journal_cycle(cycle->journal),
        .progress = cycle->options->progress,
    };

    hf_progress_begin("snapshot", cycle->options->progress);
    hf_status status = hf_snapshot_take(&options, &result, &cycle->error);
    hf_progress_end();
    if (status == HF_OK)
        status = refuse_incomplete(cycle, result.manifest, &cycle->error);
    if (status != HF_OK)
        return outcome(status);

    for (size_t i = 0; i < result.manifest->warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", result.manifest->warnings.items[i]);
    hf_log(HF_LOG_INFO, "snapshot %s: %s rows, %s stored, in %s", result.manifest->id,
           hf_show_count(hf_manifest_rows(result.manifest), rows),
           hf_show_size(hf_manifest_stored_bytes(result.manifest), stored),
           hf_show_duration(result.took_ms, took));
    hf_cycle_fact(cycle, "snapshot", json_string(result.manifest->id));
    hf_cycle_fact(cycle, "snapshot_rows", json_integer((json_int_t) hf_manifest_rows(result.manifest)));
    hf_cycle_fact(cycle, "snapshot_stored_bytes",
                  json_integer((json_int_t) hf_manifest_stored_bytes(result.manifest)));
    hf_cycle_fact(cycle, "snapshot_chunks_new", json_integer((json_int_t) result.chunks_new));
    hf_cycle_fact(cycle, "snapshot_chunks_reused", json_integer((json_int_t) result.chunks_reused));
    if (cycle->options->on_snapshot != NULL)
        status = cycle->options->on_snapshot(cycle->options->context, result.manifest->id, &cycle->error);
    if (status == HF_OK)
        status = hf_approval_look_again(cycle->options, hf_journal_fact(cycle->journal, "approval"),
                                        &cycle->error);
    if (status != HF_OK)
        return outcome(status);
    return outcome(hf_stop_check(&cycle->error));
}

/* ---- migrating ---- */

static void migration_began(void *context, const char *name)
{
    (void) context;
    hf_log(HF_LOG_INFO, "applying %s", name);
}

static void migration_ended(void *context, const char *name, int64_t took_ms)
{
    hf_cycle *cycle = context;
    json_t *applied = json_object_get(cycle->facts, "applied");
    char took[32];

    if (applied == NULL) {
        hf_cycle_fact(cycle, "applied", json_array());
        applied = json_object_get(cycle->facts, "applied");
    }
    json_array_append_new(applied, json_pack("{s:s, s:I}", "name", name, "took_ms", (json_int_t) took_ms));
    hf_log(HF_LOG_INFO, "applied %s in %s", name, hf_show_duration(took_ms, took));
}

static void migration_output(void *context, const char *text)
{
    (void) context;
    hf_log(HF_LOG_INFO, "%s", text);
}

static hf_cycle_event migrate(hf_cycle *cycle)
{
    const hf_migrations_events events = {
        .context = cycle, .begin = migration_began, .end = migration_ended, .output = migration_output};
    size_t applied = 0;
    hf_status status = hf_cycle_guard(cycle, &cycle->error);

    if (status == HF_OK)
        status = HF_FAULT_STATUS("deploy.before_migrations", &cycle->error);
    if (status == HF_OK)
        status = hf_migrations_apply(&cycle->options->target->migrations, cycle->options->url, &events,
                                     &applied, &cycle->error);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("deploy.after_migrations", &cycle->error);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    return outcome(status);
}

/* ---- verifying ---- */

static void check_ended(void *context, const hf_check_result *result)
{
    (void) context;
    if (result->passed)
        hf_log(HF_LOG_INFO, "check \"%s\" passed: %s", result->check->name, result->seen);
    else
        hf_log(result->check->warn_only ? HF_LOG_WARNING : HF_LOG_ERROR,
               "check \"%s\" failed: expected %s, saw %s", result->check->name, result->expected,
               result->seen);
}

/* A migrator that is a command tells nothing, so it counts as having changed something. */
static bool nothing_was_pending(const hf_cycle *cycle)
{
    return json_array_size(hf_journal_fact(cycle->journal, "pending")) == 0 &&
           !json_is_true(hf_journal_fact(cycle->journal, "pending_unknown"));
}

static hf_cycle_event verify(hf_cycle *cycle)
{
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    hf_status status = HF_FAULT_STATUS("deploy.before_checks", &cycle->error);

    if (status == HF_OK)
        status = hf_checks_run(&cycle->options->target->checks, cycle->options->target->name,
                               cycle->options->url, check_ended, NULL, &results, &cycle->error);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    hf_cycle_fact(cycle, "checks", hf_check_results_json(&results));
    for (size_t i = 0; status == HF_OK && i < results.results.count; i++) {
        const hf_check_result *result = &results.results.items[i];

        if (!result->passed && !result->check->warn_only)
            status = hf_fail(&cycle->error, HF_E_CHECKS_FAILED, "check \"%s\" failed: expected %s, saw %s",
                             result->check->name, result->expected, result->seen);
    }

    hf_cycle_event event = outcome(status);
    return event != HF_EVENT_DONE && nothing_was_pending(cycle) ? HF_EVENT_UNCHANGED : event;
}

/* ---- the way back ---- */

static hf_status load_snapshot(const hf_cycle *cycle, hf_manifest **ret_manifest, hf_error *error)
{
    return hf_repository_load(cycle->options->repository, cycle->options->target->name,
                              text_fact(cycle, "snapshot"), ret_manifest, error);
}

/* Objects that were restored need no line each in the journal. */
static json_t *brief_report(const hf_restore_report *report)
{
    json_t *json = hf_restore_report_json(report), *kept = json_array(), *object;
    size_t i;

    json_array_foreach(json_object_get(json, "objects"), i,
                       object) if (!hf_streq(json_string_value(json_object_get(object, "outcome")),
                                             "restored")) json_array_append(kept, object);
    json_object_set_new(json, "objects", kept);
    return json;
}

/* A killed run's CREATE DATABASE may still be under way on the server, and a server that was lost may come back. */
static bool may_pass(const hf_error *error)
{
    return error->code == HF_E_EXISTS || error->code == HF_E_CONNECTION ||
           hf_streq(error->sqlstate, "23505") || hf_streq(error->sqlstate, "42P04") ||
           hf_streq(error->sqlstate, "55006");
}

static hf_status try_restore(hf_cycle *cycle, const hf_manifest *manifest, hf_restore_report *report,
                             hf_error *error)
{
    const char *beside = text_fact(cycle, "beside");

    HF_TRY(hf_cycle_guard(cycle, error));
    HF_TRY(hf_restore_drop(cycle->options->url, beside, error)); /* what an earlier try left */
    hf_progress_begin("restore", cycle->options->progress);
    hf_status status = hf_restore_run(&(hf_restore_options){.repository = cycle->options->repository,
                                                            .manifest = manifest,
                                                            .url = cycle->options->url,
                                                            .database = beside,
                                                            .jobs = cycle->options->target->snapshot.jobs,
                                                            .progress = cycle->options->progress},
                                      report, error);
    hf_progress_end();
    return status;
}

static hf_cycle_event restore_beside(hf_cycle *cycle)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};
    hf_retry retry = {
        .max_tries = 60, .max_total_ms = RESTORE_PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    char rows[32], took[32];
    hf_status status = hf_cycle_end_orphans(cycle, &cycle->error);

    if (status == HF_OK)
        status = load_snapshot(cycle, &manifest, &cycle->error);
    if (status != HF_OK)
        return outcome(status);
    do {
        hf_restore_report_done(&report);
        report = (hf_restore_report){0};
        status = try_restore(cycle, manifest, &report, &cycle->error);
    } while (status != HF_OK && may_pass(&cycle->error) && hf_retry_again(&retry, HF_E_CONNECTION, 0));

    hf_cycle_fact(cycle, "restore", brief_report(&report));
    if (status == HF_OK && !report.verified)
        status = hf_fail(&cycle->error, HF_E_MISMATCH, "the restored database was not verified");
    if (status == HF_OK)
        hf_log(HF_LOG_INFO, "restored %s rows beside, all equal to the snapshot, in %s",
               hf_show_count(report.rows, rows), hf_show_duration(report.took_ms, took));
    return outcome(status);
}

/* The rows were compared as they were restored; this compares the schema, read back by pg_dump. */
static hf_status compare_schema(hf_cycle *cycle, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_proof_differences_done) hf_proof_differences differences = {0};
    const char *beside = text_fact(cycle, "beside");

    HF_TRY(load_snapshot(cycle, &manifest, error));
    HF_TRY(hf_compare_database_schema(
        &(hf_compare_options){.repository = cycle->options->repository,
                              .manifest = manifest,
                              .url = cycle->options->url,
                              .database = beside,
                              .pg_dump = &cycle->options->target->snapshot.pg_dump},
        &differences, error));
    if (differences.count > 0) {
        const hf_proof_difference *first = &differences.items[0];

        (void) hf_fail(
            error, HF_E_MISMATCH,
            "the schema of the restored database \"%s\" differs from the snapshot's in %zu objects; the "
            "first is %s \"%s\": %s",
            beside, differences.count, first->kind, first->name, first->why);
        return hf_hint(error, "holdfast diff %s live shows both", manifest->id);
    }
    return HF_OK;
}

static hf_cycle_event verify_restore(hf_cycle *cycle)
{
    hf_retry retry = {
        .max_tries = 6, .max_total_ms = RESTORE_PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    hf_status status;

    do { /* a server that is lost shows as either, and may come back */
        status = compare_schema(cycle, &cycle->error);
    } while ((status == HF_E_CONNECTION || status == HF_E_PG_DUMP) &&
             hf_retry_again(&retry, HF_E_CONNECTION, 0));
    return outcome(status);
}

/*
 * What must not be tried again unchanged: the migration that failed, or all of them when the checks failed.  Nothing when
 * a signal or a kill ended the cycle.
 */
static json_t *taken_back(const hf_cycle *cycle)
{
    const char *failed_in = text_fact(cycle, "failed_in");
    const json_t *pending = hf_journal_fact(cycle->journal, "pending");
    bool migration_failed = hf_streq(failed_in, hf_cycle_state_name(HF_CYCLE_MIGRATING));
    size_t first = migration_failed ? json_array_size(hf_journal_fact(cycle->journal, "applied")) : 0;
    size_t end = migration_failed ? first + 1 : json_array_size(pending);
    json_t *checksums = json_object();

    for (size_t i = first; failed_in != NULL && i < end && i < json_array_size(pending); i++) {
        const json_t *migration = json_array_get(pending, i);
        json_object_set(checksums, json_string_value(json_object_get(migration, "name")),
                        json_object_get(migration, "checksum"));
    }
    if (json_object_size(checksums) == 0) {
        json_decref(checksums);
        return NULL;
    }
    return json_pack("{s:o, s:b}", "migrations", checksums, "as_a_whole", !migration_failed);
}

static hf_swap_options swap_options(const hf_cycle *cycle)
{
    return (hf_swap_options){
        .url = cycle->options->url,
        .live = text_fact(cycle, "database"),
        .beside = text_fact(cycle, "beside"),
        .kept = text_fact(cycle, "kept"),
        .live_oid = (uint32_t) strtoul(text_fact(cycle, "database_oid"), NULL, 10),
    };
}

hf_status hf_cycle_is_swapped(const hf_cycle *cycle, bool *ret_swapped, hf_error *error)
{
    const hf_swap_options options = swap_options(cycle);
    hf_swap_progress progress;

    HF_TRY(hf_swap_state(&options, &progress, error));
    *ret_swapped = progress == HF_SWAP_DONE;
    return HF_OK;
}

static hf_status swap_in(hf_cycle *cycle, hf_error *error)
{
    const hf_swap_options options = swap_options(cycle);

    HF_TRY(hf_cycle_guard(cycle, error));
    HF_TRY(hf_swap(&options, error));
    hf_cycle_fact(cycle, "failed_database", json_string(options.kept));

    hf_cycle_fact(cycle, "taken_back", taken_back(cycle));
    hf_log(HF_LOG_INFO, "the failed database is kept as \"%s\"", options.kept);
    return HF_OK;
}

hf_cycle_event hf_cycle_act(hf_cycle *cycle)
{
    switch (cycle->state) {
    case HF_CYCLE_OPENED:
        return HF_EVENT_DONE;
    case HF_CYCLE_PREFLIGHT:
        return preflight(cycle);
    case HF_CYCLE_SNAPSHOT:
        return snapshot(cycle);
    case HF_CYCLE_MIGRATING:
        return migrate(cycle);
    case HF_CYCLE_VERIFYING:
        return verify(cycle);
    case HF_CYCLE_RESTORING:
        return restore_beside(cycle);
    case HF_CYCLE_VERIFYING_RESTORE:
        return verify_restore(cycle);
    case HF_CYCLE_SWAPPING:
        return outcome(swap_in(cycle, &cycle->error));
    default:
        return HF_EVENT_DONE;
    }
}
