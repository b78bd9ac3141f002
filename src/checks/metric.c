/*
 * A number from a metrics server: of a Prometheus query, or found by jq in any JSON; within limits, and near to what it was
 * before the deploy.
 *
 * A server that does not answer, or has no number, tells nothing about the deploy: that is inconclusive.
 */
#include <curl/curl.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "checks/change.h"
#include "checks/jq.h"
#include "checks/kind.h"
#include "checks/prometheus.h"
#include "checks/request.h"

static void metric_validate(const char *config_path, const hf_check_config *check,
                            hf_config_problems *problems)
{
    hf_error error = {0};

    if (check->metric.jq.text != NULL && hf_jq_compile(check->metric.jq.text, &error) != HF_OK)
        hf_config_problems_add(problems, config_path, check->metric.jq.where, &error);
}

static void expect_limit(const hf_limit *limit, const char *words, hf_buf *expected)
{
    if (!limit->given)
        return;
    hf_buf_printf(expected, "%s%s ", expected->len > 0 ? " and " : "", words);
    hf_limit_show(limit, expected);
}

static void metric_expect(const hf_check_config *check, hf_buf *expected)
{
    expect_limit(&check->metric.at_least, "at least", expected);
    expect_limit(&check->metric.at_most, "at most", expected);
    if (hf_change_is_given(&check->metric.change)) {
        hf_buf_puts(expected, expected->len > 0 ? " and " : "");
        hf_change_expect(&check->metric.change, expected);
    }
    if (check->metric.ignore_below.given) {
        hf_buf_puts(expected, ", unless below ");
        hf_limit_show(&check->metric.ignore_below, expected);
    }
    if (check->metric.request.insecure)
        hf_buf_puts(expected, " (INSECURE: the server's certificate is not checked)");
}

/* <url>/api/v1/query?query=...; the caller owns it. */
static char *query_url(const char *base, const char *query)
{
    size_t len = strlen(base);
    char *escaped = curl_easy_escape(NULL, query, 0);
    const char *path = strstr(base, "/api/v1/query") != NULL ? "" : "/api/v1/query";

    if (escaped == NULL)
        hf_out_of_memory();
    while (len > 0 && base[len - 1] == '/')
        len--;
    char *url = hf_format("%.*s%s?query=%s", (int) len, base, path, escaped);
    curl_free(escaped);
    return url;
}

/* HF_E_HTTP with the reason when there is no number to be had. */
static hf_status measure(const hf_check_config *check, double *ret_number, hf_error *error)
{
    HF_AUTO(hf_answer_done) hf_answer answer = {0};
    HF_AUTO_BUF why = HF_BUF_MAX(HF_CHECK_SEEN_MAX);
    HF_AUTO_STR url =
        check->metric.query != NULL ? query_url(check->metric.request.url, check->metric.query) : NULL;
    const hf_request request = {
        .config = &check->metric.request, .url = url, .timeout_ms = check->timeout_ms};
    bool found = false, empty = false;

    HF_TRY(hf_request_make(&request, &answer, error));
    const char *body = hf_buf_text(&answer.body);
    if (check->metric.query != NULL) {
        found = hf_prometheus_number(body, answer.body.len, ret_number, &empty, &why);
    } else if (answer.status == 200) {
        found = hf_jq_number(check->metric.jq.text, body, answer.body.len, ret_number, &why);
    }
    if (found)
        return HF_OK;
    if (empty && check->metric.empty.given) {
        *ret_number = check->metric.empty.value;
        return HF_OK;
    }
    hf_answer_hide(&answer, &why);
    if (answer.status != 200) {
        hf_buf_puts(&why, why.len > 0 ? "; the answer" : "the answer");
        hf_answer_show_body(&answer, &why);
    }
    return hf_fail(error, HF_E_HTTP, "no number, status %ld: %s", answer.status, hf_buf_text(&why));
}

static hf_status metric_before(const hf_check_context *context, json_t **ret_before, hf_error *error)
{
    double number;

    if (!hf_change_is_given(&context->check->metric.change))
        return hf_request_check(&context->check->metric.request, error);
    HF_TRY(measure(context->check, &number, error));
    *ret_before = json_pack("{s:f}", "value", number);
    return HF_OK;
}

static hf_check_outcome metric_look(const hf_check_context *context, hf_buf *seen, double *ret_value)
{
    const hf_check_config *check = context->check;
    const bool absolute = check->metric.at_most.given || check->metric.at_least.given;
    hf_error error = {0};
    double now;

    if (measure(check, &now, &error) != HF_OK) {
        hf_buf_puts(seen, error.message);
        return HF_CHECK_INCONCLUSIVE;
    }
    *ret_value = now;
    hf_buf_printf(seen, "%.10g", now);
    bool good = (!check->metric.at_most.given || now <= check->metric.at_most.value) &&
                (!check->metric.at_least.given || now >= check->metric.at_least.value);
    const bool compares = hf_change_is_given(&check->metric.change);
    if (compares && context->before != NULL) {
        double before = json_number_value(json_object_get(context->before, "value"));

        hf_buf_printf(seen, ", and %.10g before the deploy", before);
        good = hf_change_holds(&check->metric.change, before, now) && good;
    } else if (compares) {
        hf_buf_puts(seen, "; there is no deploy to compare with");
        if (!absolute)
            return HF_CHECK_SKIPPED;
    }
    if (check->metric.ignore_below.given && now < check->metric.ignore_below.value)
        return HF_CHECK_PASSED;
    return good ? HF_CHECK_PASSED : HF_CHECK_FAILED;
}

const hf_check_ops hf_check_metric = {
    .name = "metric",
    .validate = metric_validate,
    .expect = metric_expect,
    .before = metric_before,
    .look = metric_look,
};
