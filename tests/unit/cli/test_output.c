#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/output.h"

/* What `print` writes to stdout. */
static void captured(void (*print)(void), char *text, size_t size)
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);

    assert_non_null(file);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    print();
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void print_grid(void)
{
    static const char *const titles[] = {"name", "rows", "note"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "lrl", .columns = 3};

    hf_grid_cell(&grid, "café");
    hf_grid_cell(&grid, "12,345");
    hf_grid_cell(&grid, "a\nb");
    hf_grid_cell(&grid, "日本");
    hf_grid_cell(&grid, "1");
    hf_grid_cell(&grid, "%s", "");
    hf_grid_print(&grid, 2);
}

static void test_output__aligns_by_columns(void **state)
{
    char text[512];

    (void) state;
    captured(print_grid, text, sizeof(text));
    assert_string_equal(text, "  name    rows  note\n"
                              "  café  12,345  a b\n"
                              "  日本       1\n");
}

static void print_hostile(void)
{
    hf_out("%s %s\n", "a\033[31mb\r\x7f",
           "c\xc2\x9b"
           "d");
    hf_out("the password is hunter22\n");
    hf_out_mark(HF_MARK_BAD, "%s", "hunter22");
}

static void test_output__neither_steers_terminals_nor_shows_secrets(void **state)
{
    char text[512];

    (void) state;
    hf_log_redact("hunter22");
    captured(print_hostile, text, sizeof(text));
    assert_string_equal(text, "a?[31mb?? c??d\nthe password is ***\nFAIL  ***\n");
}

static void print_json(void)
{
    json_t *json = json_pack("{s:s, s:[s]}", "a", "a \"quoted\" secret", "b", "x a \"quoted\" secret");

    hf_out_json(json);
    json_decref(json);
}

static void test_output__redacts_inside_json(void **state)
{
    char text[512];

    (void) state;
    hf_log_redact("a \"quoted\" secret");
    captured(print_json, text, sizeof(text));
    assert_string_equal(text, "{\n  \"a\": \"***\",\n  \"b\": [\n    \"x ***\"\n  ]\n}\n");
}

static void test_output__shows_times_and_ages(void **state)
{
    char time[32], age[48];

    (void) state;
    assert_string_equal(hf_show_time(1795246202123, time), "2026-11-21 07:30:02 UTC");
    assert_string_equal(hf_show_age(hf_now_ms() - 5000, age), "5 s ago");
    assert_string_equal(hf_show_age(hf_now_ms() - 300000, age), "5 min ago");
    assert_string_equal(hf_show_age(hf_now_ms() - INT64_C(3) * 86400000, age), "3 days ago");
    assert_string_equal(hf_show_age(hf_now_ms() + 5000, age), "in the future");
}

static void test_output__errors_as_json(void **state)
{
    hf_error error = {0};

    (void) state;
    hf_fail(&error, HF_E_DATABASE, "no \"table\"\xff");
    snprintf(error.sqlstate, sizeof(error.sqlstate), "42P01");
    json_t *json = hf_out_error_json(&error);
    assert_string_equal(json_string_value(json_object_get(json, "code")), "DATABASE");
    assert_string_equal(json_string_value(json_object_get(json, "message")), "no \"table\"?");
    assert_string_equal(json_string_value(json_object_get(json, "sqlstate")), "42P01");
    assert_true(json_is_null(json_object_get(json, "hint")));
    assert_int_equal(json_integer_value(json_object_get(json, "exit_status")), 30);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output__aligns_by_columns),
        cmocka_unit_test(test_output__neither_steers_terminals_nor_shows_secrets),
        cmocka_unit_test(test_output__redacts_inside_json),
        cmocka_unit_test(test_output__shows_times_and_ages),
        cmocka_unit_test(test_output__errors_as_json),
    };

    return cmocka_run_group_tests_name("cli/output", tests, NULL, NULL);
}
