#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "checks/compare.h"
#include "checks/number.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_compare__holds_as_numbers_else_as_text(void **state)
{
    (void) state;
    static const struct {
        const char *seen, *sign, *value;
        bool holds;
    } cases[] = {
        {"10", "=", "10", true},
        {"10", "=", "10.0", true},
        {"10", "=", "1e1", true},
        {"010", "=", "10", true},
        {"9", "<", "10", true},
        {"9", ">", "10", false},
        {"9a", ">", "10", true}, /* text */
        {"-1", "<", "0", true},
        {"-0", "=", "0", true},
        {"0.1", "<=", "0.10", true},
        {"12345678901234567890123456789.1", ">", "12345678901234567890123456789.0999", true},
        {"12345678901234567890123456789", "!=", "12345678901234567890123456788", true},
        {"0.30000000000000004", "=", "0.3", false},
        {"", "=", "", true},
        {"", "=", "0", false},
        {"ok", "=", "ok", true},
        {"ok", "!=", "OK", true},
        {"t", "=", "true", true},
        {"f", "=", "false", true},
        {"f", "=", "true", false},
        {"t", "!=", "true", false},
        {"t", "=", "t", true},
        {"NaN", "=", "NaN", true},
        {"5", ">=", "5", true},
        {"5", "~", "5", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (hf_check_sql_compare(cases[i].seen, cases[i].sign, cases[i].value) != cases[i].holds)
            fail_msg("%s %s %s", cases[i].seen, cases[i].sign, cases[i].value);
}

static void test_compare__knows_what_is_a_number(void **state)
{
    (void) state;
    static const char *const good[] = {"0", "-1", "+1", ".5", "5.", "1e5", "1E-5", "1e+5", "000", "-0.0"};
    static const char *const bad[] = {"",    " 1",    "1 ",  "-",   ".",
                                      "e5",  "1e",    "1e+", "0x1", "1,5",
                                      "1_0", "1.2.3", "--1", "inf", "1e9999999999999"};
    int order;

    for (size_t i = 0; i < COUNT(good); i++)
        if (!hf_number_compare(good[i], "0", &order))
            fail_msg("\"%s\" is a number", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (hf_number_compare(bad[i], "0", &order))
            fail_msg("\"%s\" is no number", bad[i]);
}

static void test_compare__orders_numbers_exactly(void **state)
{
    (void) state;
    static const char *const ascending[] = {"-1e30", "-100.5", "-100.49", "-1",   "-0.001", "0",     "1e-30",
                                            "0.001", "0.01",   "0.9",     "0.99", "1",      "1.001", "9.99",
                                            "10",    "99",     "100",     "1e3",  "1001",   "1e30"};
    int order;

    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = 0; j < COUNT(ascending); j++) {
            assert_true(hf_number_compare(ascending[i], ascending[j], &order));
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("%s against %s: %d", ascending[i], ascending[j], order);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare__holds_as_numbers_else_as_text),
        cmocka_unit_test(test_compare__knows_what_is_a_number),
        cmocka_unit_test(test_compare__orders_numbers_exactly),
    };

    return cmocka_run_group_tests_name("checks/compare", tests, NULL, NULL);
}
