#include "unit.h"

#include "checks/prometheus.h"

static void test_prometheus__takes_one_number_or_says_why(void **state)
{
    (void) state;
#define ANSWER(type, result)                                                                                 \
    "{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":" result "}}"
    static const struct {
        const char *json;
        double number;
        bool empty;
        const char *why; /* NULL: there is a number */
    } cases[] = {
        {ANSWER("vector", "[{\"metric\":{},\"value\":[1,\"0.25\"]}]"), 0.25, false, NULL},
        {ANSWER("scalar", "[1,\"7\"]"), 7, false, NULL},
        {ANSWER("vector", "[]"), 0, true, "no series"},
        {ANSWER("vector", "[{\"value\":[1,\"NaN\"]}]"), 0, true, "NaN"},
        {ANSWER("vector", "[{\"value\":[1,\"1\"]},{\"value\":[1,\"2\"]}]"), 0, false, "2 series"},
        {ANSWER("vector", "[{\"value\":[1,2]}]"), 0, false, "no number"},
        {ANSWER("vector", "[7]"), 0, false, "no number"},
        {ANSWER("matrix", "[]"), 0, false, "neither a vector nor a scalar"},
        {"{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error at char 3\"}", 0, false,
         "parse error at char 3"},
        {"{\"status\":\"ok\"}", 0, false, "not that of a Prometheus query"},
        {"<html>", 0, false, "not JSON"},
        {"", 0, false, "not JSON"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_BUF why = HF_BUF_MAX(4096);
        double number = 0;
        bool empty = true;
        bool found = hf_prometheus_number(cases[i].json, strlen(cases[i].json), &number, &empty, &why);

        if (found != (cases[i].why == NULL) || (found && number != cases[i].number) ||
            empty != cases[i].empty || (!found && strstr(hf_buf_text(&why), cases[i].why) == NULL))
            fail_msg("%s: %g, %d, %s", cases[i].json, number, empty, hf_buf_text(&why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_prometheus__takes_one_number_or_says_why)};

    return cmocka_run_group_tests_name("checks/prometheus", tests, NULL, NULL);
}
