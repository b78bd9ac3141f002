#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/approval.h"
#include "deploy/fence.h"
#include "deploy/gate.h"
#include "deploy/phase.h"
#include "snapshot/snapshot.h"

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

hf_snapshot_options hf_snapshot_options_of(const hf_deploy_options *options)
{
    const hf_target_config *target = options->target;

    return (hf_snapshot_options){
        .repository = options->repository,
        .target = target->name,
        .url = options->url,
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
        .progress = options->progress,
    };
}

hf_cycle_event hf_phase_snapshot(hf_cycle *cycle)
{
    HF_AUTO(hf_snapshot_result_done) hf_snapshot_result result = {0};
    char stored[32], rows[32], took[32];
    hf_role_settings former = hf_fence_former_settings(cycle->journal);
    hf_snapshot_options options = hf_snapshot_options_of(cycle->options);

    options.cycle = hf_journal_cycle(cycle->journal);
    options.settings = hf_fence_is_up(cycle->journal) ? &former : NULL;
    hf_progress_begin("snapshot", cycle->options->progress);
    hf_status status = hf_snapshot_take(&options, &result, &cycle->error);
    hf_progress_end();
    free(former.items);
    if (status == HF_OK)
        status = refuse_incomplete(cycle, result.manifest, &cycle->error);
    if (status != HF_OK)
        return hf_cycle_outcome(status);

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
    json_t *shrunk = NULL;
    status = hf_gate_shrink(cycle->options, result.manifest, &shrunk, &cycle->error);
    hf_cycle_fact(cycle, "shrunk", shrunk);
    if (status == HF_OK)
        status = hf_gate_window_again(cycle->options, &cycle->error);
    if (status == HF_OK && cycle->options->on_snapshot != NULL)
        status = cycle->options->on_snapshot(cycle->options->context, result.manifest->id, &cycle->error);
    if (status == HF_OK)
        status = hf_approval_look_again(cycle->options, hf_journal_fact(cycle->journal, "approval"),
                                        &cycle->error);
    if (status != HF_OK)
        return hf_cycle_outcome(status);
    return hf_cycle_outcome(hf_stop_check(&cycle->error));
}
