#include "deploy/observe.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"

typedef struct watched {
    int passed, failed, inconclusive, in_a_row; /* the last: that it could not tell */
    char *seen;
    json_t *series;
} watched;

typedef struct observation {
    const hf_target_config *target;
    watched *checks;
    int64_t started, stride, rounds; /* of `stride` rounds one is kept in the series */
} observation;

static void observation_done(observation *o)
{
    for (size_t i = 0; i < o->target->checks.count; i++) {
        free(o->checks[i].seen);
        json_decref(o->checks[i].series);
    }
    free(o->checks);
}

static void note(observation *o, watched *check, const hf_check_result *result)
{
    const bool passed = result->outcome == HF_CHECK_PASSED || result->outcome == HF_CHECK_SKIPPED;

    check->passed += passed;
    check->failed += result->outcome == HF_CHECK_FAILED;
    check->inconclusive += result->outcome == HF_CHECK_INCONCLUSIVE;
    check->in_a_row = result->outcome == HF_CHECK_INCONCLUSIVE ? check->in_a_row + 1 : 0;
    if (!passed) {
        free(check->seen);
        check->seen = hf_strdup(result->seen);
    }
    if ((passed && o->rounds % o->stride != 0) || json_array_size(check->series) >= 2 * HF_OBSERVED_POINTS)
        return;
    json_array_append_new(
        check->series, json_pack("{s:I, s:s, s:o}", "after_ms", (json_int_t) (hf_monotonic_ms() - o->started),
                                 "outcome", hf_check_outcome_name(result->outcome), "value",
                                 isnan(result->value) ? json_null() : json_real(result->value)));
}

/* Has a check reached the limit?  What then follows, with the error. */
static hf_check_effect judge(const observation *o, const hf_check_results *results, hf_error *error)
{
    const int limit = o->target->deploy.observe.failures;
    hf_check_effect worst = HF_EFFECT_NONE;

    for (size_t i = 0; i < results->results.count; i++) {
        const hf_check_result *result = &results->results.items[i];
        const watched *check = &o->checks[i];
        bool reached = result->outcome == HF_CHECK_FAILED ? check->failed >= limit : check->in_a_row >= limit;

        if (!reached || result->effect <= worst || result->effect < HF_EFFECT_HOLD)
            continue;
        worst = result->effect;
        (void) hf_fail(error, HF_E_CHECKS_FAILED,
                       "check \"%s\" %s %d times while observed: expected %s, saw %s", result->check->name,
                       result->outcome == HF_CHECK_FAILED ? "failed" : "could not tell",
                       result->outcome == HF_CHECK_FAILED ? check->failed : check->in_a_row, result->expected,
                       result->seen);
    }
    return worst;
}

static json_t *observed_json(const observation *o)
{
    json_t *checks = json_array();

    for (size_t i = 0; i < o->target->checks.count; i++) {
        const watched *check = &o->checks[i];

        json_array_append_new(checks, json_pack("{s:s, s:i, s:i, s:i, s:s?, s:O}", "name",
                                                o->target->checks.items[i].name, "passed", check->passed,
                                                "failed", check->failed, "inconclusive", check->inconclusive,
                                                "seen", check->seen, "series", check->series));
    }
    return json_pack("{s:I, s:I, s:i, s:I, s:I, s:o}", "for_ms",
                     (json_int_t) o->target->deploy.observe.for_ms, "every_ms",
                     (json_int_t) o->target->deploy.observe.every_ms, "failures",
                     o->target->deploy.observe.failures, "rounds", (json_int_t) o->rounds, "took_ms",
                     (json_int_t) (hf_monotonic_ms() - o->started), "checks", checks);
}

static hf_status run_round(observation *o, const hf_checks_scene *scene, hf_check_effect *ret_effect,
                           hf_error *error)
{
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    const hf_target_config *target = o->target;

    HF_TRY(hf_sleep_ms(target->deploy.observe.every_ms, error));
    HF_FAULT("deploy.observing", error);
    HF_TRY(hf_checks_run(&target->checks, scene, &results, error));
    for (size_t i = 0; i < results.results.count; i++)
        note(o, &o->checks[i], &results.results.items[i]);
    o->rounds++;
    *ret_effect = judge(o, &results, error);
    return HF_OK;
}

static void tell_failure(void *context, const hf_check_result *result)
{
    (void) context;
    if (result->outcome == HF_CHECK_FAILED || result->outcome == HF_CHECK_INCONCLUSIVE)
        hf_log(HF_LOG_WARNING, "check \"%s\" %s while observed: saw %s", result->check->name,
               result->outcome == HF_CHECK_FAILED ? "failed" : "could not tell", result->seen);
}

hf_status hf_observe(const hf_target_config *target, const hf_checks_scene *scene, json_t **ret_observed,
                     hf_check_effect *ret_effect, hf_error *error)
{
    const int64_t for_ms = target->deploy.observe.for_ms, every_ms = target->deploy.observe.every_ms;
    HF_AUTO(observation_done)
    observation o = {.target = target,
                     .checks = hf_alloc((target->checks.count + 1) * sizeof(watched)),
                     .started = hf_monotonic_ms(),
                     .stride = for_ms / every_ms / HF_OBSERVED_POINTS + 1};
    hf_checks_scene once = *scene;
    hf_status status = HF_OK;
    char shown[2][32];

    once.once = true;
    once.on_result = tell_failure;
    for (size_t i = 0; i < target->checks.count; i++)
        o.checks[i].series = json_array();
    hf_log(HF_LOG_INFO, "the checks passed; observing for %s, every %s", hf_show_duration(for_ms, shown[0]),
           hf_show_duration(every_ms, shown[1]));
    *ret_effect = HF_EFFECT_NONE;
    while (status == HF_OK && *ret_effect == HF_EFFECT_NONE &&
           (o.rounds == 0 || hf_monotonic_ms() - o.started + every_ms <= for_ms))
        status = run_round(&o, &once, ret_effect, error);
    *ret_observed = observed_json(&o);
    return status;
}
