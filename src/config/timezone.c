#include "config/timezone.h"

#include <stdio.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/ustring.h>

#include "base/memory.h"
#include "config/suggest.h"

#define NAME_MAX_BYTES 64
#define DAY_MS INT64_C(86400000)

struct hf_timezone {
    UCalendar *calendar;
};

static const char *known_like(const char *name)
{
    UErrorCode code = U_ZERO_ERROR;
    UEnumeration *zones = ucal_openTimeZones(&code);
    static _Thread_local char found[NAME_MAX_BYTES];
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    const char *zone;

    while (U_SUCCESS(code) && (zone = uenum_next(zones, NULL, &code)) != NULL)
        hf_strings_add(&names, zone);
    uenum_close(zones);
    const char *near = hf_suggest(name, (const char *const *) names.items, names.count);
    if (near == NULL)
        return NULL;
    (void) snprintf(found, sizeof(found), "%s", near);
    return found;
}

hf_status hf_timezone_open(const char *name, hf_timezone **ret_zone, hf_error *error)
{
    UChar id[NAME_MAX_BYTES], canonical[NAME_MAX_BYTES];
    UErrorCode code = U_ZERO_ERROR;
    UCalendar *calendar = NULL;

    if (strlen(name) < NAME_MAX_BYTES) {
        /* ucal_open() alone takes an unknown name for GMT */
        (void) ucal_getCanonicalTimeZoneID(u_uastrcpy(id, name), -1, canonical, NAME_MAX_BYTES, NULL, &code);
        if (U_SUCCESS(code))
            calendar = ucal_open(id, -1, "", UCAL_GREGORIAN, &code);
    }
    if (calendar == NULL || U_FAILURE(code)) {
        const char *near = known_like(name);

        (void) hf_fail(error, HF_E_USAGE, "unknown time zone \"%.80s\"", name);
        return hf_hint(error, "%s%s%s, as in the IANA database: Europe/Paris, America/New_York, UTC",
                       near == NULL ? "give a name" : "did you mean \"", near == NULL ? "" : near,
                       near == NULL ? "" : "\"? a name");
    }
    *ret_zone = hf_alloc(sizeof(**ret_zone));
    (*ret_zone)->calendar = calendar;
    return HF_OK;
}

void hf_timezone_free(hf_timezone *zone)
{
    if (zone == NULL)
        return;
    ucal_close(zone->calendar);
    free(zone);
}

void hf_timezone_freep(hf_timezone **zone)
{
    hf_timezone_free(*zone);
}

hf_local_time hf_timezone_local(hf_timezone *zone, int64_t at_ms)
{
    UErrorCode code = U_ZERO_ERROR;

    ucal_setMillis(zone->calendar, (UDate) at_ms, &code);
    const int64_t local_ms = at_ms + ucal_get(zone->calendar, UCAL_ZONE_OFFSET, &code) +
                             ucal_get(zone->calendar, UCAL_DST_OFFSET, &code);
    const int64_t day = local_ms >= 0 ? local_ms / DAY_MS : -((-local_ms + DAY_MS - 1) / DAY_MS);

    return (hf_local_time){.day = day,
                           .weekday = (int) (((day + 3) % 7 + 7) % 7), /* 1970-01-01 was a Thursday */
                           .minute = (int) ((local_ms - day * DAY_MS) / 60000)};
}

/* ---- dates: the proleptic Gregorian calendar, years that begin in March ---- */

bool hf_day_of_date(int year, int month, int day, int64_t *ret_day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (month == 2 && is_leap))
        return false;
    const int y = month <= 2 ? year - 1 : year;
    const int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *ret_day = (int64_t) y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
    return true;
}

char *hf_date_of_day(int64_t day, char out[32])
{
    const int64_t days = day + 719468, era = days / 146097, of_era = days - era * 146097;
    const int64_t of_era_year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    const int64_t month = (5 * of_year + 2) / 153;

    (void) snprintf(out, 32, "%04d-%02d-%02d", (int) (of_era_year + era * 400 + (month >= 10)),
                    (int) (month < 10 ? month + 3 : month - 9), (int) (of_year - (153 * month + 2) / 5 + 1));
    return out;
}
