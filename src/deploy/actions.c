/*
 * What is done in each state.  An action may be repeated after a kill at any instant in it, so each begins by finding out
 * or undoing what an earlier try may have left:
 *
 *   preflight, snapshot   leave at most objects that nothing refers to; they are not repeated, resume refuses
 *   fenced                is not repeated: the journal has what is undone at the end (fence.h)
 *   migrating             is not repeated: resume goes straight to the way back
 *   cloning               resume removes the clone, lets clients in, and refuses
 *   verifying             only reads; repeated
 *   held                  nothing; the process has ended, and resume begins verifying again
 *   restoring             counts what was written since the snapshot, once: then it is in the journal; drops the database beside, whose name holds the cycle's id, and makes it anew
 *   verifying_restore     only reads; resume restores again
 *   restoring in place    is one transaction, known by its name (way_in_place.c)
 *   swapping              is one transaction; which side of it we are on shows in the OID of the live name
 *
 * From migrating on the walk goes on though entries cannot be stored.  A journal that knows less than was done makes resume go back from where it
 * left off, which is what it does after a kill there; but before anything is restored it looks whether the names are exchanged, as that must not be done
 * twice: then only the swap is finished.
 *
 * Hooks and the seed belong to the state that they run in: one that a kill cut short runs again where the state is repeated.
 */
#include "base/signals.h"
#include "deploy/hook.h"
#include "deploy/phase.h"
#include "deploy/way.h"

hf_cycle_event hf_cycle_outcome(hf_status status)
{
    if (status == HF_OK)
        return HF_EVENT_DONE;
    return status == HF_E_CANCELLED || hf_stop_requested() ? HF_EVENT_STOPPED : HF_EVENT_FAILED;
}

bool hf_cycle_succeeded(hf_cycle_event event)
{
    return event == HF_EVENT_DONE || event == HF_EVENT_FENCE || event == HF_EVENT_NO_SNAPSHOT ||
           event == HF_EVENT_CLONE || event == HF_EVENT_IN_PLACE;
}

const char *hf_cycle_text(const hf_cycle *cycle, const char *name)
{
    return hf_journal_text(cycle->journal, name);
}

hf_rollback_way hf_cycle_way(const hf_cycle *cycle)
{
    hf_rollback_way way = HF_WAY_SWAP;

    (void) hf_way_parse(json_string_value(json_object_get(hf_journal_fact(cycle->journal, "way"), "way")),
                        &way);
    return way;
}

static hf_cycle_event restore(hf_cycle *cycle)
{
    switch (hf_cycle_way(cycle)) {
    case HF_WAY_IN_PLACE: /* which is restored and switched in one */
        hf_hooks_before_switch(cycle);
        return hf_way_restore_in_place(cycle);
    case HF_WAY_CLONE:
        return hf_way_take_clone(cycle);
    default:
        return hf_way_restore_beside(cycle);
    }
}

/* What comes between the snapshot, or the fence, and the first migration. */
static hf_cycle_event before_migrating(const hf_cycle *cycle, hf_cycle_event event)
{
    return event == HF_EVENT_DONE && hf_cycle_way(cycle) == HF_WAY_CLONE ? HF_EVENT_CLONE : event;
}

static hf_cycle_event act(hf_cycle *cycle)
{
    switch (cycle->state) {
    case HF_CYCLE_OPENED:
        return HF_EVENT_DONE;
    case HF_CYCLE_PREFLIGHT:
        return hf_phase_before_fence(cycle, hf_phase_preflight(cycle));
    case HF_CYCLE_SNAPSHOT:
        return before_migrating(cycle, hf_phase_before_fence(cycle, hf_phase_snapshot(cycle)));
    case HF_CYCLE_FENCED:
        return before_migrating(cycle, hf_phase_fence(cycle));
    case HF_CYCLE_CLONING:
        return hf_phase_clone(cycle);
    case HF_CYCLE_MIGRATING:
        return hf_phase_seed(cycle, hf_phase_migrate(cycle));
    case HF_CYCLE_VERIFYING:
        return hf_phase_verify(cycle);
    case HF_CYCLE_RESTORING: {
        hf_cycle_event event = hf_phase_written(cycle);

        if (event != HF_EVENT_DONE)
            return event;
        return restore(cycle);
    }
    case HF_CYCLE_VERIFYING_RESTORE:
        return hf_cycle_way(cycle) == HF_WAY_IN_PLACE ? hf_way_verify_in_place(cycle)
                                                      : hf_way_verify_restore(cycle);
    case HF_CYCLE_SWAPPING:
        return hf_way_swap_in(cycle);
    default:
        return HF_EVENT_DONE;
    }
}

hf_cycle_event hf_cycle_act(hf_cycle *cycle)
{
    hf_status status = hf_hooks_before(cycle, &cycle->error);
    hf_cycle_event event = status == HF_OK ? act(cycle) : hf_cycle_outcome(status);
    const hf_transition *transition = hf_transition_find(cycle->state, event);

    if (status == HF_OK && hf_cycle_succeeded(event) && transition != NULL) {
        status = hf_hooks_after(cycle, transition->next, &cycle->error);
        event = status == HF_OK ? event : hf_cycle_outcome(status);
    }
    return hf_phase_or_unchanged(cycle, event);
}
