#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/text.h"
#include "deploy/phase.h"
#include "restore/compare.h"
#include "restore/restore.h"
#include "restore/swap.h"

#define RESTORE_PATIENCE_MS 120000 /* for a server that was lost on the way back */

static hf_status load_snapshot(const hf_cycle *cycle, hf_manifest **ret_manifest, hf_error *error)
{
    return hf_repository_load(cycle->options->repository, cycle->options->target->name,
                              hf_cycle_text(cycle, "snapshot"), ret_manifest, error);
}

/* What takes the live database's place. */
static const char *replacement(const hf_cycle *cycle)
{
    const char *name = hf_cycle_text(cycle, "replacement");

    return name != NULL ? name : hf_cycle_text(cycle, "beside");
}

/* Objects that were restored need no line each in the journal. */
json_t *hf_cycle_restore_json(const hf_restore_report *report)
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
    const char *beside = hf_cycle_text(cycle, "beside");

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

hf_cycle_event hf_way_restore_beside(hf_cycle *cycle)
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
        return hf_cycle_outcome(status);
    do {
        hf_restore_report_done(&report);
        report = (hf_restore_report){0};
        status = try_restore(cycle, manifest, &report, &cycle->error);
    } while (status != HF_OK && may_pass(&cycle->error) && hf_retry_again(&retry, HF_E_CONNECTION, 0));

    hf_cycle_fact(cycle, "restore", hf_cycle_restore_json(&report));
    if (status == HF_OK && !report.verified)
        status = hf_fail(&cycle->error, HF_E_MISMATCH, "the restored database was not verified");
    if (status == HF_OK)
        hf_log(HF_LOG_INFO, "restored %s rows beside, all equal to the snapshot, in %s",
               hf_show_count(report.rows, rows), hf_show_duration(report.took_ms, took));
    return hf_cycle_outcome(status);
}

/* The rows were compared as they were restored; this compares the schema, read back by pg_dump. */
static hf_status compare_schema(const hf_cycle *cycle, const char *database, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_proof_differences_done) hf_proof_differences differences = {0};

    HF_TRY(load_snapshot(cycle, &manifest, error));
    HF_TRY(hf_compare_database_schema(
        &(hf_compare_options){.repository = cycle->options->repository,
                              .manifest = manifest,
                              .url = cycle->options->url,
                              .database = database,
                              .pg_dump = &cycle->options->target->snapshot.pg_dump},
        &differences, error));
    if (differences.count > 0) {
        const hf_proof_difference *first = &differences.items[0];

        (void) hf_fail(
            error, HF_E_MISMATCH,
            "the schema of the restored database \"%s\" differs from the snapshot's in %zu objects; the "
            "first is %s \"%s\": %s",
            database != NULL ? database : hf_cycle_text(cycle, "database"), differences.count, first->kind,
            first->name, first->why);
        return hf_hint(error, "holdfast diff %s live shows both", manifest->id);
    }
    return HF_OK;
}

hf_status hf_cycle_compare_schema(const hf_cycle *cycle, const char *database, hf_error *error)
{
    hf_retry retry = {
        .max_tries = 6, .max_total_ms = RESTORE_PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    hf_error scratch;
    hf_status status;

    do { /* a server that is lost shows as either, and may come back */
        status = compare_schema(cycle, database, error != NULL ? error : &scratch);
    } while ((status == HF_E_CONNECTION || status == HF_E_PG_DUMP) &&
             hf_retry_again(&retry, HF_E_CONNECTION, 0));
    return status;
}

hf_cycle_event hf_way_verify_restore(hf_cycle *cycle)
{
    if (!hf_streq(replacement(cycle), hf_cycle_text(cycle, "beside"))) /* the clone, which was looked at */
        return HF_EVENT_DONE;
    return hf_cycle_outcome(hf_cycle_compare_schema(cycle, replacement(cycle), &cycle->error));
}

/*
 * What must not be tried again unchanged: the migration that failed, or all of them when the checks failed.  Nothing when
 * a signal or a kill ended the cycle.
 */
json_t *hf_cycle_taken_back(const hf_cycle *cycle)
{
    const char *failed_in = hf_cycle_text(cycle, "failed_in");
    const json_t *pending = hf_journal_fact(cycle->journal, "pending");
    /* a command does not tell which one */
    bool migration_failed = hf_streq(failed_in, hf_cycle_state_name(HF_CYCLE_MIGRATING)) &&
                            cycle->options->target->migrations.kind != HF_MIGRATIONS_COMMAND;
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
        .live = hf_cycle_text(cycle, "database"),
        .beside = replacement(cycle),
        .kept = hf_cycle_text(cycle, "kept"),
        .live_oid = (uint32_t) strtoul(hf_cycle_text(cycle, "database_oid"), NULL, 10),
    };
}

hf_status hf_cycle_is_swapped(const hf_cycle *cycle, bool *ret_swapped, hf_error *error)
{
    const hf_swap_options options = swap_options(cycle);
    hf_swap_progress progress;

    *ret_swapped = false;
    if (hf_cycle_way(cycle) == HF_WAY_IN_PLACE)
        return HF_OK;
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

    hf_cycle_fact(cycle, "taken_back", hf_cycle_taken_back(cycle));
    hf_log(HF_LOG_INFO, "the failed database is kept as \"%s\"", options.kept);
    return HF_OK;
}

hf_cycle_event hf_way_swap_in(hf_cycle *cycle)
{
    return hf_cycle_outcome(swap_in(cycle, &cycle->error));
}
