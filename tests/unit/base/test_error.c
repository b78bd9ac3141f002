#include "unit.h"

#include <errno.h>

static void test_error__fail_fills_and_clears(void **state)
{
    (void) state;
    hf_error error = {.sys_errno = 5, .sqlstate = "42P01", .hint = "old"};

    assert_int_equal(hf_fail(&error, HF_E_CORRUPT, "object \"%s\" has a wrong digest", "ab"), HF_E_CORRUPT);
    assert_int_equal(error.code, HF_E_CORRUPT);
    assert_int_equal(error.sys_errno, 0);
    assert_string_equal(error.sqlstate, "");
    assert_string_equal(error.message, "object \"ab\" has a wrong digest");
    assert_string_equal(error.hint, "");
}

static void test_error__may_be_null(void **state)
{
    (void) state;
    assert_int_equal(hf_fail(NULL, HF_E_BUSY, "x"), HF_E_BUSY);
    assert_int_not_equal(hf_hint(NULL, "x"), HF_OK);
    assert_int_not_equal(hf_prefix(NULL, "x"), HF_OK);
}

static void test_error__arguments_may_point_into_the_error(void **state)
{
    (void) state;
    hf_error error = {0};

    (void) hf_fail(&error, HF_E_CHILD, "inner");
    (void) hf_fail(&error, HF_E_MIGRATION, "outer: %s", error.message);
    assert_string_equal(error.message, "outer: inner");
}

static void test_error__errno_chooses_the_code(void **state)
{
    (void) state;
    const struct {
        int number;
        hf_status code;
        const char *message;
    } cases[] = {
        {ENOSPC, HF_E_STORAGE_FULL, "cannot write \"f\": No space left on device"},
        {EDQUOT, HF_E_STORAGE_FULL, "cannot write \"f\": Disk quota exceeded"},
        {EACCES, HF_E_SYSTEM, "cannot write \"f\": Permission denied"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_error error = {0};

        errno = cases[i].number;
        assert_int_equal(hf_fail_errno(&error, "cannot write \"%s\"", "f"), cases[i].code);
        assert_int_equal(error.sys_errno, cases[i].number);
        assert_string_equal(error.message, cases[i].message);
        assert_int_equal(errno, cases[i].number);
    }
}

static void test_error__hint_and_prefix_keep_the_rest(void **state)
{
    (void) state;
    hf_error error = {0};

    (void) hf_fail(&error, HF_E_LOCKED, "busy");
    assert_int_equal(hf_hint(&error, "wait %d s", 3), HF_E_LOCKED);
    assert_int_equal(hf_prefix(&error, "table \"%s\"", "t"), HF_E_LOCKED);
    assert_string_equal(error.message, "table \"t\": busy");
    assert_string_equal(error.hint, "wait 3 s");
}

static void test_error__long_texts_are_cut_off(void **state)
{
    (void) state;
    hf_error error = {0};
    char text[3000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void) hf_fail(&error, HF_E_HTTP, "%s", text);
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
    (void) hf_prefix(&error, "get");
    assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
    assert_memory_equal(error.message, "get: xxx", 8);
    (void) hf_hint(&error, "%s", text);
    assert_int_equal(strlen(error.hint), sizeof(error.hint) - 1);
}

static void test_error__table_is_complete(void **state)
{
    (void) state;
    static const struct {
        hf_status code;
        const char *name;
        int exit_status;
        bool transient;
    } known[] = {
        {HF_OK, "OK", 0, false},
        {HF_E_USAGE, "USAGE", 2, false},
        {HF_E_STUCK, "STUCK", 5, false},
        {HF_E_CONNECTION, "CONNECTION", 31, true},
        {HF_E_MEMORY, "MEMORY", 45, false},
    };
    bool used[256] = {false};

    for (size_t i = 0; i < COUNT(known); i++) {
        assert_string_equal(hf_status_name(known[i].code), known[i].name);
        assert_int_equal(hf_status_exit(known[i].code), known[i].exit_status);
        assert_int_equal(hf_status_is_transient(known[i].code), known[i].transient);
    }
    for (int code = HF_OK; code <= HF_E_MEMORY; code++) {
        const int exit_status = hf_status_exit((hf_status) code);

        assert_true(strlen(hf_status_meaning((hf_status) code)) > 0);
        assert_in_range(exit_status, 0, 125);
        assert_false(used[exit_status]);
        used[exit_status] = true;
    }
    assert_string_equal(hf_status_name((hf_status) 9999), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__fail_fills_and_clears),
        cmocka_unit_test(test_error__may_be_null),
        cmocka_unit_test(test_error__arguments_may_point_into_the_error),
        cmocka_unit_test(test_error__errno_chooses_the_code),
        cmocka_unit_test(test_error__hint_and_prefix_keep_the_rest),
        cmocka_unit_test(test_error__long_texts_are_cut_off),
        cmocka_unit_test(test_error__table_is_complete),
    };

    return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
