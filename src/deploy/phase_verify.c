#include "base/fault.h"
#include "base/log.h"
#include "base/signals.h"
#include "checks/checks.h"
#include "deploy/fence.h"
#include "deploy/hook.h"
#include "deploy/observe.h"
#include "deploy/phase.h"
#include "deploy/scene.h"
#include "deploy/table_counts.h"

static void check_ended(void *context, const hf_check_result *result)
{
    static const hf_log_level levels[] = {HF_LOG_INFO, HF_LOG_WARNING, HF_LOG_WARNING, HF_LOG_ERROR};
    static const char *const words[] = {"passed", "failed", "could not tell", "was skipped"};

    (void) context;
    if (result->effect == HF_EFFECT_NONE)
        hf_log(HF_LOG_INFO, "check \"%s\" %s: %s", result->check->name, words[result->outcome], result->seen);
    else
        hf_log(levels[result->effect], "check \"%s\" %s: expected %s, saw %s", result->check->name,
               words[result->outcome], result->expected, result->seen);
}

bool hf_cycle_is_unchanged(const hf_cycle *cycle)
{
    return cycle->options->target->migrations.kind != HF_MIGRATIONS_COMMAND &&
           json_array_size(hf_journal_fact(cycle->journal, "pending")) == 0 &&
           !json_is_true(hf_journal_fact(cycle->journal, "pending_unknown")) &&
           !hf_hooks_may_have_changed(cycle);
}

/* The worst that any check gives, with the error. */
static hf_check_effect worst_of(const hf_check_results *results, hf_error *error)
{
    for (hf_check_effect effect = HF_EFFECT_FAILURE; effect >= HF_EFFECT_HOLD; effect--) {
        const hf_check_result *result = hf_check_results_first(results, effect);

        if (result == NULL)
            continue;
        (void) hf_fail(error, HF_E_CHECKS_FAILED, "check \"%s\" %s: expected %s, saw %s", result->check->name,
                       effect == HF_EFFECT_FAILURE ? "failed" : "could not tell", result->expected,
                       result->seen);
        return effect;
    }
    return HF_EFFECT_NONE;
}

/* The checks, and the observation once they pass.  Where nothing was changed there is nothing to observe. */
static hf_status verify_once(hf_cycle *cycle, const hf_checks_scene *scene, hf_check_effect *ret_effect)
{
    const hf_target_config *target = cycle->options->target;
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    json_t *observed = NULL;

    hf_status status = hf_checks_run(&target->checks, scene, &results, &cycle->error);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    hf_cycle_fact(cycle, "checks", hf_check_results_json(&results));
    HF_TRY(status);
    *ret_effect = worst_of(&results, &cycle->error);
    if (*ret_effect != HF_EFFECT_NONE || target->deploy.observe.for_ms == 0 || hf_cycle_is_unchanged(cycle))
        return HF_OK;
    status = hf_observe(target, scene, &observed, ret_effect, &cycle->error);
    hf_cycle_fact(cycle, "observed", observed);
    return status;
}

hf_cycle_event hf_phase_verify(hf_cycle *cycle)
{
    const hf_deploy_options *options = cycle->options;
    HF_AUTO(hf_scene_done) hf_scene scene = {0};
    hf_held_answer answer = HF_HELD_AGAIN;
    hf_check_effect effect = HF_EFFECT_NONE;
    hf_status status = HF_FAULT_STATUS("deploy.before_checks", &cycle->error);

    if (status == HF_OK && options->target->deploy.fence.until_migrated)
        status = hf_fence_lower(cycle, &cycle->error);
    if (status == HF_OK)
        hf_cycle_fact(cycle, "after", hf_table_counts(options->url));
    hf_scene_init(options->repository, options->target, options->url, hf_cycle_text(cycle, "snapshot"),
                  &scene);
    scene.scene.before = hf_journal_fact(cycle->journal, "checks_before");
    scene.scene.on_result = check_ended;
    scene.scene.accept = options->held == HF_HELD_ACCEPT;
    while (status == HF_OK && answer == HF_HELD_AGAIN) {
        status = verify_once(cycle, &scene.scene, &effect);
        answer = HF_HELD_WAIT;
        if (status == HF_OK && effect == HF_EFFECT_HOLD && options->ask_held != NULL &&
            !hf_cycle_is_unchanged(cycle)) {
            answer = options->ask_held(options->context, cycle->error.message);
            status = hf_stop_check(&cycle->error);
            scene.scene.accept = answer == HF_HELD_ACCEPT;
            if (answer == HF_HELD_ACCEPT) /* of what comes, too: the observation may still be to come */
                answer = HF_HELD_AGAIN;
        }
    }
    if (status == HF_OK && effect != HF_EFFECT_NONE)
        status = cycle->error.code;

    hf_cycle_event event = hf_cycle_outcome(status);
    return event == HF_EVENT_FAILED && effect == HF_EFFECT_HOLD && answer != HF_HELD_ROLL_BACK
               ? HF_EVENT_INCONCLUSIVE
               : event;
}

hf_cycle_event hf_phase_or_unchanged(const hf_cycle *cycle, hf_cycle_event event)
{
    return cycle->state == HF_CYCLE_VERIFYING && event != HF_EVENT_DONE && hf_cycle_is_unchanged(cycle)
               ? HF_EVENT_UNCHANGED
               : event;
}
