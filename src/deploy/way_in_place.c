/*
 * The way back inside the live database.
 *
 *     restore    one transaction, which sets the fence again; its name is noted      killed before the commit: the failed state, whole
 *                before it commits
 *     keep       in it, when nobody can write any more and before anything is        nothing is destroyed before it
 *                dropped: a snapshot of the failed state, sealed, noted in the journal
 *     compare    the schema, when others can see it (verifying_restore)
 *
 * Repeated after a kill or a lost connection, it finds out whether the transaction was committed.  If it was not, the failed
 * state is kept anew: clients may have written to it since.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/text.h"
#include "deploy/fence.h"
#include "deploy/phase.h"
#include "restore/in_place.h"
#include "snapshot/snapshot.h"

#define LOCK_TIMEOUT_MS 2000 /* who is in the way waits for the restore's own lock, and is ended by it */
#define PATIENCE_MS 120000   /* for a server that was lost */

hf_status hf_deploy_keep_state(const hf_deploy_options *options, const char *name, const char *cycle,
                               const hf_role_settings *settings, char **ret_id, hf_error *error)
{
    HF_AUTO(hf_snapshot_result_done) hf_snapshot_result result = {0};
    HF_AUTO_STR label = hf_format(HF_LABEL_REPLACED "%s", name);
    hf_snapshot_options how = hf_snapshot_options_of(options);

    how.label = label;
    how.cycle = cycle;
    how.settings = settings;
    how.pinned = true;
    how.lock_timeout_ms = LOCK_TIMEOUT_MS;
    how.filter =
        (hf_filter){0}; /* what the target's snapshots leave out is nowhere else once it is dropped */
    hf_progress_begin("snapshot", options->progress);
    hf_status status = hf_snapshot_take(&how, &result, error);
    hf_progress_end();
    HF_TRY(status);
    *ret_id = hf_strdup(result.manifest->id);
    return HF_OK;
}

/* Into the journal at once: what follows rests on it. */
static hf_status note(hf_cycle *cycle, const char *event, const char *name, json_t *value, hf_error *error)
{
    hf_cycle_fact(cycle, name, value);
    return hf_cycle_note_or_go_on(cycle, event, error);
}

static hf_status keep_failed(void *context, hf_error *error)
{
    hf_cycle *cycle = context;
    HF_AUTO_STR id = NULL;
    const char *name = hf_journal_cycle(cycle->journal);

    hf_log(HF_LOG_INFO, "keeping the failed state as a snapshot");
    HF_FAULT("in_place.before_keep", error);
    hf_role_settings former = hf_fence_former_settings(cycle->journal);
    hf_status status = hf_deploy_keep_state(cycle->options, name, name,
                                            hf_fence_is_up(cycle->journal) ? &former : NULL, &id, error);
    free(former.items);
    HF_TRY(status);
    HF_FAULT("in_place.after_keep", error);
    hf_log(HF_LOG_INFO, "the failed state is kept as snapshot %s", id);
    HF_TRY(note(cycle, "kept", "failed_snapshot", json_string(id), error));
    hf_progress_begin("restore in place", cycle->options->progress);
    return HF_OK;
}

static hf_status before_commit(void *context, const char *transaction, hf_error *error)
{
    hf_cycle *cycle = context;

    HF_TRY(hf_cycle_guard(cycle, error));
    HF_FAULT("in_place.before_note", error);
    return note(cycle, "committing", "in_place", json_pack("{s:s}", "transaction", transaction), error);
}

static hf_status try_restore(hf_cycle *cycle, const hf_manifest *manifest, hf_restore_report *report,
                             hf_error *error)
{
    const char *transaction =
        json_string_value(json_object_get(hf_cycle_known(cycle, "in_place"), "transaction"));
    bool is_done = false;

    HF_TRY(hf_cycle_guard(cycle, error));
    if (transaction != NULL)
        HF_TRY(hf_in_place_is_done(cycle->options->url, transaction, &is_done, error));
    if (is_done) {
        hf_log(HF_LOG_INFO, "the restore in place was committed");
        return HF_OK;
    }
    hf_restore_report_done(report);
    *report = (hf_restore_report){0};
    hf_role_settings fence = hf_fence_settings(cycle->journal);
    hf_status status = hf_in_place_run(&(hf_in_place_options){.repository = cycle->options->repository,
                                                              .manifest = manifest,
                                                              .url = cycle->options->url,
                                                              .settings = &fence,
                                                              .progress = cycle->options->progress,
                                                              .keep = keep_failed,
                                                              .before_commit = before_commit,
                                                              .context = cycle},
                                       report, error);
    hf_progress_end();
    free(fence.items);
    return status;
}

hf_cycle_event hf_way_restore_in_place(hf_cycle *cycle)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};
    hf_retry retry = {
        .max_tries = 60, .max_total_ms = PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    char rows[32], took[32];
    hf_status status = hf_cycle_end_orphans(cycle, &cycle->error);

    if (status == HF_OK)
        status = hf_repository_load(cycle->options->repository, cycle->options->target->name,
                                    hf_cycle_text(cycle, "snapshot"), &manifest, &cycle->error);
    if (status != HF_OK)
        return hf_cycle_outcome(status);
    do {
        status = try_restore(cycle, manifest, &report, &cycle->error);
    } while (status == HF_E_CONNECTION && hf_retry_again(&retry, HF_E_CONNECTION, 0));

    if (report.snapshot != NULL)
        hf_cycle_fact(cycle, "restore", hf_cycle_restore_json(&report));
    for (size_t i = 0; i < report.warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", report.warnings.items[i]);
    if (status == HF_OK && report.verified)
        hf_log(HF_LOG_INFO, "restored %s rows in place, all equal to the snapshot, in %s",
               hf_show_count(report.rows, rows), hf_show_duration(report.took_ms, took));
    return hf_cycle_outcome(status);
}

/* The next try restores again, whatever was committed. */
hf_cycle_event hf_way_verify_in_place(hf_cycle *cycle)
{
    hf_status status = hf_cycle_compare_schema(cycle, NULL, &cycle->error);

    if (status == HF_OK) {
        hf_cycle_fact(cycle, "taken_back", hf_cycle_taken_back(cycle));
        return HF_EVENT_IN_PLACE;
    }
    if (status == HF_E_MISMATCH)
        hf_cycle_fact(cycle, "in_place", json_null());
    return hf_cycle_outcome(status);
}
