#include "unit.h"

#include "base/text.h"
#include "migrations/profiles.h"

static void test_profiles__order_versions_by_their_numbers(void **state)
{
    (void) state;
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"1", "2", -1},
        {"2", "10", -1},
        {"1.1", "1_2", -1},
        {"1", "1.1", -1},
        {"001", "1", 0},
        {"1.0", "1", 0},
        {"10", "9", 1},
        {"", "", 0},
        {"~", "99", 1},
        {"1", "~", -1},
        {"~", "~", 0},
        {"1a", "1b", -1},
        {"20240101000000", "20231231235959", 1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int order = hf_profile_compare_versions(cases[i].a, cases[i].b);

        if ((order > 0) - (order < 0) != cases[i].order)
            fail_msg("\"%s\" and \"%s\": %d", cases[i].a, cases[i].b, order);
    }
}

static void test_profiles__read_what_python_assigns(void **state)
{
    (void) state;
    static const struct {
        const char *text, *found; /* joined by spaces */
    } cases[] = {
        {"revision = 'a'\n", "a"},
        {"x = 1\nrevision: str = \"a1\"  # 'no'\n", "a1"},
        {"revision=(\n  'a', # one\n  \"b\",\n)\ny = 'c'\n", "a b"},
        {"revision = None\n", ""},
        {"revisions = 'a'\n", ""},
        {" revision = 'a'\n", ""},
        {"revision = 'never ended\n", "never ended"},
        {"revision", ""},
        {"", ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO(hf_strings_done) hf_strings found = {0};
        HF_AUTO_BUF joined = HF_BUF_MAX(256);

        hf_profile_python_texts(cases[i].text, "revision", &found);
        for (size_t k = 0; k < found.count; k++)
            hf_buf_printf(&joined, "%s%s", k > 0 ? " " : "", found.items[k]);
        assert_string_equal(hf_buf_text(&joined), cases[i].found);
    }
}

static void test_profiles__flyway_counts_lines_without_their_ends(void **state)
{
    (void) state;
    const int32_t one = hf_profile_flyway_checksum("123456789", 9);

    assert_int_equal((uint32_t) one, 0xCBF43926u); /* CRC-32's check value */
    assert_int_equal(hf_profile_flyway_checksum("1234\r\n56789\n", 12), one);
    assert_int_equal(hf_profile_flyway_checksum("\xEF\xBB\xBF"
                                                "123456789",
                                                12),
                     one);
}

static void test_profiles__give_the_url_by_the_environment_alone(void **state)
{
    (void) state;
    static const char url[] = "postgresql://me:s3cret@[::1]:5433/shop?sslmode=require";

    for (int profile = HF_PROFILE_PRISMA; profile <= HF_PROFILE_ALEMBIC; profile++) {
        HF_AUTO(hf_strings_done) hf_strings argv = {0};
        HF_AUTO(hf_strings_done) hf_strings env = {0};
        hf_migrations_config config = {.kind = HF_MIGRATIONS_COMMAND,
                                       .profile = (hf_migrations_profile) profile,
                                       .folder = (char[]){"/app"}};
        hf_error error;

        assert_ok(hf_profile_environment(&config, url, &env, &error));
        hf_profile_argv(&config, &argv);
        assert_true(argv.count > 1);
        for (size_t i = 0; i < argv.count; i++)
            assert_null(strstr(argv.items[i], "s3cret"));
        if (profile == HF_PROFILE_FLYWAY) {
            assert_true(hf_strings_has(&env, "FLYWAY_URL=jdbc:postgresql://[::1]:5433/shop?sslmode=require"));
            assert_true(hf_strings_has(&env, "FLYWAY_PASSWORD=s3cret"));
            assert_true(hf_strings_has(&argv, "-locations=filesystem:/app/sql"));
        }
        if (profile == HF_PROFILE_GOLANG_MIGRATE)
            assert_true(hf_strings_has(&env, "PGPASSWORD=s3cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles__order_versions_by_their_numbers),
        cmocka_unit_test(test_profiles__read_what_python_assigns),
        cmocka_unit_test(test_profiles__flyway_counts_lines_without_their_ends),
        cmocka_unit_test(test_profiles__give_the_url_by_the_environment_alone),
    };

    return cmocka_run_group_tests_name("migrations/profiles", tests, NULL, NULL);
}
