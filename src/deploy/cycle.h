/* One cycle under way, for the files of deploy/. */
#ifndef HF_DEPLOY_CYCLE_H
#define HF_DEPLOY_CYCLE_H

#include <jansson.h>

#include "deploy/deploy.h"
#include "deploy/machine.h"
#include "pg/connection.h"
#include "repository/journal.h"
#include "repository/lock.h"

typedef struct hf_cycle {
    const hf_deploy_options *options;
    hf_journal *journal;
    hf_cycle_state state;
    hf_lock *lock;   /* of the repository; borrowed */
    hf_pg *guard;    /* holds the advisory lock, in the maintenance database */
    json_t *facts;   /* gathered by the action under way, for the next journal entry; owned */
    hf_error error;  /* of the action that failed; the first one is what the cycle ends with */
    bool lost;       /* the lock is another's: nothing may be changed or recorded any more */
    bool unrecorded; /* an entry could not be stored */
} hf_cycle;

/* The action of each state that has one.  Fills cycle->facts and, unless it answers DONE, cycle->error. */
hf_cycle_event hf_cycle_act(hf_cycle *cycle);

/*
 * May this process go on?  To be asked before each step that destroys something.  HF_E_BUSY: the repository's lock is another's, or
 * the advisory lock of the target's database is; a process that stood still learns it here.
 */
HF_MUST_CHECK hf_status hf_cycle_guard(hf_cycle *cycle, hf_error *error);

/* Have the names been exchanged already?  For a cycle that got stuck between that and the swap's end. */
HF_MUST_CHECK hf_status hf_cycle_is_swapped(const hf_cycle *cycle, bool *ret_swapped, hf_error *error);

/*
 * End what this cycle's children have left running on this machine: a migrator that outlived a killed holdfast, or one that
 * made itself a daemon, would go on changing the database after the way back.
 */
HF_MUST_CHECK hf_status hf_cycle_end_orphans(const hf_cycle *cycle, hf_error *error);

/* Set a fact of the entry to come; steals the reference. */
void hf_cycle_fact(hf_cycle *cycle, const char *name, json_t *value);

/* Make the facts gathered so far durable, in an entry of the state that the cycle is in. */
HF_MUST_CHECK hf_status hf_cycle_note(hf_cycle *cycle, const char *event, hf_error *error);

json_t *hf_cycle_error_json(const hf_error *error); /* caller owns */

#endif
