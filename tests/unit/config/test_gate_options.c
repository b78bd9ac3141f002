#include "unit.h"

#include "config/load.h"
#include "config/timezone.h"

static hf_status parse(const char *deploy, hf_config **ret_config, hf_error *error)
{
    HF_AUTO_STR text = hf_format("repository: {url: /r}\n"
                                 "targets:\n"
                                 "  t:\n"
                                 "    database: {url: {env: U}}\n"
                                 "    migrations: {kind: none}\n"
                                 "    deploy:\n"
                                 "      %s\n",
                                 deploy);

    return hf_config_parse("holdfast.yaml", "/f", text, strlen(text), ret_config, error);
}

static void test_gates__what_cannot_be_is_refused_where_it_stands(void **state)
{
    static const struct {
        const char *deploy, *message, *hint;
    } cases[] = {
        {"windows: [{timezone: Europe/Pariss}]", "7:28: unknown time zone \"Europe/Pariss\"",
         "Europe/Paris\"?"},
        {"windows: [{timezone: Mars/Olympus}]", "7:28: unknown time zone", "IANA"},
        {"windows: [{from: \"03:00\", to: \"03:00\"}]", "7:18: this window is empty", "whole day"},
        {"windows: [{from: \"24:00\"}]", "7:18: this window is empty", "whole day"},
        {"windows: [{from: \"25:00\"}]", "7:24: \"from\" must be a time", "01:30"},
        {"windows: [{to: 3}]", "7:22: \"to\" must be a time", "01:30"},
        {"windows: [{to: \"3:60\"}]", "7:22: \"to\" must be a time", "01:30"},
        {"windows: [{days: []}]", "7:18: \"days\" is empty", "all days"},
        {"windows: [{days: [mon, freitag]}]", "7:30: \"days\" must be", "mon-thu"},
        {"windows: [{dates: [2026-02-29]}]", "7:26: \"dates\" must be", "2026-12-05"},
        {"windows: [{dates: [2026-12-05..2026-12-01]}]", "7:26: \"dates\" must be", "2026-12-05"},
        {"windows: [{dates: [2026-12-05], days: [mon]}]", "7:18: this window is empty: none of its dates",
         "days"},
        {"windows: [{hours: 3}]", "7:18: unknown key \"hours\"", "days"},
        {"freezes: [{from: 2026-12-20, to: 2026-12-19}]", "7:18: this freeze ends before it begins",
         "last day"},
        {"freezes: [{from: 2026-12-20}]", "7:18: \"to\" is missing here", ""},
        {"freezes: [{from: tomorrow, to: 2026-12-19}]", "7:24: \"from\" must be a day", "18:00"},
        {"shrink: {max_percent: 101}", "7:29: ", ""},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_config *config = NULL;
        hf_error error = {0};

        if (parse(cases[i].deploy, &config, &error) != HF_E_USAGE)
            fail_msg("%s is taken", cases[i].deploy);
        if (strstr(error.message, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].deploy, error.message);
        if (strstr(error.hint, cases[i].hint) == NULL)
            fail_msg("%s: hint %s", cases[i].deploy, error.hint);
    }
}

static void test_gates__values(void **state)
{
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    hf_error error = {0};

    (void) state;
    if (parse(
            "windows: [{days: [sat-mon, Wed], from: 22:30, to: 1:05}, {dates: [2026-12-05..2026-12-06]}]\n"
            "      freezes: [{from: 2026-12-20 18:00, to: 2026-12-21, reason: party, timezone: Asia/Tokyo}]\n"
            "      activity: {max_sessions: 5, wait: 1m}",
            &config, &error) != HF_OK)
        fail_msg("%s", error.message);
    const hf_gates_config *gates = &config->targets.items[0].deploy.gates;
    assert_int_equal(gates->windows.items[0].days, 0x65);
    assert_int_equal(gates->windows.items[0].from_minute, 22 * 60 + 30);
    assert_int_equal(gates->windows.items[0].to_minute, 65);
    assert_string_equal(gates->windows.items[0].timezone, "UTC");
    assert_int_equal(gates->windows.items[1].to_minute, 1440);
    assert_int_equal(
        gates->windows.items[1].dates.items[0].last - gates->windows.items[1].dates.items[0].first, 1);
    assert_int_equal(gates->freezes.items[0].to - gates->freezes.items[0].from, 30 * 60);
    assert_string_equal(gates->freezes.items[0].reason, "party");
    assert_int_equal(gates->activity_wait_ms, 60000);
    assert_int_equal(gates->shrink_min_rows, 100);
}

static void test_timezone__dates_go_there_and_back(void **state)
{
    char text[32];
    int64_t day;

    (void) state;
    assert_true(hf_day_of_date(1970, 1, 1, &day));
    assert_int_equal(day, 0);
    for (day = 0; day < 100000; day += 17) {
        int year, month, of_month;
        int64_t back;

        assert_int_equal(sscanf(hf_date_of_day(day, text), "%d-%d-%d", &year, &month, &of_month), 3);
        assert_true(hf_day_of_date(year, month, of_month, &back));
        assert_int_equal(back, day);
    }
    assert_true(hf_day_of_date(2028, 2, 29, &day));
    assert_false(hf_day_of_date(2026, 2, 29, &day));
    assert_false(hf_day_of_date(2026, 13, 1, &day));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gates__what_cannot_be_is_refused_where_it_stands),
        cmocka_unit_test(test_gates__values),
        cmocka_unit_test(test_timezone__dates_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
