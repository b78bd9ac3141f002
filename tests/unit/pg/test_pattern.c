#include "unit.h"

#include "pg/pattern.h"

static void test_pattern__fits_names(void **state)
{
    (void) state;
    static const struct {
        const char *pattern, *schema, *name;
        bool fits;
    } cases[] = {
        {"public.orders", "public", "orders", true},
        {"public.orders", "public", "orders2", false},
        {"public.orders", "sales", "orders", false},
        {"orders", "anything", "orders", true},
        {"sales.*", "sales", "x", true},
        {"sales.*", "sales2", "x", false},
        {"*.log_?", "a", "log_1", true},
        {"*.log_?", "a", "log_12", false},
        {"public.Orders", "public", "orders", false},
        {"\"pub.lic\".\"or\"\"ders\"", "pub.lic", "or\"ders", true},
        {"public.\"a*\"", "public", "ab", false},
        {"public.\"a*\"", "public", "a*", true},
        {"\"A b\".*", "A b", "\xc3\xa9", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        hf_pattern pattern = {0};
        assert_true(hf_pattern_parse(cases[i].pattern, &pattern));
        if (hf_pattern_fits(&pattern, cases[i].schema, cases[i].name) != cases[i].fits)
            fail_msg("%s and %s.%s", cases[i].pattern, cases[i].schema, cases[i].name);
        hf_pattern_done(&pattern);
    }
}

static void test_pattern__refuses_what_is_none(void **state)
{
    (void) state;
    static const char *const cases[] = {"", ".", "a.", ".a", "a.b.c", "\"a", "\"a\"b", "a\"b\"", "\"\".b"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        hf_pattern pattern = {0};
        if (hf_pattern_parse(cases[i], &pattern))
            fail_msg("\"%s\" was taken", cases[i]);
        hf_pattern_done(&pattern);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern__fits_names),
        cmocka_unit_test(test_pattern__refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
