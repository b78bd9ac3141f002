#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/danger.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_danger__knows_commands_that_empty_a_database(void **state)
{
    (void) state;
    static const struct {
        const char *words[6];
        hf_status status;
    } cases[] = {
        {{"npx", "prisma", "migrate", "deploy"}, HF_OK},
        {{"npx", "prisma", "migrate", "reset"}, HF_E_REFUSED},
        {{"npx", "prisma", "migrate", "reset", "--force"}, HF_E_REFUSED},
        {{"npx", "prisma", "migrate", "--skip-seed", "dev"}, HF_E_REFUSED},
        {{"./node_modules/.bin/prisma", "db", "push"}, HF_E_REFUSED},
        {{"sh", "-c", "cd app && npx prisma db push"}, HF_E_REFUSED},
        {{"sh", "-c", "npx prisma migrate deploy; npx prisma db seed"}, HF_OK},
        {{"/opt/flyway/flyway", "clean"}, HF_E_REFUSED},
        {{"flyway", "migrate"}, HF_OK},
        {{"bin/rails", "db:migrate"}, HF_OK},
        {{"bin/rails", "db:schema:load"}, HF_E_REFUSED},
        {{"python", "manage.py", "migrate"}, HF_OK},
        {{"python", "./manage.py", "flush"}, HF_E_REFUSED},
        {{"migrate", "-path", "db", "up"}, HF_OK},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO(hf_strings_done) hf_strings argv = {0};
        hf_error error;

        for (size_t w = 0; cases[i].words[w] != NULL; w++)
            hf_strings_add(&argv, cases[i].words[w]);
        if (hf_danger_check_command(&argv, &error) != cases[i].status)
            fail_msg("case %zu", i);
    }
}

static void test_danger__explains_codes_in_output(void **state)
{
    (void) state;
    static const char *const codes[] = {"P1001", "P1002", "P2021", "P3005", "P3009", "P3012", "P3018"};

    for (size_t i = 0; i < COUNT(codes); i++) {
        char text[64] = "Prisma schema loaded. Error: ";

        (void) memcpy(text + 29, codes[i], 6);
        assert_non_null(strstr(hf_danger_explain(text), codes[i]));
    }
    assert_null(hf_danger_explain("PP P9999 up"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_danger__knows_commands_that_empty_a_database),
        cmocka_unit_test(test_danger__explains_codes_in_output),
    };

    return cmocka_run_group_tests_name("migrations/danger", tests, NULL, NULL);
}
