#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/signals.h"

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    (void) clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t hf_now_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int64_t hf_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* Broken-down UTC; returns the milliseconds. */
static int split(int64_t time_ms, struct tm *ret_tm)
{
    int64_t ms = time_ms % 1000;
    time_t seconds = time_ms / 1000;

    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    if (gmtime_r(&seconds, ret_tm) == NULL)
        *ret_tm = (struct tm){.tm_mday = 1, .tm_year = 70};
    return (int) ms;
}

char *hf_time_format(int64_t time_ms, char out[32])
{
    struct tm tm;
    const int ms = split(time_ms, &tm);
    const size_t used = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);

    (void) snprintf(out + used, 32 - used, ".%03dZ", ms);
    return out;
}

char *hf_time_compact(int64_t time_ms, char out[32])
{
    struct tm tm;

    (void) split(time_ms, &tm);
    (void) strftime(out, 32, "%Y%m%dT%H%M%SZ", &tm);
    return out;
}

/* Exactly `digits` digits in [min, max]. */
static bool take_number(const char **text, int digits, int min, int max, int *ret_value)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char) **text))
            return false;
        value = value * 10 + (*(*text)++ - '0');
    }
    *ret_value = value;
    return value >= min && value <= max;
}

static bool take_char(const char **text, const char *any_of)
{
    if (**text == '\0' || strchr(any_of, **text) == NULL)
        return false;
    (*text)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* ".123456": at least one digit; those past the milliseconds are cut off. */
static bool take_fraction(const char **text, int *ret_ms)
{
    int scale = 100, ms = 0;

    if (!take_char(text, "."))
        return true;
    if (!isdigit((unsigned char) **text))
        return false;
    for (; isdigit((unsigned char) **text); (*text)++, scale /= 10)
        ms += (**text - '0') * scale;
    *ret_ms = ms;
    return true;
}

static bool take_offset(const char **text, int *ret_seconds)
{
    int hours, minutes;

    if (take_char(text, "Zz"))
        return true;

    const int sign = **text == '-' ? -1 : 1;
    if (!take_char(text, "+-") || !take_number(text, 2, 0, 23, &hours) || !take_char(text, ":") ||
        !take_number(text, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

hf_status hf_time_parse(const char *text, int64_t *ret_ms, hf_error *error)
{
    const char *p = text;
    struct tm tm = {0};
    int year = 0, month = 0, ms = 0, offset = 0;

    if (!take_number(&p, 4, 0, 9999, &year) || !take_char(&p, "-") || !take_number(&p, 2, 1, 12, &month) ||
        !take_char(&p, "-") || !take_number(&p, 2, 1, days_in_month(year, month), &tm.tm_mday) ||
        !take_char(&p, "Tt ") || !take_number(&p, 2, 0, 23, &tm.tm_hour) || !take_char(&p, ":") ||
        !take_number(&p, 2, 0, 59, &tm.tm_min) || !take_char(&p, ":") ||
        !take_number(&p, 2, 0, 59, &tm.tm_sec) || !take_fraction(&p, &ms) || !take_offset(&p, &offset) ||
        *p != '\0')
        return hf_fail(error, HF_E_USAGE, "\"%s\" is not a time such as 2026-11-21T07:30:02Z", text);

    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *ret_ms = ((int64_t) timegm(&tm) - offset) * 1000 + ms;
    return HF_OK;
}

/* ---- times as people write them ---- */

static void skip_spaces(const char **text)
{
    while (**text == ' ' || **text == '\t')
        (*text)++;
}

/* A word in any case, after which no letter comes. */
static bool take_word(const char **text, const char *word)
{
    const size_t len = strlen(word);

    if (strncasecmp(*text, word, len) != 0 || isalpha((unsigned char) (*text)[len]))
        return false;
    *text += len;
    return true;
}

static bool take_unit(const char **text, int64_t *ret_ms)
{
    static const struct {
        const char *names[5];
        int64_t ms;
    } units[] = {
        {{"s", "sec", "secs", "second", "seconds"}, 1000},
        {{"m", "min", "mins", "minute", "minutes"}, 60000},
        {{"h", "hr", "hrs", "hour", "hours"}, 3600000},
        {{"d", "day", "days"}, 86400000},
        {{"w", "week", "weeks"}, 604800000},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        for (size_t name = 0; name < 5 && units[i].names[name] != NULL; name++)
            if (take_word(text, units[i].names[name])) {
                *ret_ms = units[i].ms;
                return true;
            }
    return false;
}

/* "2h ago", "1d 12h ago", "90 minutes ago", "2h30m ago". */
static bool take_ago(const char *text, int64_t *ret_before_ms)
{
    int64_t before_ms = 0;

    do {
        int64_t number = 0, unit_ms = 0;

        if (!isdigit((unsigned char) *text))
            return false;
        for (int digits = 0; isdigit((unsigned char) *text); text++, digits++) {
            if (digits == 9)
                return false;
            number = number * 10 + (*text - '0');
        }
        skip_spaces(&text);
        if (!take_unit(&text, &unit_ms))
            return false;
        before_ms += number * unit_ms;
        skip_spaces(&text);
    } while (!take_word(&text, "ago"));
    *ret_before_ms = before_ms;
    return *text == '\0';
}

/* "14:00", "14:00:05", "14:00:05.123" */
static bool take_clock(const char **text, struct tm *tm, int *ret_ms)
{
    if (!take_number(text, 2, 0, 23, &tm->tm_hour) || !take_char(text, ":") ||
        !take_number(text, 2, 0, 59, &tm->tm_min))
        return false;
    return !take_char(text, ":") || (take_number(text, 2, 0, 59, &tm->tm_sec) && take_fraction(text, ret_ms));
}

/* "Z", "+01:00", "+0100", "+01"; *ret_has_zone is false if there is none. */
static bool take_zone(const char **text, bool *ret_has_zone, int *ret_seconds)
{
    int hours = 0, minutes = 0;

    *ret_has_zone = **text != '\0';
    if (!*ret_has_zone)
        return true;
    if (take_char(text, "Zz") || take_word(text, "UTC"))
        return true;

    const int sign = **text == '-' ? -1 : 1;
    if (!take_char(text, "+-") || !take_number(text, 2, 0, 23, &hours))
        return false;
    if ((take_char(text, ":") || **text != '\0') && !take_number(text, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* The first instant at which the local clock shows this, or false: the clock jumps over it. */
static bool local_seconds(const struct tm *wanted, int64_t *ret_seconds)
{
    bool found = false;

    for (int is_dst = 0; is_dst <= 1; is_dst++) {
        struct tm tm = *wanted;

        tm.tm_isdst = is_dst;
        const time_t seconds = mktime(&tm);
        if (tm.tm_mday != wanted->tm_mday || tm.tm_hour != wanted->tm_hour || tm.tm_min != wanted->tm_min)
            continue;
        if (!found || seconds < *ret_seconds)
            *ret_seconds = seconds;
        found = true;
    }
    return found;
}

/* "today" and "yesterday" as a local date, or a date in digits. */
static bool take_day(const char **text, int64_t now_ms, struct tm *tm)
{
    const bool yesterday = take_word(text, "yesterday");
    int year = 0, month = 0;

    if (yesterday || take_word(text, "today")) {
        const time_t now = (time_t) (now_ms / 1000);
        struct tm local = {0};

        if (localtime_r(&now, &local) == NULL)
            return false;
        /* as a date alone, in a calendar without summer time */
        struct tm date = {
            .tm_year = local.tm_year, .tm_mon = local.tm_mon, .tm_mday = local.tm_mday - (yesterday ? 1 : 0)};
        (void) timegm(&date);
        *tm = (struct tm){.tm_year = date.tm_year, .tm_mon = date.tm_mon, .tm_mday = date.tm_mday};
        return true;
    }
    if (!take_number(text, 4, 1, 9999, &year) || !take_char(text, "-") ||
        !take_number(text, 2, 1, 12, &month) || !take_char(text, "-") ||
        !take_number(text, 2, 1, days_in_month(year, month), &tm->tm_mday))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    return true;
}

static hf_status not_a_time(const char *text, hf_error *error)
{
    (void) hf_fail(error, HF_E_USAGE, "\"%.100s\" is not a time", text);
    (void) hf_hint(error, "such as \"2h ago\", \"yesterday 14:00\", \"today 09:00\", 2026-11-20, "
                          "\"2026-11-20 14:00\", 2026-11-20T14:00:00+01:00");
    return HF_E_USAGE;
}

hf_status hf_time_parse_human(const char *text, int64_t now_ms, int64_t *ret_ms, hf_error *error)
{
    const char *p = text;
    struct tm tm = {0};
    int ms = 0, offset = 0;
    int64_t before_ms = 0, seconds = 0;
    bool has_zone = false;

    if (take_word(&p, "now") && *p == '\0') {
        *ret_ms = now_ms;
        return HF_OK;
    }
    if (take_ago(text, &before_ms)) {
        *ret_ms = now_ms - before_ms;
        return HF_OK;
    }
    p = text;
    if (!take_day(&p, now_ms, &tm))
        return not_a_time(text, error);
    if (*p != '\0') {
        if (!take_char(&p, "Tt "))
            return not_a_time(text, error);
        skip_spaces(&p);
        if (!take_clock(&p, &tm, &ms))
            return not_a_time(text, error);
        skip_spaces(&p);
        if (!take_zone(&p, &has_zone, &offset) || *p != '\0')
            return not_a_time(text, error);
    }
    if (has_zone)
        seconds = (int64_t) timegm(&tm) - offset;
    else if (!local_seconds(&tm, &seconds))
        return hf_fail(error, HF_E_USAGE,
                       "\"%.100s\" is skipped by the local clock, which was put forward then", text);
    *ret_ms = seconds * 1000 + ms;
    return HF_OK;
}

hf_status hf_sleep_ms(int64_t ms, hf_error *error)
{
    const int64_t until = hf_monotonic_ms() + ms;

    for (;;) {
        const int64_t left = until - hf_monotonic_ms();
        struct pollfd stop = {.fd = hf_stop_fd(), .events = POLLIN};

        HF_TRY(hf_stop_check(error));
        if (left <= 0)
            return HF_OK;
        if (poll(&stop, 1, left < 60000 ? (int) left : 60000) < 0 && errno != EINTR)
            return hf_fail_errno(error, "cannot sleep");
    }
}
