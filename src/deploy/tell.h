/* Telling of a cycle: which states somebody is told of, and what the message says. */
#ifndef HF_DEPLOY_TELL_H
#define HF_DEPLOY_TELL_H

#include "deploy/cycle.h"

/* The cycle has entered cycle->state: queue the messages that this means, if any.  Does not wait. */
void hf_cycle_tell(const hf_cycle *cycle);

/*
 * The cycles (of one process) have ended: wait a bounded time for the messages, warn of those that failed, and put the fact
 * `notifications` into each journal, as an entry of the same state.  A kill before that entry leaves a cycle that has ended, without
 * the fact.  It waits, so it is the last thing.
 */
void hf_cycles_told(hf_cycle *const *cycles, size_t count);

/* Warn of each message in `results` (of hf_notifier_flush()) that failed. */
void hf_notify_warn(const json_t *results);

#endif
