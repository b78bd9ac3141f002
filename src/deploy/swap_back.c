/*
 * A failed database put back, when its operator decides that the new state was right after all: the same exchange of names as the way
 * back, in the other direction.
 *
 * The cycle's journal has the names before anything is renamed, in an entry of the state that it ended in; a second run after a kill goes
 * on from there.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/phase.h"
#include "repository/document.h"
#include "restore/swap.h"

static const char *name_in(const json_t *noted, const char *name)
{
    return json_string_value(json_object_get(noted, name));
}

/* What is to be done, into the journal. */
static hf_status begin(hf_cycle *cycle, hf_error *error)
{
    const char *failed = hf_cycle_text(cycle, "failed_database"), *live = hf_cycle_text(cycle, "database");
    char time[32];
    uint32_t oid = 0;

    if (failed == NULL || live == NULL) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "cycle %s keeps no failed database",
                       hf_journal_cycle(cycle->journal));
        if (hf_cycle_text(cycle, "failed_snapshot") != NULL)
            return hf_hint(
                error, "it went back in place: `holdfast restore %s --in-place` puts the failed state back",
                hf_cycle_text(cycle, "failed_snapshot"));
        return hf_hint(error, "`holdfast history` lists those that do");
    }
    HF_TRY(hf_swap_oid(cycle->options->url, failed, &oid, error)); /* is it still there? */
    HF_TRY(hf_swap_oid(cycle->options->url, live, &oid, error));
    HF_AUTO_STR kept = hf_swap_name(live, "replaced", hf_time_compact(hf_now_ms(), time));
    hf_cycle_fact(cycle, "swap_back",
                  json_pack("{s:s, s:s, s:s, s:I, s:o}", "live", live, "beside", failed, "kept", kept,
                            "live_oid", (json_int_t) oid, "operator", hf_operator_json()));
    HF_FAULT("swap_back.before_note", error);
    return hf_cycle_note(cycle, "swapping_back", error);
}

static hf_status finish(hf_cycle *cycle, const char *kept, hf_error *error)
{
    hf_cycle_fact(cycle, "swap_back", json_null());
    hf_cycle_fact(cycle, "failed_database", json_null());
    hf_cycle_fact(cycle, "swapped_back", json_pack("{s:s}", "kept", kept));
    HF_FAULT("swap_back.before_done", error);
    return hf_cycle_note(cycle, "swapped_back", error);
}

static hf_status swap_back(hf_cycle *cycle, char **ret_kept, hf_error *error)
{
    if (cycle->state != HF_CYCLE_ROLLED_BACK) {
        (void) hf_fail(error, HF_E_REFUSED, "cycle %s ended as \"%s\"", hf_journal_cycle(cycle->journal),
                       hf_cycle_state_name(cycle->state));
        return hf_hint(error, "only a cycle that was rolled back has a failed database to put back");
    }
    HF_TRY(hf_cycle_guard(cycle, error));
    if (!json_is_object(hf_journal_fact(cycle->journal, "swap_back")))
        HF_TRY(begin(cycle, error));
    HF_AUTO_JSON noted = json_deep_copy(hf_journal_fact(cycle->journal, "swap_back"));
    const hf_swap_options how = {.url = cycle->options->url,
                                 .live = name_in(noted, "live"),
                                 .beside = name_in(noted, "beside"),
                                 .kept = name_in(noted, "kept"),
                                 .live_oid =
                                     (uint32_t) json_integer_value(json_object_get(noted, "live_oid"))};
    HF_TRY(hf_swap(&how, error));
    hf_log(HF_LOG_INFO, "\"%s\" is \"%s\" again; what stood there is kept as \"%s\"", how.beside, how.live,
           how.kept);
    *ret_kept = hf_strdup(how.kept);
    return finish(cycle, how.kept, error);
}

hf_status hf_deploy_swap_back(const hf_deploy_options *options, const char *id, char **ret_kept,
                              hf_error *error)
{
    HF_AUTO(hf_cycle_done) hf_cycle cycle = {0};

    HF_TRY(hf_cycle_claim(&cycle, options, "swap-back", true, error));
    HF_TRY(hf_journal_load(options->repository, options->target->name, id, &cycle.journal, error));
    if (!hf_cycle_state_parse(hf_journal_state(cycle.journal), &cycle.state))
        return hf_fail(error, HF_E_CORRUPT, "cycle %s has an unknown state", id);
    return swap_back(&cycle, ret_kept, error);
}
