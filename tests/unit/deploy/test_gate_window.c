#include "unit.h"

#include "base/clock.h"
#include "config/config.h"
#include "deploy/gate.h"

#define MON 0x01u
#define THU 0x08u
#define SAT 0x20u
#define SUN 0x40u
#define ALL 0x7fu

static int64_t at(const char *text)
{
    int64_t ms = 0;

    assert_ok(hf_time_parse(text, &ms, NULL));
    return ms;
}

/* One window on these days, asked at a moment. */
static bool is_open(unsigned days, int from, int to, const char *zone, const char *moment)
{
    HF_AUTO_STR seen = NULL;
    hf_window_config window = {
        .days = days, .from_minute = from, .to_minute = to, .timezone = (char *) (uintptr_t) zone};
    hf_gates_config gates = {.windows = {.items = &window, .count = 1}};

    return hf_window_is_open(&gates, at(moment), &seen);
}

static void test_window__is_of_its_own_zone_and_days(void **state)
{
    static const struct {
        unsigned days;
        int from, to;
        const char *zone, *moment;
        bool open;
    } cases[] = {
        {ALL, 60, 300, "UTC", "2026-11-21T01:00:00Z", true}, /* the first minute is in it, the last is not */
        {ALL, 60, 300, "UTC", "2026-11-21T00:59:59Z", false},
        {ALL, 60, 300, "UTC", "2026-11-21T04:59:59Z", true},
        {ALL, 60, 300, "UTC", "2026-11-21T05:00:00Z", false},
        {ALL, 60, 300, "Europe/Paris", "2026-11-21T00:00:00Z", true}, /* winter: one hour ahead */
        {ALL, 60, 300, "Europe/Paris", "2026-07-21T23:00:00Z", true}, /* summer: two */
        {ALL, 60, 300, "Europe/Paris", "2026-07-21T22:59:00Z", false},
        {ALL, 540, 1020, "Asia/Kathmandu", "2026-11-21T03:15:00Z", true}, /* 5:45 ahead */
        {ALL, 540, 1020, "Asia/Kathmandu", "2026-11-21T03:14:00Z", false},
        {THU, 0, 1440, "America/New_York", "2026-11-20T04:59:00Z", true}, /* still Thursday there */
        {THU, 0, 1440, "America/New_York", "2026-11-20T05:00:00Z", false},
        {THU, 1320, 120, "UTC", "2026-11-19T22:00:00Z", true}, /* over midnight it is Thursday's */
        {THU, 1320, 120, "UTC", "2026-11-20T01:59:00Z", true},
        {THU, 1320, 120, "UTC", "2026-11-20T02:00:00Z", false},
        {THU, 1320, 120, "UTC", "2026-11-19T01:00:00Z", false}, /* Wednesday's night */
        {THU, 1320, 120, "UTC", "2026-11-20T22:30:00Z", false},
        {MON, 0, 1440, "Pacific/Auckland", "2026-11-22T11:00:00Z", true}, /* Monday there already */
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (is_open(cases[i].days, cases[i].from, cases[i].to, cases[i].zone, cases[i].moment) !=
            cases[i].open)
            fail_msg("case %zu: %s", i, cases[i].moment);
}

/* On 2026-03-29 the clocks of Paris go from 02:00 to 03:00, at 01:00 UTC. */
static void test_window__where_an_hour_is_skipped(void **state)
{
    (void) state;
    assert_true(is_open(SUN, 90, 240, "Europe/Paris", "2026-03-29T00:59:00Z"));  /* 01:59 */
    assert_true(is_open(SUN, 90, 240, "Europe/Paris", "2026-03-29T01:00:00Z"));  /* 03:00 */
    assert_true(is_open(SUN, 90, 240, "Europe/Paris", "2026-03-29T01:59:00Z"));  /* 03:59 */
    assert_false(is_open(SUN, 90, 240, "Europe/Paris", "2026-03-29T02:00:00Z")); /* 04:00 */
    for (int minute = 0; minute < 24 * 60; minute++) { /* from 02:00 to 03:00 there is nothing on that day */
        HF_AUTO_STR moment = hf_format("2026-03-29T%02d:%02d:00Z", minute / 60, minute % 60);
        assert_false(is_open(SUN, 120, 180, "Europe/Paris", moment));
    }
    assert_false(is_open(SUN, 150, 240, "Europe/Paris", "2026-03-29T00:59:00Z"));
    assert_true(
        is_open(SUN, 150, 240, "Europe/Paris", "2026-03-29T01:00:00Z")); /* from 02:30: opens at 03:00 */
}

/* On 2026-10-25 they go from 03:00 back to 02:00, at 01:00 UTC. */
static void test_window__where_an_hour_comes_twice(void **state)
{
    (void) state;
    assert_false(is_open(SUN, 120, 180, "Europe/Paris", "2026-10-24T23:59:00Z"));
    assert_true(is_open(SUN, 120, 180, "Europe/Paris", "2026-10-25T00:00:00Z"));
    assert_true(is_open(SUN, 120, 180, "Europe/Paris", "2026-10-25T01:59:00Z")); /* the second time */
    assert_false(is_open(SUN, 120, 180, "Europe/Paris", "2026-10-25T02:00:00Z"));
}

static int64_t day_of(const char *midnight_utc)
{
    return at(midnight_utc) / 86400000;
}

static void test_window__dates_and_freezes(void **state)
{
    hf_date_span span = {.first = day_of("2026-12-05T00:00:00Z"), .last = day_of("2026-12-06T00:00:00Z")};
    hf_window_config window = {.days = SAT | SUN,
                               .dates = {.items = &span, .count = 1},
                               .from_minute = 0,
                               .to_minute = 1440,
                               .timezone = (char *) (uintptr_t) "Europe/Paris"};
    hf_freeze_config freeze = {.from = day_of("2026-12-06T00:00:00Z") * 1440 + 720,
                               .to = day_of("2026-12-08T00:00:00Z") * 1440,
                               .timezone = (char *) (uintptr_t) "Europe/Paris",
                               .reason = (char *) (uintptr_t) "the sale"};
    hf_gates_config gates = {.windows = {.items = &window, .count = 1},
                             .freezes = {.items = &freeze, .count = 1}};
    static const struct {
        const char *moment;
        bool open;
        const char *seen;
    } cases[] = {
        {"2026-12-04T22:59:00Z", false,
         "no deploy window is open; the next one opens at 2026-12-05 00:00 Europe/Paris"},
        {"2026-12-04T23:00:00Z", true, "open: it is 2026-12-05 00:00 Europe/Paris"},
        {"2026-12-06T10:59:00Z", true, "open: it is 2026-12-06 11:59 Europe/Paris"},
        {"2026-12-06T11:00:00Z", false, "deploys are frozen: the sale; none opens within 15 days"},
        {"2026-12-09T00:00:00Z", false, "no deploy window is open; none opens within 15 days"},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_STR seen = NULL;

        assert_int_equal(hf_window_is_open(&gates, at(cases[i].moment), &seen), cases[i].open);
        assert_string_equal(seen, cases[i].seen);
    }
    /* without windows a freeze stands alone */
    gates.windows.count = 0;
    HF_AUTO_STR after = NULL;
    HF_AUTO_STR during = NULL;
    assert_true(hf_window_is_open(&gates, at("2026-12-07T23:00:00Z"), &after));
    assert_false(hf_window_is_open(&gates, at("2026-12-07T22:59:00Z"), &during));
    assert_non_null(strstr(during, "opens at 2026-12-08 00:00 Europe/Paris"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window__is_of_its_own_zone_and_days),
        cmocka_unit_test(test_window__where_an_hour_is_skipped),
        cmocka_unit_test(test_window__where_an_hour_comes_twice),
        cmocka_unit_test(test_window__dates_and_freezes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
