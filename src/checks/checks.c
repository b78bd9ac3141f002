#include "checks/checks.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/queue.h"
#include "base/signals.h"
#include "checks/kind.h"

#define SIDE_BY_SIDE 8

static const hf_check_ops *const kinds[] = {
    [HF_CHECK_HTTP] = &hf_check_http,
    [HF_CHECK_SQL] = &hf_check_sql,
    [HF_CHECK_SCHEMA] = &hf_check_schema,
    [HF_CHECK_COMMAND] = &hf_check_command,
};

const char *hf_check_kind_name(hf_check_kind kind)
{
    return kinds[kind]->name;
}

void hf_check_results_done(hf_check_results *results)
{
    for (size_t i = 0; i < results->results.count; i++) {
        free(results->results.items[i].expected);
        free(results->results.items[i].seen);
    }
    free(results->results.items);
    *results = (hf_check_results){0};
}

json_t *hf_check_results_json(const hf_check_results *results)
{
    json_t *list = json_array();

    for (size_t i = 0; i < results->results.count; i++) {
        const hf_check_result *result = &results->results.items[i];

        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:i, s:I}", "name", result->check->name, "kind",
                            hf_check_kind_name(result->check->kind), "severity",
                            result->check->warn_only ? "warn" : "fail", "passed", (int) result->passed,
                            "expected", result->expected, "seen", result->seen, "tries", result->tries,
                            "took_ms", (json_int_t) result->took_ms));
    }
    return json_pack("{s:I, s:I, s:o}", "failed", (json_int_t) results->failed, "warnings",
                     (json_int_t) results->warnings, "results", list);
}

hf_status hf_check_at(const char *config_path, hf_where where, hf_error *error)
{
    hf_error cause = *error;

    if (where.line > 0)
        (void) hf_fail(error, HF_E_USAGE, "%s:%u:%u: %s", config_path, where.line, where.column,
                       cause.message);
    else
        (void) hf_fail(error, HF_E_USAGE, "%s: %s", config_path, cause.message);
    return hf_hint(error, "%s", cause.hint);
}

hf_status hf_checks_validate(const char *config_path, const hf_check_configs *checks, hf_error *error)
{
    hf_error local;

    for (size_t i = 0; i < checks->count; i++) {
        const hf_check_ops *ops = kinds[checks->items[i].kind];

        if (ops->validate != NULL)
            HF_TRY(ops->validate(config_path, &checks->items[i], error != NULL ? error : &local));
    }
    return HF_OK;
}

/* ---- running ---- */

typedef struct check_run {
    const hf_check_configs *checks;
    const char *target;
    const char *url;
    hf_check_results *results;
    void (*on_result)(void *context, const hf_check_result *result);
    void *context;
    pthread_mutex_t telling;
} check_run;

/* Try until it passes or the next try would begin after `within`. */
static hf_status look_until(const hf_check_context *context, const hf_check_ops *ops, hf_check_result *result,
                            hf_error *error)
{
    int64_t started = hf_monotonic_ms();

    for (;;) {
        HF_AUTO_BUF seen = HF_BUF_MAX(HF_CHECK_SEEN_MAX);

        HF_TRY(hf_stop_check(error));
        result->passed = ops->look(context, &seen);
        result->tries++;
        result->took_ms = hf_monotonic_ms() - started;
        free(result->seen);
        result->seen = seen.len > 0 ? hf_buf_take(&seen) : hf_strdup("nothing");
        if (result->passed || result->took_ms + context->check->every_ms > context->check->within_ms)
            break;
        HF_TRY(hf_sleep_ms(context->check->every_ms, error));
    }
    return hf_stop_check(error); /* a stop request ends a look early: what it saw then is no finding */
}

static hf_status run_one(void *context, void *state, size_t item, hf_error *error)
{
    (void) state;
    check_run *run = context;
    hf_check_result *result = &run->results->results.items[item];
    const hf_check_ops *ops = kinds[result->check->kind];
    const hf_check_context look = {.check = result->check, .target = run->target, .url = run->url};

    HF_TRY(look_until(&look, ops, result, error));

    (void) pthread_mutex_lock(&run->telling);
    if (run->on_result != NULL)
        run->on_result(run->context, result);
    (void) pthread_mutex_unlock(&run->telling);
    return HF_OK;
}

hf_status hf_checks_run(const hf_check_configs *checks, const char *target, const char *url,
                        void (*on_result)(void *context, const hf_check_result *result), void *context,
                        hf_check_results *ret_results, hf_error *error)
{
    static const hf_pool_ops pool = {.work = run_one};
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    check_run run = {.checks = checks,
                     .target = target,
                     .url = url,
                     .results = &results,
                     .on_result = on_result,
                     .context = context,
                     .telling = PTHREAD_MUTEX_INITIALIZER};

    for (size_t i = 0; i < checks->count; i++) {
        HF_AUTO_BUF expected = HF_BUF_MAX(HF_CHECK_SEEN_MAX);
        hf_check_result *result = HF_APPEND_NEW(&results.results);

        result->check = &checks->items[i];
        kinds[result->check->kind]->expect(result->check, &expected);
        result->expected = hf_strdup(hf_buf_text(&expected));
    }
    HF_TRY(hf_pool_run(&pool, &run, SIDE_BY_SIDE, checks->count, error));

    for (size_t i = 0; i < results.results.count; i++) {
        const hf_check_result *result = &results.results.items[i];

        if (!result->passed && result->check->warn_only)
            results.warnings++;
        else if (!result->passed)
            results.failed++;
    }
    *ret_results = results;
    results = (hf_check_results){0};
    return HF_OK;
}
