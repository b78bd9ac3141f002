#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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
