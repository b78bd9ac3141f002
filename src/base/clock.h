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

/*
 * A time as people write it, seen from now_ms: "now", "today 09:00", "yesterday 14:00", "2h ago", "1d 12h ago", "90 minutes
 * ago", "2026-11-20", "2026-11-20 14:00", and ISO 8601 with a zone ("2026-11-20T14:00:00+01:00", "...Z").  Without a zone it is
 * the local one (TZ); a day alone is its first instant; a day of "ago" has 24 hours.  A local time that comes twice, when the clock is put
 * back, means the first; one that is skipped is HF_E_USAGE, as is anything else.
 */
HF_MUST_CHECK hf_status hf_time_parse_human(const char *text, int64_t now_ms, int64_t *ret_ms,
                                            hf_error *error);

/* Sleep; returns HF_E_CANCELLED early when a stop signal was or is received (base/signals.h). */
hf_status hf_sleep_ms(int64_t ms, hf_error *error);

#endif
