#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checks/jq.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_jq__holds_or_says_why(void **state)
{
    (void) state;
    static const struct {
        const char *expression, *json;
        const char *why; /* part of it; NULL: it holds */
    } cases[] = {
        {".status == \"ok\"", "{\"status\":\"ok\"}", NULL},
        {".status == \"ok\"", "{\"status\":\"down\"}", "jq gave false"},
        {".status", "{}", "jq gave null"},
        {".", "0", NULL},
        {".", "\"\"", NULL},
        {".items[] | .ok", "{\"items\":[{\"ok\":true},{\"ok\":true}]}", NULL},
        {".items[] | .ok", "{\"items\":[{\"ok\":false},{\"ok\":true}]}", "jq gave false"},
        {".items[]", "{\"items\":[]}", "jq gave no value"},
        {"empty", "1", "jq gave no value"},
        {".a.b", "{\"a\":1}", "jq stopped: Cannot index number"},
        {"error(\"boom\")", "1", "jq stopped: boom"},
        {"halt_error", "1", "jq stopped"},
        {"repeat(true)", "1", "too many values"},
        {"input", "1", "jq stopped"},
        {".", "<html>nginx</html>", "the body is not JSON: "},
        {".", "{\"a\":", "the body is not JSON: "},
        {".", "{} {}", "the body is not JSON: "},
        {".", "", "the body is empty"},
        {".", " \r\n", "the body is empty"},
        {"debug", "true", NULL},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_BUF why = HF_BUF_MAX(4096);
        bool holds = hf_jq_holds(cases[i].expression, cases[i].json, strlen(cases[i].json), &why);

        if (holds != (cases[i].why == NULL))
            fail_msg("%s over %s: %s", cases[i].expression, cases[i].json, hf_buf_text(&why));
        if (!holds && strstr(hf_buf_text(&why), cases[i].why) == NULL)
            fail_msg("%s over %s: %s", cases[i].expression, cases[i].json, hf_buf_text(&why));
    }
}

static void test_jq__reports_what_does_not_compile(void **state)
{
    (void) state;
    static const char *const bad[] = {".status ==",           "nonsense(",       "$undefined", "foo", ".a |",
                                      "import \"x\" as x; .", "include \"x\"; ."};
    hf_error error;

    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(hf_jq_compile(bad[i], &error), HF_E_USAGE);
        assert_non_null(strstr(error.message, "does not compile: "));
        assert_null(strchr(error.message, '\n'));
    }
    assert_int_equal(hf_jq_compile(".a and (.b | length > 3)", &error), HF_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jq__holds_or_says_why),
        cmocka_unit_test(test_jq__reports_what_does_not_compile),
    };

    return cmocka_run_group_tests_name("checks/jq", tests, NULL, NULL);
}
