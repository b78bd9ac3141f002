/* How often and how long to wait before trying again: exponential with full jitter, capped in tries and time. */
#ifndef HF_BASE_RETRY_H
#define HF_BASE_RETRY_H

#include <stdint.h>

#include "base/error.h"

typedef struct hf_retry {
    int max_tries;         /* including the first */
    int64_t max_total_ms;  /* no new try begins after it */
    int64_t first_wait_ms;
    int64_t max_wait_ms;
    int tries;             /* made so far */
    int64_t started_ms;    /* monotonic; 0 before the first */
} hf_retry;

/* 10 tries within 60 s, waits from 100 ms to 5 s. */
hf_retry hf_retry_default(void);

/*
 * Call after a failed try: true if the failure is transient and a further try is allowed, after having slept.
 * at_least_ms: what the other side asked for (Retry-After), or 0.  False also when a stop was requested.
 */
bool hf_retry_again(hf_retry *retry, hf_status failure, int64_t at_least_ms);

#endif
