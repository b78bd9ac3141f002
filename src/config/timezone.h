/*
 * Time zones by their IANA names, with ICU's data: no process-wide TZ is touched, so any thread may ask at any time.
 */
#ifndef HF_CONFIG_TIMEZONE_H
#define HF_CONFIG_TIMEZONE_H

#include <stdint.h>

#include "base/error.h"

/* What a clock on the wall there shows. */
typedef struct hf_local_time {
    int64_t day; /* since 1970-01-01 */
    int weekday; /* 0: Monday */
    int minute;  /* of the day, 0 to 1439 */
} hf_local_time;

typedef struct hf_timezone hf_timezone;

/* HF_E_USAGE for a name that is unknown, with what may have been meant. */
HF_MUST_CHECK hf_status hf_timezone_open(const char *name, hf_timezone **ret_zone, hf_error *error);
void hf_timezone_free(hf_timezone *zone);
void hf_timezone_freep(hf_timezone **zone);

/* Belongs to one thread at a time. */
hf_local_time hf_timezone_local(hf_timezone *zone, int64_t at_ms);

/* Days since 1970-01-01 of a date; false if there is no such day.  And back: "2026-11-21" into 11 bytes. */
bool hf_day_of_date(int year, int month, int day, int64_t *ret_day);
char *hf_date_of_day(int64_t day, char out[32]);

#endif
