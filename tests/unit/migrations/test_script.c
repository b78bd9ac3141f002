#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrations/script.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_script__refuses_what_cannot_be_sent(void **state)
{
    (void) state;
    static const struct {
        const char *sql;
        size_t len;
        const char *message; /* part of it; NULL: fine */
    } cases[] = {
        {"", 0, NULL},
        {"-- only a comment", 17, NULL},
        {"SELECT '\xC3\xA9';", 12, NULL},
        {"\xEF\xBB\xBFSELECT 1;", 12, "byte order mark"},
        {"SELECT 1;\n\0", 11, "NUL byte in line 2"},
        {"S\0E\0", 4, "NUL byte in line 1"},
        {"-- a\n-- \xE9t\xE9\n", 12, "not valid UTF-8 in line 2"},
        {"\xFF\xFE", 2, "not valid UTF-8 in line 1"},
        {"\n\n\xC3", 3, "not valid UTF-8 in line 3"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_error error = {0};
        hf_status status = hf_script_check("20240101_x", cases[i].sql, cases[i].len, &error);

        assert_int_equal(status, cases[i].message == NULL ? HF_OK : HF_E_MIGRATION);
        if (cases[i].message != NULL) {
            assert_non_null(strstr(error.message, cases[i].message));
            assert_non_null(strstr(error.message, "\"20240101_x\""));
        }
    }
}

/* "SELECT x<op>x<op>x..." so many times. */
static char *chain(const char *operand, size_t count, size_t *ret_len)
{
    hf_buf text = HF_BUF_MAX(64u << 20);

    hf_buf_puts(&text, "SELECT 1;\nSELECT 1");
    for (size_t i = 0; i < count; i++)
        hf_buf_puts(&text, operand);
    hf_buf_puts(&text, ";\n");
    *ret_len = text.len;
    return hf_buf_take(&text);
}

/* PostgreSQL 15 with its default settings takes +1 3,000 times and not 6,000 times; a list may be longer. */
static void test_script__refuses_what_no_stack_holds(void **state)
{
    (void) state;
    static const struct {
        const char *operand;
        size_t count;
        bool too_deep;
    } cases[] = {
        {"+1", 3000, false}, {"+1", 500000, true}, {", 1", 100000, false}, {" AND true", 50000, false}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_error error = {0};
        size_t len;
        HF_AUTO_STR sql = chain(cases[i].operand, cases[i].count, &len);
        hf_status status = hf_script_check("20240101_x", sql, len, &error);

        assert_int_equal(status, cases[i].too_deep ? HF_E_MIGRATION : HF_OK);
        if (cases[i].too_deep)
            assert_non_null(strstr(error.message, "nested too deeply, in line 2"));
    }
}

static void test_script__finds_the_line_of_a_position(void **state)
{
    (void) state;
    static const struct {
        const char *sql;
        int position, line;
    } cases[] = {
        {"SELECT", 0, 0},      {"SELECT", 1, 1},  {"a\nb", 2, 1},
        {"a\nb", 3, 2},        {"a\r\nb", 4, 2},  {"\xC3\xA9\xC3\xA9\nb", 4, 2},
        {"\xC3\xA9\nb", 2, 1}, {"a\nb\n", 99, 3}, {"\n\n\nx", 4, 4},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(hf_script_line(cases[i].sql, cases[i].position), cases[i].line);
}

static void test_script__names_a_file_that_is_gone(void **state)
{
    (void) state;
    HF_AUTO_BUF sql = HF_BUF_MAX(16);
    hf_error error;

    assert_int_equal(hf_script_read("/nonexistent/migration.sql", "x", &sql, &error), HF_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script__refuses_what_cannot_be_sent),
        cmocka_unit_test(test_script__refuses_what_no_stack_holds),
        cmocka_unit_test(test_script__finds_the_line_of_a_position),
        cmocka_unit_test(test_script__names_a_file_that_is_gone),
    };

    return cmocka_run_group_tests_name("migrations/script", tests, NULL, NULL);
}
