/*
 * What is done in each state.  An action may be repeated after a kill at any instant in it, so each begins by finding out
 * or undoing what an earlier try may have left:
 *
 *   preflight, snapshot   leave at most objects that nothing refers to; they are not repeated, resume refuses
 *   fenced                is not repeated: the journal has what is undone at the end (fence.h)
 *   migrating             is not repeated: resume goes straight to the way back
 *   verifying             only reads; repeated
 *   restoring             counts what was written since the snapshot, once: then it is in the journal; drops the database beside, whose name holds the cycle's id, and makes it anew
 *   verifying_restore     only reads; resume restores again
 *   swapping              is one transaction; which side of it we are on shows in the OID of the live name
 */
#include "base/signals.h"
#include "deploy/phase.h"

hf_cycle_event hf_cycle_outcome(hf_status status)
{
    if (status == HF_OK)
        return HF_EVENT_DONE;
    return status == HF_E_CANCELLED || hf_stop_requested() ? HF_EVENT_STOPPED : HF_EVENT_FAILED;
}

const char *hf_cycle_text(const hf_cycle *cycle, const char *name)
{
    return hf_journal_text(cycle->journal, name);
}

hf_cycle_event hf_cycle_act(hf_cycle *cycle)
{
    switch (cycle->state) {
    case HF_CYCLE_OPENED:
        return HF_EVENT_DONE;
    case HF_CYCLE_PREFLIGHT:
        return hf_phase_before_fence(cycle, hf_phase_preflight(cycle));
    case HF_CYCLE_SNAPSHOT:
        return hf_phase_before_fence(cycle, hf_phase_snapshot(cycle));
    case HF_CYCLE_FENCED:
        return hf_phase_fence(cycle);
    case HF_CYCLE_MIGRATING:
        return hf_phase_migrate(cycle);
    case HF_CYCLE_VERIFYING:
        return hf_phase_verify(cycle);
    case HF_CYCLE_RESTORING: {
        hf_cycle_event event = hf_phase_written(cycle);

        if (event != HF_EVENT_DONE)
            return event;
        return hf_way_restore_beside(cycle);
    }
    case HF_CYCLE_VERIFYING_RESTORE:
        return hf_way_verify_restore(cycle);
    case HF_CYCLE_SWAPPING:
        return hf_way_swap_in(cycle);
    default:
        return HF_EVENT_DONE;
    }
}
