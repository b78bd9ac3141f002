/*
 * A worker pool: one function run by N threads, each with its own state, over numbered work items taken in order.
 * The first error stops the others at their next item and is the pool's result.
 */
#ifndef HF_BASE_QUEUE_H
#define HF_BASE_QUEUE_H

#include <stddef.h>

#include "base/error.h"

typedef struct hf_pool_ops {
    /* Called in the worker's thread before its first item; may be NULL. *ret_state is passed to the others. */
    hf_status (*start)(void *context, size_t worker, void **ret_state, hf_error *error);
    hf_status (*work)(void *context, void *state, size_t item, hf_error *error);
    void (*stop)(void *context, void *state); /* always called if start succeeded; may be NULL */
} hf_pool_ops;

/* Run items 0..count-1 on at most `workers` threads; returns when all are done or the first error is known. */
HF_MUST_CHECK hf_status hf_pool_run(const hf_pool_ops *ops, void *context, size_t workers, size_t count,
                                    hf_error *error);

#endif
