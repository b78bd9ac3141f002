#include "config/gate_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/timezone.h"

#define DAY_MINUTES 1440
#define ALL_DAYS 0x7fu

/* ---- windows ---- */

void *hf_window_append(void *parent, const char *key, hf_where where)
{
    hf_window_config *window = HF_APPEND_NEW(&((hf_target_config *) parent)->deploy.gates.windows);

    (void) key;
    window->where = where;
    window->days = ALL_DAYS;
    window->to_minute = DAY_MINUTES;
    return window;
}

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int day_of(const char *name, size_t len)
{
    for (int day = 0; day < 7; day++)
        if (len >= 3 && strncasecmp(name, day_names[day], 3) == 0 && len == 3)
            return day;
    return -1;
}

/* "mon" or "mon-thu", also over Sunday: "sat-mon". */
static bool parse_days(const char *text, unsigned *days)
{
    const char *dash = strchr(text, '-');
    const size_t len = dash == NULL ? strlen(text) : (size_t) (dash - text);
    const int first = day_of(text, len), last = dash == NULL ? first : day_of(dash + 1, strlen(dash + 1));

    if (first < 0 || last < 0)
        return false;
    for (int day = first;; day = (day + 1) % 7) {
        *days |= 1u << day;
        if (day == last)
            return true;
    }
}

hf_status hf_window_set_days(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base)
{
    hf_window_config *window = base;
    const bool is_list = value->kind == HF_YAML_SEQUENCE;

    (void) option;
    window->days = 0;
    for (size_t i = 0; i < (is_list ? value->items.count : 1); i++) {
        const hf_yaml *item = is_list ? value->items.items[i] : value;

        if (item->kind != HF_YAML_SCALAR || !parse_days(item->text, &window->days)) {
            hf_config_refuse(in, item->where, "\"days\" must be a list of days");
            return hf_hint(in->error, "for example days: [mon-thu, sat]; mon tue wed thu fri sat sun");
        }
    }
    if (window->days == 0) {
        hf_config_refuse(in, value->where, "\"days\" is empty: such a window is never open");
        return hf_hint(in->error, "leave it out for all days");
    }
    return HF_OK;
}

/* "2026-12-05"; *end is behind it. */
static bool parse_date(const char *text, int64_t *ret_day, const char **end)
{
    int year, month, day, used = 0;

    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || used != 10)
        return false;
    *end = text + used;
    return hf_day_of_date(year, month, day, ret_day);
}

/* "2026-12-05" or "2026-12-05..2026-12-09", both with their last day. */
static bool parse_dates(const char *text, hf_date_span *ret_span)
{
    const char *rest;

    if (!parse_date(text, &ret_span->first, &rest))
        return false;
    ret_span->last = ret_span->first;
    if (*rest == '\0')
        return true;
    return hf_starts_with(rest, "..") && parse_date(rest + 2, &ret_span->last, &rest) && *rest == '\0' &&
           ret_span->last >= ret_span->first;
}

hf_status hf_window_set_dates(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                              void *base)
{
    hf_window_config *window = base;
    const bool is_list = value->kind == HF_YAML_SEQUENCE;

    (void) option;
    for (size_t i = 0; i < (is_list ? value->items.count : 1); i++) {
        const hf_yaml *item = is_list ? value->items.items[i] : value;
        hf_date_span span;

        if (item->kind != HF_YAML_SCALAR || !parse_dates(item->text, &span)) {
            hf_config_refuse(in, item->where, "\"dates\" must be a list of days of the calendar");
            return hf_hint(in->error, "for example dates: [2026-12-05, 2026-12-08..2026-12-10]");
        }
        HF_PUSH(&window->dates, span);
    }
    if (window->dates.count == 0) {
        hf_config_refuse(in, value->where, "\"dates\" is empty: such a window is never open");
        return hf_hint(in->error, "leave it out for every date");
    }
    return HF_OK;
}

/* "HH:MM", up to 24:00. */
static bool parse_time(const char *text, int *ret_minute)
{
    int hour, minute, used = 0;

    if (sscanf(text, "%2d:%2d%n", &hour, &minute, &used) != 2 || text[used] != '\0' || used < 4 || hour < 0 ||
        minute < 0 || minute > 59 || hour * 60 + minute > DAY_MINUTES)
        return false;
    *ret_minute = hour * 60 + minute;
    return true;
}

hf_status hf_window_set_time(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base)
{
    hf_window_config *window = base;
    const bool is_from = hf_ends_with(option->path, ".from");

    if (value->kind == HF_YAML_SCALAR &&
        parse_time(value->text, is_from ? &window->from_minute : &window->to_minute))
        return HF_OK;
    hf_config_refuse(in, value->where, "\"%s\" must be a time of the day", is_from ? "from" : "to");
    return hf_hint(in->error,
                   "for example \"01:30\", up to \"24:00\"; with a \"to\" before \"from\" it ends the day "
                   "after");
}

static hf_status set_zone(const hf_config_reader *in, const hf_yaml *value, char **ret_name)
{
    HF_AUTO(hf_timezone_freep) hf_timezone *zone = NULL;
    hf_error unknown;

    if (value->kind != HF_YAML_SCALAR)
        return hf_config_refuse(in, value->where, "\"timezone\" must be a text");
    if (hf_timezone_open(value->text, &zone, &unknown) != HF_OK) {
        hf_config_refuse(in, value->where, "%s", unknown.message);
        return hf_hint(in->error, "%s", unknown.hint);
    }
    free(*ret_name);
    *ret_name = hf_strdup(value->text);
    return HF_OK;
}

hf_status hf_window_set_zone(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base)
{
    (void) option;
    return set_zone(in, value, &((hf_window_config *) base)->timezone);
}

static bool has_a_day(const hf_window_config *window)
{
    for (size_t i = 0; i < window->dates.count; i++)
        for (int64_t day = window->dates.items[i].first;
             day <= window->dates.items[i].last && day < window->dates.items[i].first + 7; day++)
            if (window->days & 1u << (day + 3) % 7)
                return true;
    return window->dates.count == 0;
}

hf_status hf_window_finish(const hf_config_reader *in, void *item)
{
    hf_window_config *window = item;

    if (window->timezone == NULL)
        window->timezone = hf_strdup("UTC");
    if (window->from_minute == window->to_minute || window->from_minute == DAY_MINUTES) {
        hf_config_refuse(in, window->where, "this window is empty: it ends when it begins");
        return hf_hint(in->error, "leave \"from\" and \"to\" out for the whole day");
    }
    if (!has_a_day(window)) {
        hf_config_refuse(in, window->where, "this window is empty: none of its dates is on one of its days");
        return hf_hint(in->error, "leave \"days\" out where \"dates\" says it all");
    }
    return HF_OK;
}

/* ---- freezes ---- */

void *hf_freeze_append(void *parent, const char *key, hf_where where)
{
    hf_freeze_config *freeze = HF_APPEND_NEW(&((hf_target_config *) parent)->deploy.gates.freezes);

    (void) key;
    freeze->where = where;
    return freeze;
}

/* A day alone is its first minute in "from", and its last one in "to". */
hf_status hf_freeze_set_moment(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                               void *base)
{
    hf_freeze_config *freeze = base;
    const bool is_from = hf_ends_with(option->path, ".from");
    const char *rest = "?";
    int64_t day = 0;
    int minute = 0;

    if (value->kind == HF_YAML_SCALAR && parse_date(value->text, &day, &rest) &&
        (*rest == '\0' || ((*rest == ' ' || *rest == 'T') && parse_time(rest + 1, &minute)))) {
        const int64_t at = day * DAY_MINUTES + (*rest == '\0' && !is_from ? DAY_MINUTES : minute);

        *(is_from ? &freeze->from : &freeze->to) = at;
        return HF_OK;
    }
    hf_config_refuse(in, value->where, "\"%s\" must be a day, or a day and a time", is_from ? "from" : "to");
    return hf_hint(in->error, "for example \"2026-12-20\" or \"2026-12-20 18:00\"");
}

hf_status hf_freeze_set_zone(const hf_config_reader *in, const hf_option *option, const hf_yaml *value,
                             void *base)
{
    (void) option;
    return set_zone(in, value, &((hf_freeze_config *) base)->timezone);
}

hf_status hf_freeze_finish(const hf_config_reader *in, void *item)
{
    hf_freeze_config *freeze = item;

    if (freeze->timezone == NULL)
        freeze->timezone = hf_strdup("UTC");
    if (freeze->to <= freeze->from) {
        hf_config_refuse(in, freeze->where, "this freeze ends before it begins");
        return hf_hint(in->error, "\"to\" is its last day, or the moment when it is over");
    }
    return HF_OK;
}

void hf_gates_config_done(hf_gates_config *gates)
{
    for (size_t i = 0; i < gates->windows.count; i++) {
        free(gates->windows.items[i].dates.items);
        free(gates->windows.items[i].timezone);
    }
    free(gates->windows.items);
    for (size_t i = 0; i < gates->freezes.count; i++) {
        free(gates->freezes.items[i].timezone);
        free(gates->freezes.items[i].reason);
    }
    free(gates->freezes.items);
    hf_strings_done(&gates->shrink_ignore);
}
