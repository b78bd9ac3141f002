#include "unit.h"

#include "base/memory.h"
#include "checks/log_scan.h"
#include "checks/regex.h"

static void test_regex__finds(void **state)
{
    (void) state;
    static const struct {
        const char *pattern, *text;
        hf_regex_match found;
    } cases[] = {
        {"relation \".+\" does not exist", "ERROR:  relation \"users\" does not exist", HF_REGEX_YES},
        {"\\bFATAL\\b", "NONFATAL", HF_REGEX_NO},
        {"(?i)error", "an Error", HF_REGEX_YES},
        {"^b$", "a\nb\nc", HF_REGEX_YES},
        {"caf\xc3\xa9", "\xff caf\xc3\xa9", HF_REGEX_YES},
        {"(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", HF_REGEX_GAVE_UP},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO(hf_regex_freep) hf_regex *regex = NULL;
        hf_error error;

        assert_int_equal(hf_regex_compile(cases[i].pattern, &regex, &error), HF_OK);
        if (hf_regex_find(regex, cases[i].text, strlen(cases[i].text)) != cases[i].found)
            fail_msg("%s over %s", cases[i].pattern, cases[i].text);
    }
}

static void test_regex__says_where_it_does_not_compile(void **state)
{
    (void) state;
    hf_regex *regex = NULL;
    hf_error error;

    assert_int_equal(hf_regex_compile("a(b", &regex, &error), HF_E_USAGE);
    assert_string_equal(
        error.message,
        "the regular expression \"a(b\" does not compile: missing closing parenthesis, at byte 4");
    assert_null(regex);
}

/* Lines in pieces of every size give the same; the last may lack its end; a "\r" is no part of it. */
static void test_regex__a_scan_takes_any_pieces(void **state)
{
    (void) state;
    static const char text[] = "one\r\nERROR two\n\nthree WARN\nlast ERROR";
    hf_placed forbid[] = {{"ERROR", {0}}, {"never", {0}}}, require[] = {{"^one$", {0}}, {"absent", {0}}};
    hf_check_config check = {0};

    check.log.forbid.items = forbid;
    check.log.forbid.count = 2;
    check.log.require.items = require;
    check.log.require.count = 2;
    check.log.rate.text = (char *) "WARN";
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        HF_AUTO(hf_log_scan_done) hf_log_scan scan = {0};
        hf_error error;

        assert_int_equal(hf_log_scan_init(&scan, &check, false, &error), HF_OK);
        for (size_t at = 0; at < sizeof(text) - 1; at += piece)
            hf_log_scan_feed(&scan, text + at, sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece);
        hf_log_scan_end(&scan);
        assert_int_equal(scan.lines, 5);
        assert_int_equal(scan.forbidden, 2);
        assert_int_equal(scan.shown.count, 2);
        assert_string_equal(scan.shown.items[1], "last ERROR");
        assert_true(scan.found.items[0] && !scan.found.items[1]);
        assert_int_equal(scan.rated, 1);
    }
}

static void test_regex__a_scan_bounds_its_lines(void **state)
{
    (void) state;
    hf_placed forbid[] = {{"x$", {0}}};
    hf_check_config check = {0};
    HF_AUTO(hf_log_scan_done) hf_log_scan scan = {0};
    HF_AUTO_STR piece = hf_alloc(100000);
    hf_error error;

    check.log.forbid.items = forbid;
    check.log.forbid.count = 1;
    memset(piece, 'x', 100000);
    assert_int_equal(hf_log_scan_init(&scan, &check, false, &error), HF_OK);
    for (int i = 0; i < 3; i++)
        hf_log_scan_feed(&scan, piece, 100000);
    hf_log_scan_end(&scan);
    assert_int_equal(scan.lines, 5); /* 300,000 bytes in lines of 65,536 */
    assert_int_equal(scan.forbidden, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex__finds),
        cmocka_unit_test(test_regex__says_where_it_does_not_compile),
        cmocka_unit_test(test_regex__a_scan_takes_any_pieces),
        cmocka_unit_test(test_regex__a_scan_bounds_its_lines),
    };

    return cmocka_run_group_tests_name("checks/regex", tests, NULL, NULL);
}
