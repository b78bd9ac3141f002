#include "deploy/machine.h"

#include <stddef.h>

#include "base/text.h"

/*
 * Up to SNAPSHOT nothing is touched, so everything but success ends in REFUSED; so it does from FENCED, whose change is undone at
 * every end (fence.h), and from CLONING.  From MIGRATING on, a half-applied migration
 * may be there whatever the error says, so everything but success leads to the way back.  The way back itself does not
 * stop for signals; when it fails, both the snapshot and the failed database are kept, and resume tries again.
 */
#define SWAPPED "the names are exchanged already; finishing the swap"
const hf_transition hf_transitions[] = {
    {HF_CYCLE_OPENED, HF_EVENT_DONE, HF_CYCLE_PREFLIGHT,
     "looking whether everything that the cycle needs is there"},
    {HF_CYCLE_OPENED, HF_EVENT_ABANDONED, HF_CYCLE_REFUSED,
     "another database of the group failed; nothing was touched"},
    {HF_CYCLE_OPENED, HF_EVENT_INTERRUPTED, HF_CYCLE_REFUSED, "interrupted before anything was touched"},

    {HF_CYCLE_PREFLIGHT, HF_EVENT_DONE, HF_CYCLE_SNAPSHOT, "taking the snapshot"},
    {HF_CYCLE_PREFLIGHT, HF_EVENT_FAILED, HF_CYCLE_REFUSED, "refused; nothing was touched"},
    {HF_CYCLE_PREFLIGHT, HF_EVENT_STOPPED, HF_CYCLE_REFUSED, "stopped; nothing was touched"},
    {HF_CYCLE_PREFLIGHT, HF_EVENT_ABANDONED, HF_CYCLE_REFUSED,
     "another database of the group failed; nothing was touched"},
    {HF_CYCLE_PREFLIGHT, HF_EVENT_INTERRUPTED, HF_CYCLE_REFUSED, "interrupted before anything was touched"},

    {HF_CYCLE_PREFLIGHT, HF_EVENT_FENCE, HF_CYCLE_FENCED, "keeping writers out before the snapshot"},
    {HF_CYCLE_SNAPSHOT, HF_EVENT_FENCE, HF_CYCLE_FENCED, "the snapshot is sealed; keeping writers out"},

    {HF_CYCLE_FENCED, HF_EVENT_DONE, HF_CYCLE_MIGRATING, "the fence is up; applying the migrations"},
    {HF_CYCLE_FENCED, HF_EVENT_CLONE, HF_CYCLE_CLONING, "the fence is up; copying the database"},
    {HF_CYCLE_FENCED, HF_EVENT_NO_SNAPSHOT, HF_CYCLE_SNAPSHOT, "the fence is up; taking the snapshot"},
    {HF_CYCLE_FENCED, HF_EVENT_FAILED, HF_CYCLE_REFUSED, "the fence could not be raised; no row was touched"},
    {HF_CYCLE_FENCED, HF_EVENT_STOPPED, HF_CYCLE_REFUSED, "stopped; nothing was touched"},
    {HF_CYCLE_FENCED, HF_EVENT_ABANDONED, HF_CYCLE_REFUSED,
     "another database of the group failed; no row was touched"},
    {HF_CYCLE_FENCED, HF_EVENT_INTERRUPTED, HF_CYCLE_REFUSED,
     "interrupted while the fence was raised; no row was touched"},

    {HF_CYCLE_SNAPSHOT, HF_EVENT_DONE, HF_CYCLE_MIGRATING, "the snapshot is sealed; applying the migrations"},
    {HF_CYCLE_SNAPSHOT, HF_EVENT_CLONE, HF_CYCLE_CLONING, "the snapshot is sealed; copying the database"},
    {HF_CYCLE_SNAPSHOT, HF_EVENT_FAILED, HF_CYCLE_REFUSED, "no snapshot, no migration; nothing was touched"},
    {HF_CYCLE_SNAPSHOT, HF_EVENT_STOPPED, HF_CYCLE_REFUSED, "stopped; nothing was touched"},
    {HF_CYCLE_SNAPSHOT, HF_EVENT_ABANDONED, HF_CYCLE_REFUSED,
     "another database of the group failed; nothing was touched"},
    {HF_CYCLE_SNAPSHOT, HF_EVENT_INTERRUPTED, HF_CYCLE_REFUSED, "interrupted before anything was touched"},

    {HF_CYCLE_CLONING, HF_EVENT_DONE, HF_CYCLE_MIGRATING, "the clone stands; applying the migrations"},
    {HF_CYCLE_CLONING, HF_EVENT_FAILED, HF_CYCLE_REFUSED, "no clone, no migration; nothing was touched"},
    {HF_CYCLE_CLONING, HF_EVENT_STOPPED, HF_CYCLE_REFUSED, "stopped; nothing was touched"},
    {HF_CYCLE_CLONING, HF_EVENT_ABANDONED, HF_CYCLE_REFUSED,
     "another database of the group failed; nothing was touched"},
    {HF_CYCLE_CLONING, HF_EVENT_INTERRUPTED, HF_CYCLE_REFUSED,
     "interrupted before anything was touched; the clone is removed"},

    {HF_CYCLE_MIGRATING, HF_EVENT_DONE, HF_CYCLE_VERIFYING, "the migrations are applied; running the checks"},
    {HF_CYCLE_MIGRATING, HF_EVENT_FAILED, HF_CYCLE_RESTORING, "a migration failed; taking the way back"},
    {HF_CYCLE_MIGRATING, HF_EVENT_STOPPED, HF_CYCLE_RESTORING,
     "stopped while migrating; taking the way back"},
    {HF_CYCLE_MIGRATING, HF_EVENT_INTERRUPTED, HF_CYCLE_RESTORING,
     "interrupted while migrating; taking the way back"},

    {HF_CYCLE_MIGRATING, HF_EVENT_ABANDONED, HF_CYCLE_RESTORING,
     "another database of the group failed; taking the way back"},
    {HF_CYCLE_MIGRATING, HF_EVENT_UNCHANGED, HF_CYCLE_REFUSED,
     "another database of the group failed; no migration was pending here, nothing was touched"},

    {HF_CYCLE_VERIFYING, HF_EVENT_DONE, HF_CYCLE_DEPLOYED, "deployed: migrated and verified"},
    {HF_CYCLE_VERIFYING, HF_EVENT_FAILED, HF_CYCLE_RESTORING, "verification failed; taking the way back"},
    {HF_CYCLE_VERIFYING, HF_EVENT_UNCHANGED, HF_CYCLE_REFUSED,
     "verification failed, but no migration was pending; nothing was touched"},
    {HF_CYCLE_VERIFYING, HF_EVENT_ABANDONED, HF_CYCLE_RESTORING,
     "another database of the group failed; taking the way back"},
    {HF_CYCLE_VERIFYING, HF_EVENT_STOPPED, HF_CYCLE_RESTORING,
     "stopped while verifying; taking the way back"},
    {HF_CYCLE_VERIFYING, HF_EVENT_INTERRUPTED, HF_CYCLE_VERIFYING,
     "interrupted while verifying; running the checks again"},

    {HF_CYCLE_VERIFYING, HF_EVENT_INCONCLUSIVE, HF_CYCLE_HELD,
     "a check could not tell; holding until `holdfast resume`, with --accept or --roll-back to decide"},

    {HF_CYCLE_HELD, HF_EVENT_INTERRUPTED, HF_CYCLE_VERIFYING, "running the checks again"},
    {HF_CYCLE_HELD, HF_EVENT_FAILED, HF_CYCLE_RESTORING, "told to go back; taking the way back"},

    {HF_CYCLE_RESTORING, HF_EVENT_DONE, HF_CYCLE_VERIFYING_RESTORE,
     "the rows are as before; comparing the schema"},
    {HF_CYCLE_RESTORING, HF_EVENT_FAILED, HF_CYCLE_STUCK,
     "the restore failed; snapshot and failed state are kept"},
    {HF_CYCLE_RESTORING, HF_EVENT_INTERRUPTED, HF_CYCLE_RESTORING,
     "interrupted while restoring; beginning the restore again"},

    {HF_CYCLE_RESTORING, HF_EVENT_WRITTEN, HF_CYCLE_WAITING,
     "rows were written since the snapshot; waiting for `holdfast resume --proceed`"},

    {HF_CYCLE_WAITING, HF_EVENT_INTERRUPTED, HF_CYCLE_RESTORING, "told to proceed; taking the way back"},

    {HF_CYCLE_VERIFYING_RESTORE, HF_EVENT_DONE, HF_CYCLE_SWAPPING,
     "what is to take its place is equal; exchanging the databases"},
    {HF_CYCLE_VERIFYING_RESTORE, HF_EVENT_IN_PLACE, HF_CYCLE_ROLLED_BACK,
     "rolled back in place: the database equals the snapshot"},
    {HF_CYCLE_VERIFYING_RESTORE, HF_EVENT_FAILED, HF_CYCLE_STUCK,
     "what was restored differs; snapshot and failed state are kept"},
    {HF_CYCLE_VERIFYING_RESTORE, HF_EVENT_INTERRUPTED, HF_CYCLE_RESTORING,
     "interrupted; beginning the restore again"},

    {HF_CYCLE_SWAPPING, HF_EVENT_DONE, HF_CYCLE_ROLLED_BACK, "rolled back: the database equals the snapshot"},
    {HF_CYCLE_SWAPPING, HF_EVENT_FAILED, HF_CYCLE_STUCK,
     "the swap failed; restored and failed database are both kept"},
    {HF_CYCLE_SWAPPING, HF_EVENT_INTERRUPTED, HF_CYCLE_SWAPPING,
     "interrupted while swapping; looking how far it got"},

    {HF_CYCLE_STUCK, HF_EVENT_INTERRUPTED, HF_CYCLE_RESTORING, "trying the way back again"},
    {HF_CYCLE_STUCK, HF_EVENT_SETTLED, HF_CYCLE_SETTLED, "put right by hand; the database stays as it is"},

    /* Entries that could not be stored: the swap that was made on the way back is finished, and never made twice. */
    {HF_CYCLE_MIGRATING, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
    {HF_CYCLE_VERIFYING, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
    {HF_CYCLE_HELD, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
    {HF_CYCLE_RESTORING, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
    {HF_CYCLE_WAITING, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
    {HF_CYCLE_VERIFYING_RESTORE, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
    {HF_CYCLE_STUCK, HF_EVENT_SWAPPED, HF_CYCLE_SWAPPING, SWAPPED},
};
const size_t hf_transition_count = sizeof(hf_transitions) / sizeof(hf_transitions[0]);

static const struct {
    const char *name;
    hf_status status;
} states[HF_CYCLE_STATES] = {
    [HF_CYCLE_OPENED] = {"opened", HF_E_INTERRUPTED},
    [HF_CYCLE_PREFLIGHT] = {"preflight", HF_E_INTERRUPTED},
    [HF_CYCLE_SNAPSHOT] = {"snapshot", HF_E_INTERRUPTED},
    [HF_CYCLE_FENCED] = {"fenced", HF_E_INTERRUPTED},
    [HF_CYCLE_CLONING] = {"cloning", HF_E_INTERRUPTED},
    [HF_CYCLE_MIGRATING] = {"migrating", HF_E_INTERRUPTED},
    [HF_CYCLE_VERIFYING] = {"verifying", HF_E_INTERRUPTED},
    [HF_CYCLE_HELD] = {"held", HF_E_INTERRUPTED},
    [HF_CYCLE_RESTORING] = {"restoring", HF_E_INTERRUPTED},
    [HF_CYCLE_VERIFYING_RESTORE] = {"verifying_restore", HF_E_INTERRUPTED},
    [HF_CYCLE_SWAPPING] = {"swapping", HF_E_INTERRUPTED},
    [HF_CYCLE_WAITING] = {"waiting", HF_E_INTERRUPTED},
    [HF_CYCLE_DEPLOYED] = {"deployed", HF_OK},
    [HF_CYCLE_ROLLED_BACK] = {"rolled_back", HF_E_ROLLED_BACK},
    [HF_CYCLE_REFUSED] = {"refused", HF_E_REFUSED},
    [HF_CYCLE_STUCK] = {"stuck", HF_E_STUCK},
    [HF_CYCLE_SETTLED] = {"settled", HF_OK},
};

static const char *const event_names[HF_CYCLE_EVENTS] = {
    [HF_EVENT_DONE] = "done",
    [HF_EVENT_FAILED] = "failed",
    [HF_EVENT_STOPPED] = "stopped",
    [HF_EVENT_FENCE] = "fence",
    [HF_EVENT_NO_SNAPSHOT] = "no_snapshot",
    [HF_EVENT_WRITTEN] = "written",
    [HF_EVENT_UNCHANGED] = "unchanged",
    [HF_EVENT_ABANDONED] = "abandoned",
    [HF_EVENT_CLONE] = "clone",
    [HF_EVENT_IN_PLACE] = "in_place",
    [HF_EVENT_INCONCLUSIVE] = "inconclusive",
    [HF_EVENT_SWAPPED] = "swapped",
    [HF_EVENT_SETTLED] = "settled",
    [HF_EVENT_INTERRUPTED] = "interrupted",
};

const hf_transition *hf_transition_find(hf_cycle_state state, hf_cycle_event event)
{
    for (size_t i = 0; i < hf_transition_count; i++)
        if (hf_transitions[i].state == state && hf_transitions[i].event == event)
            return &hf_transitions[i];
    return NULL;
}

bool hf_cycle_is_final(hf_cycle_state state)
{
    return states[state].status != HF_E_INTERRUPTED;
}

bool hf_cycle_is_held(hf_cycle_state state)
{
    return state == HF_CYCLE_HELD || state == HF_CYCLE_WAITING;
}

const char *hf_cycle_state_name(hf_cycle_state state)
{
    return states[state].name;
}

const char *hf_cycle_event_name(hf_cycle_event event)
{
    return event_names[event];
}

bool hf_cycle_state_parse(const char *name, hf_cycle_state *ret_state)
{
    for (int i = 0; i < HF_CYCLE_STATES; i++)
        if (hf_streq(states[i].name, name)) {
            *ret_state = (hf_cycle_state) i;
            return true;
        }
    return false;
}

hf_status hf_cycle_status(hf_cycle_state state)
{
    return states[state].status;
}
