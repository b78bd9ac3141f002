/*
 * Inside the folder: what is done in each state, a file each.
 *
 * An action fills cycle->facts for the entry to come and, unless it answers DONE, cycle->error.  It may be repeated after a
 * kill at any instant in it; actions.c tells how.
 */
#ifndef HF_DEPLOY_PHASE_H
#define HF_DEPLOY_PHASE_H

#include "deploy/cycle.h"

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

/* The way back by swap: restore the snapshot beside, compare it, exchange both databases. */
hf_cycle_event hf_way_restore_beside(hf_cycle *cycle);
hf_cycle_event hf_way_verify_restore(hf_cycle *cycle);
hf_cycle_event hf_way_swap_in(hf_cycle *cycle);

#endif
