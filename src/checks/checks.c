#include "checks/checks.h"

#include <math.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/queue.h"
#include "base/signals.h"
#include "checks/kind.h"

#define SIDE_BY_SIDE 8

static const hf_check_ops *const kinds[HF_CHECK_KINDS] = {
    [HF_CHECK_HTTP] = &hf_check_http,         [HF_CHECK_SQL] = &hf_check_sql,
    [HF_CHECK_SCHEMA] = &hf_check_schema,     [HF_CHECK_COMMAND] = &hf_check_command,
    [HF_CHECK_ROWS] = &hf_check_rows,         [HF_CHECK_SEQUENCES] = &hf_check_sequences,
    [HF_CHECK_LOG] = &hf_check_log,           [HF_CHECK_METRIC] = &hf_check_metric,
    [HF_CHECK_SNAPSHOT] = &hf_check_snapshot,
};

const char *hf_check_kind_name(hf_check_kind kind)
{
    return kinds[kind]->name;
}

const char *hf_check_outcome_name(hf_check_outcome outcome)
{
    static const char *const names[] = {"passed", "failed", "inconclusive", "skipped"};

    return names[outcome];
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

const hf_check_result *hf_check_results_first(const hf_check_results *results, hf_check_effect effect)
{
    for (size_t i = 0; i < results->results.count; i++)
        if (results->results.items[i].effect == effect)
            return &results->results.items[i];
    return NULL;
}

json_t *hf_check_results_json(const hf_check_results *results)
{
    json_t *list = json_array();

    for (size_t i = 0; i < results->results.count; i++) {
        const hf_check_result *result = &results->results.items[i];
        bool passed = result->outcome == HF_CHECK_PASSED || result->outcome == HF_CHECK_SKIPPED;

        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:o, s:i, s:I}", "name",
                                        result->check->name, "kind", hf_check_kind_name(result->check->kind),
                                        "severity", result->check->warn_only ? "warn" : "fail", "passed",
                                        (int) passed, "outcome", hf_check_outcome_name(result->outcome),
                                        "expected", result->expected, "seen", result->seen, "value",
                                        isnan(result->value) ? json_null() : json_real(result->value),
                                        "tries", result->tries, "took_ms", (json_int_t) result->took_ms));
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "failed", (json_int_t) results->effects[HF_EFFECT_FAILURE],
                     "warnings", (json_int_t) results->effects[HF_EFFECT_WARNING], "inconclusive",
                     (json_int_t) results->effects[HF_EFFECT_HOLD], "results", list);
}

unsigned hf_checks_need(const hf_check_configs *checks)
{
    unsigned needs = 0;

    for (size_t i = 0; i < checks->count; i++)
        needs |= kinds[checks->items[i].kind]->needs;
    return needs;
}

/* What was before is kept by name. */
static void refuse_same_names(const char *config_path, const hf_check_configs *checks,
                              hf_config_problems *problems)
{
    for (size_t i = 0; i < checks->count; i++)
        for (size_t other = 0; other < i; other++) {
            hf_error error = {0};

            if (strcmp(checks->items[i].name, checks->items[other].name) != 0)
                continue;
            (void) hf_fail(&error, HF_E_USAGE, "two checks have the name \"%s\"", checks->items[i].name);
            (void) hf_hint(&error, "give each a name of its own");
            hf_config_problems_add(problems, config_path, checks->items[i].where, &error);
            break;
        }
}

void hf_checks_validate(const char *config_path, const hf_check_configs *checks, hf_config_problems *problems)
{
    for (size_t i = 0; i < checks->count; i++) {
        const hf_check_ops *ops = kinds[checks->items[i].kind];

        if (ops->validate != NULL)
            ops->validate(config_path, &checks->items[i], problems);
    }
    refuse_same_names(config_path, checks, problems);
}

/* ---- what follows ---- */

static hf_inconclusive policy_of(const hf_check_config *check, const hf_checks_scene *scene)
{
    if (scene->accept)
        return HF_INCONCLUSIVE_PASS;
    return check->on_inconclusive != HF_INCONCLUSIVE_UNSAID ? check->on_inconclusive : scene->on_inconclusive;
}

static hf_check_effect effect_of(const hf_check_result *result, const hf_checks_scene *scene)
{
    hf_inconclusive policy = policy_of(result->check, scene);

    if (result->outcome == HF_CHECK_PASSED || result->outcome == HF_CHECK_SKIPPED)
        return HF_EFFECT_NONE;
    if (result->check->warn_only)
        return HF_EFFECT_WARNING;
    if (result->outcome == HF_CHECK_FAILED || policy == HF_INCONCLUSIVE_FAIL)
        return HF_EFFECT_FAILURE;
    return policy == HF_INCONCLUSIVE_PASS ? HF_EFFECT_WARNING : HF_EFFECT_HOLD;
}

/* ---- before ---- */

hf_status hf_checks_before(const hf_check_configs *checks, const hf_checks_scene *scene, json_t **ret_before,
                           hf_error *error)
{
    json_t *before = json_object();

    for (size_t i = 0; i < checks->count; i++) {
        const hf_check_config *check = &checks->items[i];
        const hf_check_ops *ops = kinds[check->kind];
        const hf_check_context context = {.check = check, .scene = scene};
        json_t *taken = NULL;
        hf_status status = ops->before != NULL ? ops->before(&context, &taken, error) : HF_OK;

        if (status != HF_OK && status != HF_E_CANCELLED &&
            (check->warn_only || policy_of(check, scene) == HF_INCONCLUSIVE_PASS)) {
            taken = json_pack("{s:s}", "error", error->message);
            status = HF_OK;
        }
        if (status == HF_OK)
            status = hf_stop_check(error);
        if (taken != NULL)
            json_object_set_new(before, check->name, taken);
        if (status == HF_OK)
            continue;
        json_decref(before);
        if (status == HF_E_CANCELLED)
            return status;
        hf_error cause = *error;
        (void) hf_fail(error, HF_E_CHECKS_FAILED, "check \"%s\": %s", check->name, cause.message);
        return hf_hint(error, "%s",
                       cause.hint[0] != '\0' ? cause.hint
                                             : "correct it, or let it pass with on_inconclusive: pass");
    }
    *ret_before = before;
    return HF_OK;
}

/* ---- running ---- */

typedef struct check_run {
    const hf_check_configs *checks;
    const hf_checks_scene *scene;
    hf_check_results *results;
    pthread_mutex_t telling;
} check_run;

static bool may_try_again(const hf_check_context *context, const hf_check_result *result)
{
    const hf_check_config *check = context->check;

    if (result->outcome == HF_CHECK_PASSED || result->outcome == HF_CHECK_SKIPPED || context->scene->once)
        return false;
    if (check->retries >= 0 && result->tries > check->retries)
        return false;
    bool in_time = result->took_ms + check->every_ms <= check->within_ms;
    return in_time || (check->within_ms == 0 && check->retries > 0);
}

/* Try until it passes, or it may not be tried again. */
static hf_status look_until(const hf_check_context *context, const hf_check_ops *ops, hf_check_result *result,
                            hf_error *error)
{
    int64_t started = hf_monotonic_ms();
    const char *lacking = json_string_value(json_object_get(context->before, "error"));

    for (;;) {
        HF_AUTO_BUF seen = HF_BUF_MAX(HF_CHECK_SEEN_MAX);

        HF_TRY(hf_stop_check(error));
        result->value = NAN;
        if (lacking != NULL) {
            hf_buf_printf(&seen, "nothing could be taken before the deploy: %s", lacking);
            result->outcome = HF_CHECK_INCONCLUSIVE;
        } else {
            result->outcome = ops->look(context, &seen, &result->value);
        }
        result->tries++;
        result->took_ms = hf_monotonic_ms() - started;
        free(result->seen);
        result->seen = seen.len > 0 ? hf_buf_take(&seen) : hf_strdup("nothing");
        if (lacking != NULL || !may_try_again(context, result))
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
    const hf_check_context look = {.check = result->check,
                                   .scene = run->scene,
                                   .before = json_object_get(run->scene->before, result->check->name)};

    HF_TRY(look_until(&look, kinds[result->check->kind], result, error));
    result->effect = effect_of(result, run->scene);

    (void) pthread_mutex_lock(&run->telling);
    if (run->scene->on_result != NULL)
        run->scene->on_result(run->scene->context, result);
    (void) pthread_mutex_unlock(&run->telling);
    return HF_OK;
}

hf_status hf_checks_run(const hf_check_configs *checks, const hf_checks_scene *scene,
                        hf_check_results *ret_results, hf_error *error)
{
    static const hf_pool_ops pool = {.work = run_one};
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    check_run run = {
        .checks = checks, .scene = scene, .results = &results, .telling = PTHREAD_MUTEX_INITIALIZER};

    for (size_t i = 0; i < checks->count; i++) {
        HF_AUTO_BUF expected = HF_BUF_MAX(HF_CHECK_SEEN_MAX);
        hf_check_result *result = HF_APPEND_NEW(&results.results);

        result->check = &checks->items[i];
        kinds[result->check->kind]->expect(result->check, &expected);
        result->expected = hf_strdup(hf_buf_text(&expected));
    }
    HF_TRY(hf_pool_run(&pool, &run, SIDE_BY_SIDE, checks->count, error));

    for (size_t i = 0; i < results.results.count; i++)
        results.effects[results.results.items[i].effect]++;
    *ret_results = results;
    results = (hf_check_results){0};
    return HF_OK;
}
