#include "unit.h"

#include "migrations/unterminated.h"

static void test_unterminated__is_found_where_it_begins(void **state)
{
    static const struct {
        const char *sql, *what;
        size_t at;
    } cases[] = {
        {"SELECT 'x", "a quoted text", 7},
        {"SELECT '", "a quoted text", 7},
        {"SELECT 1; SELECT 'a''; DROP TABLE x", "a quoted text", 17},
        {"SELECT E'a\\'", "a quoted text", 7},
        {"SELECT \"a 'b' ", "a quoted name", 7},
        {"SELECT /* /* */ 1", "a comment", 7},
        {"DO $$ begin end", "a dollar quote", 3},
        {"DO $a$ $b$ $$ $A$", "a dollar quote", 3},
        {"-- it's\nSELECT 'x", "a quoted text", 15},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t at = 0;
        const char *what = hf_unterminated(cases[i].sql, &at);

        if (what == NULL || strcmp(what, cases[i].what) != 0 || at != cases[i].at)
            fail_msg("%s: %s at %zu", cases[i].sql, what != NULL ? what : "nothing", at);
    }
}

static void test_unterminated__what_ends_is_none(void **state)
{
    static const char *const good[] = {
        "",
        "SELECT 'it''s', \"a\"\"b\", E'it\\'s', U&'\\0041', $$ ' $$, $x1$ $$ ' $x1$, $1, a$b, a$b$c;",
        "-- it's\n/* don't /* \"nested */ */ SELECT 1 -- '",
        "SELECT 'C:\\dir\\'",          /* as the standard has it */
        "SELECT 'it\\'s'",             /* as standard_conforming_strings = off has it */
        "SELECT 1$$ ' $$, a$$ FROM t", /* a number ends before a dollar quote, a name does not */
        "SELECT 'line\r\n--' AS \"e'\"",
        "SELECT type'x', date'2020-01-01', name'\\'",
        "DO $\xc3\xa4$ ' $\xc3\xa4$;",
        "SELECT $",
    };

    (void) state;
    for (size_t i = 0; i < COUNT(good); i++) {
        size_t at = 0;
        const char *what = hf_unterminated(good[i], &at);

        if (what != NULL)
            fail_msg("%s: %s at %zu", good[i], what, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unterminated__is_found_where_it_begins),
        cmocka_unit_test(test_unterminated__what_ends_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
