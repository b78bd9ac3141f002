/* The states of a cycle, what can happen in each, and what follows: one table. */
#ifndef HF_DEPLOY_MACHINE_H
#define HF_DEPLOY_MACHINE_H

#include "base/error.h"

typedef enum hf_cycle_state {
    HF_CYCLE_OPENED,
    HF_CYCLE_PREFLIGHT,
    HF_CYCLE_SNAPSHOT,
    HF_CYCLE_FENCED, /* only where a fence is configured */
    HF_CYCLE_CLONING,
    HF_CYCLE_MIGRATING,
    HF_CYCLE_VERIFYING,
    HF_CYCLE_HELD, /* a check could not tell; ends the process, and resume goes on */
    HF_CYCLE_RESTORING,
    HF_CYCLE_VERIFYING_RESTORE,
    HF_CYCLE_SWAPPING,
    HF_CYCLE_WAITING, /* for the operator's word; ends the process, and resume goes on */
    HF_CYCLE_DEPLOYED,
    HF_CYCLE_ROLLED_BACK,
    HF_CYCLE_REFUSED,
    HF_CYCLE_STUCK,
    HF_CYCLE_SETTLED, /* the operator put right what was stuck */
    HF_CYCLE_STATES
} hf_cycle_state;

typedef enum hf_cycle_event {
    HF_EVENT_DONE,         /* the state's action succeeded */
    HF_EVENT_FAILED,       /* it failed */
    HF_EVENT_STOPPED,      /* SIGINT or SIGTERM */
    HF_EVENT_FENCE,        /* it succeeded, and the fence goes up next */
    HF_EVENT_NO_SNAPSHOT,  /* the fence is up, and the snapshot comes after it */
    HF_EVENT_WRITTEN,      /* rows were written since the snapshot, and somebody is to decide */
    HF_EVENT_UNCHANGED,    /* the checks fail, and no migration was applied */
    HF_EVENT_ABANDONED,    /* another database of the group goes back */
    HF_EVENT_CLONE,        /* done, and a clone is to be made before the first migration */
    HF_EVENT_IN_PLACE,     /* done, and nothing is to be swapped */
    HF_EVENT_INCONCLUSIVE, /* no check fails, and one could not tell */
    HF_EVENT_SWAPPED,      /* found so by resume: the names are exchanged, whatever the journal tells */
    HF_EVENT_SETTLED,      /* the operator says so of what was stuck */
    HF_EVENT_INTERRUPTED,  /* found so by resume: the process died in this state */
    HF_CYCLE_EVENTS
} hf_cycle_event;

typedef struct hf_transition {
    hf_cycle_state state;
    hf_cycle_event event;
    hf_cycle_state next;
    const char *comment; /* the operator's log line */
} hf_transition;

extern const hf_transition hf_transitions[];
extern const size_t hf_transition_count;

/* NULL: the event cannot happen in that state. */
const hf_transition *hf_transition_find(hf_cycle_state state, hf_cycle_event event);

bool hf_cycle_is_final(hf_cycle_state state); /* deployed, rolled_back, refused, stuck, settled */
bool hf_cycle_is_held(hf_cycle_state state);  /* it ends the process, and waits for somebody's word */
const char *hf_cycle_state_name(hf_cycle_state state); /* "verifying_restore" */
const char *hf_cycle_event_name(hf_cycle_event event);
bool hf_cycle_state_parse(const char *name, hf_cycle_state *ret_state);

/* What a process ends with when the cycle ended so. */
hf_status hf_cycle_status(hf_cycle_state state);

#endif
