/*
 * Inside the folder: what is done in each state, a file each.
 *
 * An action fills cycle->facts for the entry to come and, unless it answers DONE, cycle->error.  It may be repeated after a
 * kill at any instant in it; actions.c tells how.
 */
#ifndef HF_DEPLOY_PHASE_H
#define HF_DEPLOY_PHASE_H

#include "deploy/cycle.h"
#include "restore/restore.h"
#include "snapshot/snapshot.h"

/* DONE, FAILED, or STOPPED where a stop request was the cause. */
hf_cycle_event hf_cycle_outcome(hf_status status);

/* A text that the journal has as a fact, borrowed; NULL: none. */
const char *hf_cycle_text(const hf_cycle *cycle, const char *name);

hf_cycle_event hf_phase_preflight(hf_cycle *cycle);
hf_cycle_event hf_phase_snapshot(hf_cycle *cycle);
hf_cycle_event hf_phase_fence(hf_cycle *cycle);

/* What the preflight or the snapshot answered; FENCE if that was DONE and the fence goes up after it. */
hf_cycle_event hf_phase_before_fence(const hf_cycle *cycle, hf_cycle_event event);

hf_cycle_event hf_phase_migrate(hf_cycle *cycle);
hf_cycle_event hf_phase_verify(hf_cycle *cycle);

/* What a way back would lose, into the fact `written`, once.  WRITTEN if the operator is to decide on it. */
hf_cycle_event hf_phase_written(hf_cycle *cycle);
/* After the snapshot, if a copy is the way back; and what is left of it in the end. */
hf_cycle_event hf_phase_clone(hf_cycle *cycle);
const char *hf_cycle_clone(const hf_journal *journal); /* its name, borrowed; NULL: none */

/* Let clients in, if the making of the clone kept them out, and drop it, if it is there.  Nothing to do where there was none. */
HF_MUST_CHECK hf_status hf_cycle_remove_clone(const hf_deploy_options *options, const hf_journal *journal,
                                              hf_error *error);

/* How a deploy takes a snapshot of its target. */
hf_snapshot_options hf_snapshot_options_of(const hf_deploy_options *options);

/* For the ways back: what the journal keeps of a restore, and of what must not be tried again unchanged (NULL: nothing); the caller owns both. */
json_t *hf_cycle_restore_json(const hf_restore_report *report);
json_t *hf_cycle_taken_back(const hf_cycle *cycle);

/* HF_E_MISMATCH unless the schema of a database (NULL: the live one), read back by pg_dump, is the snapshot's. */
HF_MUST_CHECK hf_status hf_cycle_compare_schema(const hf_cycle *cycle, const char *database, hf_error *error);

/* What the migrations answered, or the seed after them. */
hf_cycle_event hf_phase_seed(hf_cycle *cycle, hf_cycle_event event);

/* UNCHANGED in the place of a failure to verify, if nothing can have changed. */
hf_cycle_event hf_phase_or_unchanged(const hf_cycle *cycle, hf_cycle_event event);

/* Did a state's action succeed? */
bool hf_cycle_succeeded(hf_cycle_event event);

/* The way back by swap: restore the snapshot beside, compare it, exchange both databases. */
hf_cycle_event hf_way_restore_beside(hf_cycle *cycle);
hf_cycle_event hf_way_verify_restore(hf_cycle *cycle);
hf_cycle_event hf_way_swap_in(hf_cycle *cycle);

/* By clone: the copy takes the place of what is restored beside; where it is not as it was made, the snapshot is restored after all. */
hf_cycle_event hf_way_take_clone(hf_cycle *cycle);

/* In place. */
hf_cycle_event hf_way_restore_in_place(hf_cycle *cycle);
hf_cycle_event hf_way_verify_in_place(hf_cycle *cycle);

#endif
