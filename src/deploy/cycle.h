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
    const hf_deploy_options *options; /* `own`, once it is claimed */
    hf_deploy_options own;            /* with the URL that passes the fence */
    char *passing;
    hf_journal *journal;
    hf_cycle_state state;
    hf_lock *lock;       /* of the repository; owned */
    hf_pg *guard;        /* holds the advisory lock, in the maintenance database */
    int guard_pid;       /* of its backend, the last one; 0: none yet */
    json_t *facts;       /* gathered by the action under way, for the next journal entry; owned */
    hf_error error;      /* of the action that failed; the first one is what the cycle ends with */
    bool lost;           /* the lock is another's: nothing may be changed or recorded any more */
    bool unrecorded;     /* an entry could not be stored */
    bool in_group;       /* it waits before the steps that a group's databases take together, see group.c */
    bool was_held;       /* when it was resumed, or its group was: a stop request does not take it back */
    bool waits;          /* such a step is due: its action is done */
    hf_cycle_event held; /* and ended so; INCONCLUSIVE: it waits for somebody's word */
} hf_cycle;              /* it stays where it is: options points into it */
void hf_cycle_done(hf_cycle *cycle);

/* The way back that its preflight chose; swap for a journal that tells of none. */
hf_rollback_way hf_cycle_way(const hf_cycle *cycle);

/* What the children that may change the database are known by; they inherit it. */
#define HF_CYCLE_MARK "HOLDFAST_CHILD_OF"

/* The action of each state that has one.  Fills cycle->facts and, unless it answers DONE, cycle->error. */
hf_cycle_event hf_cycle_act(hf_cycle *cycle);

/*
 * May this process go on?  To be asked before each step that destroys something.  HF_E_BUSY: the repository's lock is another's, or
 * the advisory lock of the target's database is; a process that stood still learns it here.  HF_E_INTERRUPTED: hf_cycle_same_server().
 */
HF_MUST_CHECK hf_status hf_cycle_guard(hf_cycle *cycle, hf_error *error);

/* The server's system identifier (caller owns); NULL where it does not tell. */
char *hf_cycle_server(hf_pg *pg);

/* HF_E_INTERRUPTED if the session is one of another server than the cycle began on, whatever its address. */
HF_MUST_CHECK hf_status hf_cycle_same_server(const hf_cycle *cycle, hf_pg *pg, hf_error *error);

/* Have the names been exchanged already?  For a cycle that got stuck between that and the swap's end, or could not record it. */
HF_MUST_CHECK hf_status hf_cycle_is_swapped(const hf_cycle *cycle, bool *ret_swapped, hf_error *error);

/*
 * End what this cycle's children have left running on this machine: a migrator that outlived a killed holdfast, or one that
 * made itself a daemon, would go on changing the database after the way back.
 */
HF_MUST_CHECK hf_status hf_cycle_end_orphans(const hf_cycle *cycle, hf_error *error);

/*
 * The parts of a deploy, for one database and for a group.  hf_cycle_claim(): the options, the repository's lock on the target and, for a
 * new cycle, no interrupted one before it (HF_E_INTERRUPTED).
 */
HF_MUST_CHECK hf_status hf_cycle_claim(hf_cycle *cycle, const hf_deploy_options *options, const char *purpose,
                                       bool new_cycle, hf_error *error);
/*
 * An id for a cycle, under the target's lock; the caller owns it.  It sorts behind all others of the target, whatever the clock says:
 * the last one is the one that may have to be resumed.
 */
HF_MUST_CHECK hf_status hf_cycle_new_id(const hf_deploy_options *options, char **ret_id, hf_error *error);

/* Begin the journal; `group` (borrowed, or NULL) becomes a fact of its first entry. */
HF_MUST_CHECK hf_status hf_cycle_open(hf_cycle *cycle, const char *id, json_t *group, hf_error *error);

/*
 * Take up a cycle whose journal was loaded, in the state that it was left in: end what it left running, and tell which event to go
 * on with: INTERRUPTED, SWAPPED, or DONE for one that has ended but for its fence.
 */
HF_MUST_CHECK hf_status hf_cycle_take_up(hf_cycle *cycle, hf_cycle_event *ret_event, hf_error *error);
HF_MUST_CHECK hf_status hf_cycle_newest(hf_repository *repository, const char *target,
                                        hf_journal **ret_journal, hf_cycle_state *ret_state, hf_error *error);
bool hf_cycle_can_resume(const hf_journal *journal,
                         hf_cycle_state state); /* it has not ended, is stuck, or its fence is up */

/*
 * Where a group's members wait for each other: who did what comes before the lower stages goes first.  0: no such place.
 * 1 all preflights have passed, 2 all snapshots are sealed, 3 all fences are up, then all are migrated, all checks have passed.
 */
enum { HF_STAGE_VERIFY = 4, HF_STAGE_DECIDE };
int hf_cycle_stage(hf_cycle_state state, hf_cycle_event event);

/* Make what follows the event durable and enter it. */
void hf_cycle_step(hf_cycle *cycle, hf_cycle_event event);

/*
 * Go on until the end, whose status and message it gives; or (HF_OK) until cycle->waits.  Neither: it broke off, and must be
 * resumed.
 */
HF_MUST_CHECK hf_status hf_cycle_walk(hf_cycle *cycle, hf_error *error);

/* Say that it is deployed, or fail and leave it where it is: for the entry that decides for a whole group. */
HF_MUST_CHECK hf_status hf_cycle_decide(hf_cycle *cycle, hf_error *error);

/* Nothing of it has been changed, because no migration was pending.  A command tells nothing, so it counts as a change. */
bool hf_cycle_is_unchanged(const hf_cycle *cycle);

/* Set a fact of the entry to come; steals the reference. */
void hf_cycle_fact(hf_cycle *cycle, const char *name, json_t *value);

/* The latest value of a fact, recorded or gathered; borrowed, NULL: there is none. */
const json_t *hf_cycle_known(const hf_cycle *cycle, const char *name);

/* Make the facts gathered so far durable, in an entry of the state that the cycle is in. */
HF_MUST_CHECK hf_status hf_cycle_note(hf_cycle *cycle, const char *event, hf_error *error);

/* The same on the way back, which a repository that cannot be written does not stop: an error only if the lock is lost. */
HF_MUST_CHECK hf_status hf_cycle_note_or_go_on(hf_cycle *cycle, const char *event, hf_error *error);

json_t *hf_cycle_error_json(const hf_error *error); /* caller owns */

#endif
