/*
 * The operator's programs in a cycle (deploy.hooks, deploy.seed, deploy.app.rollback).
 *
 * Each gets the cycle's facts as HOLDFAST_... in its environment and as JSON on stdin, and the database's URL only where that is
 * asked for.  One that has the URL counts among the children that may change the database, and is ended with them; one that has not
 * may leave a daemon behind, such as the application.
 *
 *   before_preflight ... before_migrate   a failure is one of the state they run in: refused, nothing touched
 *   after_migrate ... after_verify, seed  the way back
 *   before_rollback, app.rollback, after_rollback, after_cycle
 *                                         a failure is told loudly and stops nothing: the database's way back goes on, as a database
 *                                         that is neither migrated nor as before helps no revision of the application
 */
#ifndef HF_DEPLOY_HOOK_H
#define HF_DEPLOY_HOOK_H

#include "deploy/cycle.h"

/* What runs before the action of cycle->state. */
HF_MUST_CHECK hf_status hf_hooks_before(hf_cycle *cycle, hf_error *error);

/* The application goes back right before the database does. */
void hf_hooks_before_switch(hf_cycle *cycle);

/* What runs after it, where it succeeded and leads to `next`. */
HF_MUST_CHECK hf_status hf_hooks_after(hf_cycle *cycle, hf_cycle_state next, hf_error *error);

/* What runs once the cycle has ended; its result gets an entry of its own. */
void hf_hooks_at_end(hf_cycle *cycle);

/* Run one, if it is configured.  HF_E_CHILD tells how it ended; the fact `hooks` gets {hook, took_ms, status, tail}. */
HF_MUST_CHECK hf_status hf_hook_run(hf_cycle *cycle, hf_hook hook, hf_error *error);

const char *hf_hook_name(hf_hook hook); /* "before_snapshot", "seed", "app.rollback" */

/* Does one that runs between the snapshot and the end of the checks have the URL? */
bool hf_hooks_may_have_changed(const hf_cycle *cycle);

/* The latest result of a hook, of those in the fact; borrowed, NULL: it has not run. */
const json_t *hf_hook_result(const hf_cycle *cycle, const char *name);

#endif
