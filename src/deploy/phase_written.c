/*
 * What a way back would lose, before it is taken.
 *
 * It must not keep a database from being put back: what goes wrong here makes the answer "unknown", and a second stop request ends the counting
 * alone.
 */
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/fence.h"
#include "deploy/phase.h"
#include "deploy/written.h"

static hf_status count(const hf_cycle *cycle, hf_written *written, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;

    HF_TRY(hf_repository_load(cycle->options->repository, cycle->options->target->name,
                              hf_cycle_text(cycle, "snapshot"), &manifest, error));
    return hf_written_look(cycle->options, NULL, manifest, hf_journal_fact(cycle->journal, "touches"),
                           written, error);
}

/* Within its time; the way back does not stop for signals, and this does. */
static hf_status count_in_time(const hf_cycle *cycle, hf_written *written, hf_error *error)
{
    hf_stop_clear();
    hf_stop_release();
    hf_stop_limit(cycle->options->target->deploy.timeouts.compare_ms);
    hf_status status = count(cycle, written, error);
    if (hf_stop_limit_end() && status != HF_OK)
        status = hf_fail(error, HF_E_TIMEOUT, "it took longer than deploy.timeouts.compare");
    hf_stop_hold();
    return status;
}

static json_t *look(const hf_cycle *cycle)
{
    HF_AUTO(hf_written_done) hf_written written = {0};
    hf_error error;
    char rows[32];

    if (count_in_time(cycle, &written, &error) != HF_OK) {
        hf_log(HF_LOG_WARNING, "what was written since the snapshot is unknown: %s", error.message);
        return json_pack("{s:[], s:n, s:s}", "tables", "total", "why", error.message);
    }
    for (size_t i = 0; i < written.tables.count; i++) {
        HF_AUTO_STR shown = hf_written_shown(&written.tables.items[i]);

        hf_log(HF_LOG_WARNING, "written since the snapshot: %s", shown);
    }
    if (written.tables.count > 0 && hf_cycle_way(cycle) == HF_WAY_IN_PLACE)
        hf_log(HF_LOG_WARNING, "%s rows%s will be in the snapshot of the failed state alone",
               hf_show_count(written.rows, rows), written.unknown > 0 ? " and what is unknown" : "");
    else if (written.tables.count > 0)
        hf_log(HF_LOG_WARNING,
               "%s rows%s will be in the failed database alone; `holdfast salvage %s` exports them",
               hf_show_count(written.rows, rows), written.unknown > 0 ? " and what is unknown" : "",
               hf_journal_cycle(cycle->journal));
    return hf_written_json(&written);
}

hf_cycle_event hf_phase_written(hf_cycle *cycle)
{
    const json_t *written = hf_journal_fact(cycle->journal, "written");
    hf_error error;

    if (written == NULL) {
        /* whoever was let in for the checks is kept out of what goes away; best effort */
        if (hf_fence_raise(cycle, &error) != HF_OK)
            hf_log(HF_LOG_WARNING, "the fence could not be raised again: %s", error.message);
        hf_cycle_fact(cycle, "written", look(cycle));
        if (hf_cycle_note_or_go_on(cycle, "counted", &cycle->error) != HF_OK)
            return HF_EVENT_FAILED;
        written = hf_journal_fact(cycle->journal, "written");
    }
    if (!cycle->options->target->deploy.hold_if_written || cycle->options->proceed ||
        json_is_true(hf_journal_fact(cycle->journal, "proceed")) ||
        (json_is_integer(json_object_get(written, "total")) &&
         json_integer_value(json_object_get(written, "total")) == 0))
        return HF_EVENT_DONE;
    (void) hf_fail(
        &cycle->error, HF_E_INTERRUPTED,
        "rows were written since the snapshot, or may have been, and deploy.rollback.if_written says hold");
    (void) hf_hint(&cycle->error,
                   "`holdfast report` lists them; `holdfast resume --proceed` takes the way back");
    return HF_EVENT_WRITTEN;
}
