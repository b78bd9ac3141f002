#include "unit.h"

#include "restore/database.h"
#include "restore/plan.h"

static void test_plan__lists_all_that_is_missing(void **state)
{
    (void) state;
    HF_AUTO(hf_lacks_done) hf_lacks lacks = {0};
    assert_true(hf_lacks_nothing(&lacks));
    hf_strings_add(&lacks.roles, "app");
    hf_strings_add(&lacks.roles, "reader");
    hf_strings_add(&lacks.extensions, "postgis");
    hf_strings_add(&lacks.tablespaces, "fast");
    hf_strings_add(&lacks.locales, "fr_FR.UTF-8");
    hf_strings_add(&lacks.settings, "transaction_timeout");
    assert_false(hf_lacks_nothing(&lacks));
    hf_error error;
    assert_int_equal(hf_lacks_fail(&lacks, "copy", &error), HF_E_NOT_FOUND);
    assert_string_equal(
        error.message,
        "the server lacks what \"copy\" needs: roles \"app\", \"reader\"; extension \"postgis\"; "
        "tablespace \"fast\"; locale \"fr_FR.UTF-8\"; setting \"transaction_timeout\"");
    assert_non_null(strstr(error.hint, "CREATE ROLE \"app\""));
    assert_non_null(strstr(error.hint, "CREATE TABLESPACE \"fast\""));
}

static void test_plan__a_long_list_is_cut(void **state)
{
    (void) state;
    HF_AUTO(hf_lacks_done) hf_lacks lacks = {0};
    for (int i = 0; i < 30; i++) {
        HF_AUTO_STR name = hf_format("role_%d", i);
        hf_strings_add(&lacks.roles, name);
    }
    hf_error error;
    assert_int_equal(hf_lacks_fail(&lacks, "copy", &error), HF_E_NOT_FOUND);
    assert_non_null(strstr(error.message, "\"role_7\" and 22 more"));
    assert_null(strstr(error.message, "role_8"));
}

static void test_plan__writes_settings_as_they_were(void **state)
{
    (void) state;
    static const struct {
        const char *kept, *sql;
    } cases[] = {
        {"work_mem=8MB", "\"work_mem\" TO '8MB'"},
        {"app.note=it's", "\"app.note\" TO 'it''s'"},
        {"search_path=\"$user\", public, \"we ird\"", "\"search_path\" TO '$user', 'public', 'we ird'"},
        {"search_path=\"a\"\"b,c\"", "\"search_path\" TO 'a\"b,c'"},
        {"search_path=\"\"", "\"search_path\" TO ''"},
        {"statement_timeout=", "\"statement_timeout\" TO ''"},
        {"DateStyle=ISO, DMY", "\"DateStyle\" TO 'ISO, DMY'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_BUF sql = HF_BUF_MAX(4096);
        hf_database_setting(&sql, cases[i].kept);
        assert_string_equal(hf_buf_text(&sql), cases[i].sql);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__lists_all_that_is_missing),
        cmocka_unit_test(test_plan__a_long_list_is_cut),
        cmocka_unit_test(test_plan__writes_settings_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
