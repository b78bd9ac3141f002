/* Time: one source for the wall clock and for measuring. */
#ifndef HF_BASE_CLOCK_H
#define HF_BASE_CLOCK_H

#include <stdint.h>

#include "base/error.h"

int64_t hf_now_ms(void);       /* wall clock, milliseconds since 1970 UTC */
int64_t hf_monotonic_ms(void); /* for measuring and deadlines */

/* RFC 3339 in UTC with milliseconds: "2026-11-21T07:30:02.123Z". */
char *hf_time_format(int64_t time_ms, char out[32]);

/* Compact form for names, sorts by time: "20261121T073002Z". */
char *hf_time_compact(int64_t time_ms, char out[32]);

/* RFC 3339 with Z or an offset, seconds fraction optional; HF_E_USAGE otherwise. */
HF_MUST_CHECK hf_status hf_time_parse(const char *text, int64_t *ret_ms, hf_error *error);

/* Sleep; returns HF_E_CANCELLED early when a stop signal was or is received (base/signals.h). */
hf_status hf_sleep_ms(int64_t ms, hf_error *error);

#endif
