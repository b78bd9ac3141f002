#include "unit.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/signals.h"

#define BAD INT64_MIN

static void test_clock__formats(void **state)
{
    (void) state;
    char out[32];

    assert_string_equal(hf_time_format(1795246202123, out), "2026-11-21T07:30:02.123Z");
    assert_string_equal(hf_time_compact(1795246202123, out), "20261121T073002Z");
    assert_string_equal(hf_time_format(0, out), "1970-01-01T00:00:00.000Z");
    assert_string_equal(hf_time_format(-1, out), "1969-12-31T23:59:59.999Z");
}

static void test_clock__parses(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2026-11-21T07:30:02.123Z", 1795246202123},
        {"2026-11-21T07:30:02Z", 1795246202000},
        {"2026-11-21T08:30:02+01:00", 1795246202000},
        {"2026-11-21T02:00:02-05:30", 1795246202000},
        {"2026-11-21t07:30:02.1239999z", 1795246202123},
        {"1970-01-01T00:00:00.5Z", 500},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2023-02-29T00:00:00Z", BAD},
        {"2026-13-01T00:00:00Z", BAD},
        {"2026-00-01T00:00:00Z", BAD},
        {"2026-11-31T00:00:00Z", BAD},
        {"2026-11-21T24:00:00Z", BAD},
        {"2026-11-21T07:30:02", BAD},
        {"2026-11-21T07:30:02.Z", BAD},
        {"2026-11-21T07:30:02Zx", BAD},
        {"2026-11-21T07:30:02+0100", BAD},
        {"2026-11-21", BAD},
        {"26-11-21T07:30:02Z", BAD},
        {"", BAD},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = BAD;
        const hf_status status = hf_time_parse(cases[i].text, &ms, NULL);

        if (ms != cases[i].ms || status != (cases[i].ms == BAD ? HF_E_USAGE : HF_OK))
            fail_msg("\"%s\" gives %lld", cases[i].text, (long long) ms);
    }
}

static void test_clock__parses_what_people_write(void **state)
{
    (void) state;
    /* now is 2026-11-21 08:30:02.123 in Paris, 07:30:02.123 UTC */
    static const int64_t now_ms = 1795246202123;
    static const struct {
        const char *text, *utc; /* utc NULL: refused */
    } cases[] = {
        {"now", "2026-11-21T07:30:02.123Z"},
        {"2h ago", "2026-11-21T05:30:02.123Z"},
        {"90m ago", "2026-11-21T06:00:02.123Z"},
        {"1d 12h ago", "2026-11-19T19:30:02.123Z"},
        {"2h30m ago", "2026-11-21T05:00:02.123Z"},
        {"90 minutes ago", "2026-11-21T06:00:02.123Z"},
        {"1 Week ago", "2026-11-14T07:30:02.123Z"},
        {"45s ago", "2026-11-21T07:29:17.123Z"},
        {"today", "2026-11-20T23:00:00.000Z"},
        {"today 09:00", "2026-11-21T08:00:00.000Z"},
        {"yesterday 14:00", "2026-11-20T13:00:00.000Z"},
        {"Yesterday 14:00:05.5", "2026-11-20T13:00:05.500Z"},
        {"yesterday 14:00Z", "2026-11-20T14:00:00.000Z"},
        {"2026-11-20", "2026-11-19T23:00:00.000Z"},
        {"2026-07-20", "2026-07-19T22:00:00.000Z"}, /* summer time */
        {"2026-11-20 14:00", "2026-11-20T13:00:00.000Z"},
        {"2026-07-20T14:00:01", "2026-07-20T12:00:01.000Z"},
        {"2026-11-20T14:00:00Z", "2026-11-20T14:00:00.000Z"},
        {"2026-11-20 14:00:00 UTC", "2026-11-20T14:00:00.000Z"},
        {"2026-11-20T14:00:00.250+05:30", "2026-11-20T08:30:00.250Z"},
        {"2026-11-20T14:00-0100", "2026-11-20T15:00:00.000Z"},
        {"2026-11-20T14:00:00+01", "2026-11-20T13:00:00.000Z"},
        {"2026-10-25 02:30", "2026-10-25T00:30:00.000Z"}, /* comes twice: the first */
        {"2026-10-25 03:00", "2026-10-25T02:00:00.000Z"},
        {"2026-03-29 02:30", NULL}, /* is skipped */
        {"2026-03-29 03:00", "2026-03-29T01:00:00.000Z"},
        {"2026-03-29", "2026-03-28T23:00:00.000Z"},
        {"", NULL},
        {"ago", NULL},
        {"2h", NULL},
        {"h ago", NULL},
        {"90 ago", NULL},
        {"2 fortnights ago", NULL},
        {"2h ago 5", NULL},
        {"-2h ago", NULL},
        {"9999999999h ago", NULL},
        {"tomorrow", NULL},
        {"todayish", NULL},
        {"today 9:00", NULL},
        {"today 24:00", NULL},
        {"2026-02-30", NULL},
        {"2026-11-20 14", NULL},
        {"2026-11-20 14:00 CET", NULL},
        {"2026-11-20T14:00:00+01:0", NULL},
        {"20261120T140000Z", NULL},
    };

    assert_int_equal(setenv("TZ", "Europe/Paris", 1), 0);
    tzset();
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = BAD;
        char utc[32] = "";
        const hf_status status = hf_time_parse_human(cases[i].text, now_ms, &ms, NULL);

        if (status == HF_OK)
            (void) hf_time_format(ms, utc);
        if (status != (cases[i].utc == NULL ? HF_E_USAGE : HF_OK) ||
            (cases[i].utc != NULL && strcmp(utc, cases[i].utc) != 0))
            fail_msg("\"%s\" gives %s", cases[i].text, utc);
    }

    /* yesterday of the night in which the clock was put back, when a day had 25 hours */
    int64_t night_ms = 0, ms = 0;
    assert_ok(hf_time_parse("2026-10-25T22:30:00Z", &night_ms, NULL));
    assert_ok(hf_time_parse_human("yesterday 23:30", night_ms, &ms, NULL));
    assert_int_equal(night_ms - ms, 26 * 3600000LL - 3600000LL);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void test_clock__sleeps(void **state)
{
    (void) state;
    const int64_t before = hf_monotonic_ms();

    assert_ok(hf_sleep_ms(50, NULL));
    assert_in_range(hf_monotonic_ms() - before, 50, 5000);
    assert_true(hf_now_ms() > 1700000000000);
}

static void test_clock__a_stop_ends_the_sleep(void **state)
{
    (void) state;
    hf_error error = {0};
    const int64_t before = hf_monotonic_ms();

    hf_signals_install();
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(hf_sleep_ms(20000, &error), HF_E_CANCELLED);
    assert_true(hf_monotonic_ms() - before < 5000);
    hf_stop_clear();
    assert_ok(hf_sleep_ms(1, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__formats),
        cmocka_unit_test(test_clock__parses),
        cmocka_unit_test(test_clock__parses_what_people_write),
        cmocka_unit_test(test_clock__sleeps),
        cmocka_unit_test(test_clock__a_stop_ends_the_sleep),
    };

    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
