/*
 * An HTTP request and what its answer must be: one of some statuses, soon enough, a JSON body for which a jq expression
 * holds, a body that matches.  Each that is not so is named; a wrong status makes the rest meaningless.
 */
#include <string.h>

#include "base/text.h"
#include "checks/jq.h"
#include "checks/kind.h"
#include "checks/regex.h"
#include "checks/request.h"

static void http_validate(const char *config_path, const hf_check_config *check, hf_config_problems *problems)
{
    HF_AUTO(hf_regex_freep) hf_regex *regex = NULL;
    hf_error error = {0};

    if (check->http.jq.text != NULL && hf_jq_compile(check->http.jq.text, &error) != HF_OK)
        hf_config_problems_add(problems, config_path, check->http.jq.where, &error);
    if (check->http.matches.text != NULL &&
        hf_regex_compile(check->http.matches.text, &regex, &error) != HF_OK)
        hf_config_problems_add(problems, config_path, check->http.matches.where, &error);
}

static void http_expect(const hf_check_config *check, hf_buf *expected)
{
    char limit[32];

    hf_buf_puts(expected, "status");
    for (size_t i = 0; i < check->http.status.count; i++)
        hf_buf_printf(expected, "%s%d", i == 0 ? " " : " or ", check->http.status.items[i]);
    if (check->http.latency_ms > 0)
        hf_buf_printf(expected, " within %s", hf_show_duration(check->http.latency_ms, limit));
    if (check->http.jq.text != NULL)
        hf_buf_printf(expected, " and jq '%s'", check->http.jq.text);
    if (check->http.matches.text != NULL)
        hf_buf_printf(expected, " and a body that matches '%s'", check->http.matches.text);
    if (check->http.request.insecure)
        hf_buf_puts(expected, " (INSECURE: the server's certificate is not checked)");
}

static hf_status http_before(const hf_check_context *context, json_t **ret_before, hf_error *error)
{
    (void) ret_before;
    return hf_request_check(&context->check->http.request, error);
}

static bool is_allowed(const hf_check_config *check, long status)
{
    for (size_t i = 0; i < check->http.status.count; i++)
        if (check->http.status.items[i] == status)
            return true;
    return false;
}

/* What is wrong with an answer of an allowed status, each after ", but " or "; ". */
static size_t look_at_body(const hf_check_config *check, const hf_answer *answer, hf_buf *seen)
{
    HF_AUTO_BUF why = HF_BUF_MAX(HF_CHECK_SEEN_MAX);
    HF_AUTO(hf_regex_freep) hf_regex *regex = NULL;
    size_t problems = 0;
    hf_error error;

    if (check->http.jq.text != NULL) {
        if (hf_jq_holds(check->http.jq.text, hf_buf_text(&answer->body), answer->body.len, &why)) {
            hf_buf_puts(seen, ", jq holds");
        } else {
            hf_answer_hide(answer, &why);
            hf_buf_printf(seen, ", but %s", hf_buf_text(&why));
            problems++;
        }
    }
    if (check->http.matches.text == NULL)
        return problems;
    if (hf_regex_compile(check->http.matches.text, &regex, &error) != HF_OK) {
        hf_buf_printf(seen, ", but %s", error.message);
        return problems + 1;
    }
    switch (hf_regex_find(regex, hf_buf_text(&answer->body), answer->body.len)) {
    case HF_REGEX_YES:
        hf_buf_puts(seen, ", the body matches");
        return problems;
    case HF_REGEX_NO:
        hf_buf_puts(seen, ", but the body does not match");
        return problems + 1;
    default:
        hf_buf_puts(seen, ", but matching the body took too many steps");
        return problems + 1;
    }
}

static hf_check_outcome http_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const hf_check_config *check = context->check;
    HF_AUTO(hf_answer_done) hf_answer answer = {0};
    const hf_request request = {.config = &check->http.request,
                                .method = check->http.method,
                                .body = check->http.body,
                                .follow = check->http.follow,
                                .timeout_ms = check->timeout_ms};
    hf_error error = {0};
    size_t problems = 0;
    char took[32];

    hf_status status = hf_request_make(&request, &answer, &error);
    if (status != HF_OK) {
        hf_buf_puts(seen, error.message);
        return status == HF_E_HTTP ? HF_CHECK_FAILED : HF_CHECK_INCONCLUSIVE;
    }
    *ret_value = (double) answer.took_ms;
    hf_buf_printf(seen, "status %ld", answer.status);
    if (answer.redirects > 0)
        hf_buf_printf(seen, " after %u redirect%s", answer.redirects, answer.redirects > 1 ? "s" : "");
    if (!is_allowed(check, answer.status)) {
        hf_answer_show_body(&answer, seen);
        return HF_CHECK_FAILED;
    }
    if (check->http.latency_ms > 0) {
        bool late = answer.took_ms > check->http.latency_ms;

        hf_buf_printf(seen, "%s after %s", late ? ", but only" : "", hf_show_duration(answer.took_ms, took));
        problems += late;
    }
    problems += look_at_body(check, &answer, seen);
    if (problems == 0)
        return HF_CHECK_PASSED;
    hf_answer_show_body(&answer, seen);
    return HF_CHECK_FAILED;
}

const hf_check_ops hf_check_http = {
    .name = "http",
    .validate = http_validate,
    .expect = http_expect,
    .before = http_before,
    .look = http_look,
};
