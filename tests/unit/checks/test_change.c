#include "unit.h"

#include <math.h>

#include "checks/change.h"

static void test_change__holds_within_limits(void **state)
{
    (void) state;
    static const hf_limit none = {0}, ten = {true, false, 10}, half = {true, true, 50},
                          zero = {true, true, 0};
    const struct {
        hf_limit increase, decrease;
        double before, now;
        bool holds;
    } cases[] = {
        {ten, none, 100, 110, true},   {ten, none, 100, 110.5, false}, {ten, none, 100, 0, true},
        {half, none, 100, 150, true},  {half, none, 100, 151, false},  {half, none, 0, 0, true},
        {half, none, 0, 0.001, false}, {half, none, -10, -5, true},    {half, none, -10, -4, false},
        {none, ten, 100, 90, true},    {none, ten, 100, 89, false},    {none, half, 10, 5, true},
        {zero, zero, 3, 3, true},      {zero, zero, 3, 2, false},      {half, none, 0.1 + 0.2, 0.45, true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const hf_change_config change = {cases[i].increase, cases[i].decrease};

        if (hf_change_holds(&change, cases[i].before, cases[i].now) != cases[i].holds)
            fail_msg("case %zu: %g -> %g", i, cases[i].before, cases[i].now);
    }
}

static void test_change__is_told_in_words(void **state)
{
    (void) state;
    const hf_change_config change = {{true, true, 50}, {true, false, 2.5}};
    HF_AUTO_BUF text = HF_BUF_MAX(200);

    hf_change_expect(&change, &text);
    assert_string_equal(hf_buf_text(&text), "at most 50% more and 2.5 less than before the deploy");
}

static void test_change__numbers_are_whole_texts(void **state)
{
    (void) state;
    double number = NAN;

    assert_true(hf_check_parse_number("1.5e3", &number) && number == 1500);
    assert_false(hf_check_parse_number("1x", &number) || hf_check_parse_number("", &number) ||
                 hf_check_parse_number("NaN", &number) || hf_check_parse_number("+Inf", &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_change__holds_within_limits),
        cmocka_unit_test(test_change__is_told_in_words),
        cmocka_unit_test(test_change__numbers_are_whole_texts),
    };

    return cmocka_run_group_tests_name("checks/change", tests, NULL, NULL);
}
