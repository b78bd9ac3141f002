#include "deploy/outlook.h"

#include "base/text.h"
#include "deploy/deploy.h"
#include "deploy/machine.h"
#include "repository/journal.h"
#include "repository/proof.h"

#define CYCLES_READ 50 /* of the newest */

/* What a state took in this cycle, if it came to its end; -1: it did not. */
static int64_t took(const json_t *report, hf_cycle_state state)
{
    const json_t *phases = json_object_get(report, "phases");

    for (size_t i = 0; i + 1 < json_array_size(phases); i++) {
        const json_t *phase = json_array_get(phases, i), *next = json_array_get(phases, i + 1);

        if (hf_streq(json_string_value(json_object_get(phase, "state")), hf_cycle_state_name(state)) &&
            hf_streq(json_string_value(json_object_get(next, "event")), hf_cycle_event_name(HF_EVENT_DONE)))
            return json_integer_value(json_object_get(phase, "took_ms"));
    }
    return -1;
}

static void learn(int64_t *known, int64_t measured)
{
    if (*known < 0)
        *known = measured;
}

static void learn_from(const json_t *report, hf_outlook *outlook)
{
    const int64_t restore = took(report, HF_CYCLE_RESTORING), swap = took(report, HF_CYCLE_SWAPPING);
    const int64_t compare = took(report, HF_CYCLE_VERIFYING_RESTORE);

    learn(&outlook->snapshot_ms, took(report, HF_CYCLE_SNAPSHOT));
    learn(&outlook->migrate_ms, took(report, HF_CYCLE_MIGRATING));
    learn(&outlook->verify_ms, took(report, HF_CYCLE_VERIFYING));
    if (restore >= 0 && swap >= 0)
        learn(&outlook->way_back_ms, restore + (compare > 0 ? compare : 0) + swap);
}

static hf_status learn_from_proofs(hf_repository *repository, const char *target, hf_outlook *outlook,
                                   hf_error *error)
{
    HF_AUTO(hf_proofs_done) hf_proofs proofs = {0};
    int64_t newest = 0;

    HF_TRY(hf_proof_list(repository, target, &proofs, error));
    for (size_t i = 0; i < proofs.count; i++) {
        if (!proofs.items[i].equal || proofs.items[i].at_ms <= newest)
            continue;
        newest = proofs.items[i].at_ms;
        outlook->way_back_ms = proofs.items[i].took_ms;
    }
    return HF_OK;
}

hf_status hf_outlook_read(hf_repository *repository, const char *target, hf_outlook *ret_outlook,
                          hf_error *error)
{
    hf_outlook outlook = {-1, -1, -1, -1};
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};

    HF_TRY(hf_journal_list(repository, target, &cycles, error));
    for (size_t i = 0; i < cycles.count && i < CYCLES_READ; i++) {
        json_t *report = NULL;
        hf_error ignored;

        if (hf_deploy_report(repository, target, cycles.items[cycles.count - 1 - i], &report, &ignored) ==
            HF_OK)
            learn_from(report, &outlook);
        json_decref(report);
    }
    if (outlook.way_back_ms < 0)
        HF_TRY(learn_from_proofs(repository, target, &outlook, error));
    *ret_outlook = outlook;
    return HF_OK;
}
