#include "unit.h"

#include <signal.h>

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
        cmocka_unit_test(test_clock__sleeps),
        cmocka_unit_test(test_clock__a_stop_ends_the_sleep),
    };

    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
