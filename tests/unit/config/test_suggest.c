#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/suggest.h"

static void test_suggest__finds_what_was_meant(void **state)
{
    static const char *const words[] = {"repository", "targets", "jobs", "url", "verify"};
    static const struct {
        const char *word, *near;
    } cases[] = {
        {"repositroy", "repository"},
        {"target", "targets"},
        {"jbos", "jobs"},
        {"ulr", "url"},
        {"x", NULL},
        {"retention", NULL},
        {"notify", NULL},
        {"", NULL},
        {"job", "jobs"},
        {"window", NULL},
        {"repositoryrepositoryrepositoryrepositoryrepositoryrepositoryrepository", NULL},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *near = hf_suggest(cases[i].word, words, sizeof(words) / sizeof(words[0]));

        if (cases[i].near == NULL)
            assert_null(near);
        else
            assert_string_equal(near, cases[i].near);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggest__finds_what_was_meant),
    };

    return cmocka_run_group_tests_name("config/suggest", tests, NULL, NULL);
}
