/*
 * Deploy windows, by the clock on the wall of their time zone.  Where that clock is put forward, a window in the skipped hour does not
 * open, or opens at its end; where it is put back, one in the repeated hour is open for both.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/timezone.h"
#include "deploy/gate.h"

#define DAY_MINUTES 1440
#define MINUTE_MS INT64_C(60000)
#define AHEAD_MINUTES (15 * DAY_MINUTES) /* for the next opening */

static bool is_its_day(const hf_window_config *window, int64_t day)
{
    if (!(window->days & 1u << ((day + 3) % 7 + 7) % 7))
        return false;
    for (size_t i = 0; i < window->dates.count; i++)
        if (day >= window->dates.items[i].first && day <= window->dates.items[i].last)
            return true;
    return window->dates.count == 0;
}

/* A window over midnight belongs to the day on which it begins. */
static bool window_has(const hf_window_config *window, hf_local_time now)
{
    if (window->from_minute < window->to_minute)
        return now.minute >= window->from_minute && now.minute < window->to_minute &&
               is_its_day(window, now.day);
    return (now.minute >= window->from_minute && is_its_day(window, now.day)) ||
           (now.minute < window->to_minute && is_its_day(window, now.day - 1));
}

/* The zones of all windows, then of all freezes; they were found when the configuration was read. */
typedef struct zones {
    HF_VECTOR(hf_timezone *) list;
} zones;

static void zones_done(zones *z)
{
    for (size_t i = 0; i < z->list.count; i++)
        hf_timezone_free(z->list.items[i]);
    free(z->list.items);
}

static hf_status zones_open(const hf_gates_config *gates, zones *z, hf_error *error)
{
    for (size_t i = 0; i < gates->windows.count + gates->freezes.count; i++) {
        hf_timezone *zone = NULL;

        HF_TRY(hf_timezone_open(i < gates->windows.count
                                    ? gates->windows.items[i].timezone
                                    : gates->freezes.items[i - gates->windows.count].timezone,
                                &zone, error));
        HF_PUSH(&z->list, zone);
    }
    return HF_OK;
}

static const hf_freeze_config *freeze_at(const hf_gates_config *gates, const zones *z, int64_t at_ms)
{
    for (size_t i = 0; i < gates->freezes.count; i++) {
        const hf_freeze_config *freeze = &gates->freezes.items[i];
        const hf_local_time now = hf_timezone_local(z->list.items[gates->windows.count + i], at_ms);
        const int64_t minute = now.day * DAY_MINUTES + now.minute;

        if (minute >= freeze->from && minute < freeze->to)
            return freeze;
    }
    return NULL;
}

/* The one that is open; SIZE_MAX: none. */
static size_t window_at(const hf_gates_config *gates, const zones *z, int64_t at_ms)
{
    for (size_t i = 0; i < gates->windows.count; i++)
        if (window_has(&gates->windows.items[i], hf_timezone_local(z->list.items[i], at_ms)))
            return i;
    return SIZE_MAX;
}

static bool is_open(const hf_gates_config *gates, const zones *z, int64_t at_ms)
{
    return freeze_at(gates, z, at_ms) == NULL &&
           (gates->windows.count == 0 || window_at(gates, z, at_ms) != SIZE_MAX);
}

/* "2026-11-23 01:00 Europe/Paris"; the caller owns it. */
static char *shown_local(const char *name, hf_timezone *zone, int64_t at_ms)
{
    const hf_local_time at = hf_timezone_local(zone, at_ms);
    char date[32];

    return hf_format("%s %02d:%02d %s", hf_date_of_day(at.day, date), at.minute / 60, at.minute % 60, name);
}

static char *shown_next(const hf_gates_config *gates, const zones *z, int64_t now_ms)
{
    int64_t at_ms = (now_ms / MINUTE_MS + 1) * MINUTE_MS;

    for (int i = 0; i < AHEAD_MINUTES; i++, at_ms += MINUTE_MS) {
        if (!is_open(gates, z, at_ms))
            continue;
        const size_t window = gates->windows.count == 0 ? 0 : window_at(gates, z, at_ms);
        HF_AUTO_STR when =
            gates->windows.count == 0
                ? shown_local(gates->freezes.items[0].timezone, z->list.items[0], at_ms)
                : shown_local(gates->windows.items[window].timezone, z->list.items[window], at_ms);
        return hf_format("the next one opens at %s", when);
    }
    return hf_strdup("none opens within 15 days");
}

bool hf_window_is_open(const hf_gates_config *gates, int64_t now_ms, char **ret_seen)
{
    HF_AUTO(zones_done) zones z = {0};
    hf_error error;

    if (zones_open(gates, &z, &error) != HF_OK) { /* ICU's data is gone since the configuration was read */
        *ret_seen = hf_strdup(error.message);
        return false;
    }
    const hf_freeze_config *freeze = freeze_at(gates, &z, now_ms);
    const size_t window = window_at(gates, &z, now_ms);
    if (freeze == NULL && (window != SIZE_MAX || gates->windows.count == 0)) {
        HF_AUTO_STR now = window == SIZE_MAX ? hf_strdup("no freeze")
                                             : shown_local(gates->windows.items[window].timezone,
                                                           z.list.items[window], now_ms);
        *ret_seen = hf_format("open: it is %s", now);
        return true;
    }
    HF_AUTO_STR next = shown_next(gates, &z, now_ms);
    if (freeze != NULL)
        *ret_seen = hf_format("deploys are frozen%s%s; %s", freeze->reason == NULL ? "" : ": ",
                              freeze->reason == NULL ? "" : freeze->reason, next);
    else
        *ret_seen = hf_format("no deploy window is open; %s", next);
    return false;
}
