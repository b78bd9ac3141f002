#include "deploy/hook.h"

#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "checks/excerpt.h"

#define TAIL_KEPT (16u << 10)
#define TAIL_SHOWN 2000
#define ERROR_SHOWN 400

static const char *const names[HF_HOOKS] = {
    [HF_HOOK_BEFORE_PREFLIGHT] = "before_preflight", [HF_HOOK_AFTER_PREFLIGHT] = "after_preflight",
    [HF_HOOK_BEFORE_SNAPSHOT] = "before_snapshot",   [HF_HOOK_AFTER_SNAPSHOT] = "after_snapshot",
    [HF_HOOK_BEFORE_MIGRATE] = "before_migrate",     [HF_HOOK_AFTER_MIGRATE] = "after_migrate",
    [HF_HOOK_BEFORE_VERIFY] = "before_verify",       [HF_HOOK_AFTER_VERIFY] = "after_verify",
    [HF_HOOK_BEFORE_ROLLBACK] = "before_rollback",   [HF_HOOK_AFTER_ROLLBACK] = "after_rollback",
    [HF_HOOK_AFTER_CYCLE] = "after_cycle",           [HF_HOOK_SEED] = "seed",
    [HF_HOOK_APP_ROLLBACK] = "app.rollback",
};

const char *hf_hook_name(hf_hook hook)
{
    return names[hook];
}

/* ---- what it is given ---- */

static json_t *facts_for(const hf_cycle *cycle, hf_hook hook)
{
    static const char *const facts[] = {"database",       "snapshot", "revision", "pending",
                                        "applied",        "checks",   "error",    "failed_database",
                                        "way_back_error", "operator"};
    json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:s}", "format", 1, "hook", names[hook], "cycle",
                             hf_journal_cycle(cycle->journal), "target", cycle->options->target->name,
                             "state", hf_cycle_state_name(cycle->state));

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        const json_t *fact = hf_cycle_known(cycle, facts[i]);

        json_object_set_new(json, facts[i], fact != NULL ? json_deep_copy(fact) : json_null());
    }
    return json;
}

/* HOLDFAST_<NAME>, empty where there is nothing, so that no variable of ours stands for one of the cycle. */
static void add_variable(hf_strings *env, const char *name, const char *text)
{
    HF_AUTO_BUF value = HF_BUF_MAX(8192);

    hf_buf_puts(&value, text != NULL ? text : "");
    hf_redact(&value);
    HF_AUTO_STR variable = hf_format("HOLDFAST_%s=%s", name, hf_buf_text(&value));
    hf_strings_add(env, variable);
}

static void make_environment(const hf_cycle *cycle, hf_hook hook, const json_t *facts, hf_strings *env)
{
    static const char *const texts[][2] = {{"HOOK", "hook"},         {"CYCLE", "cycle"},
                                           {"TARGET", "target"},     {"STATE", "state"},
                                           {"DATABASE", "database"}, {"SNAPSHOT", "snapshot"},
                                           {"REVISION", "revision"}, {"FAILED_DATABASE", "failed_database"}};
    const hf_hook_config *config = &cycle->options->target->deploy.hooks[hook];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        add_variable(env, texts[i][0], json_string_value(json_object_get(facts, texts[i][1])));
    add_variable(env, "ERROR",
                 json_string_value(json_object_get(json_object_get(facts, "error"), "message")));
    if (config->with_url) {
        HF_AUTO_STR url = hf_format("DATABASE_URL=%s", cycle->options->url);
        hf_strings_add(env, url);
    } else {
        hf_strings_add(env, HF_CYCLE_MARK "=");
    }
    HF_PUSH(env, NULL);
}

/* ---- what came of it ---- */

/* The fact has all of the cycle's hooks, those of earlier states too. */
static void remember(hf_cycle *cycle, hf_hook hook, const hf_child_result *result, int status,
                     const char *tail)
{
    const json_t *before = hf_cycle_known(cycle, "hooks");
    json_t *hooks = before != NULL ? json_deep_copy(before) : json_array();

    json_array_append_new(hooks, json_pack("{s:s, s:I, s:i, s:s}", "hook", names[hook], "took_ms",
                                           (json_int_t) result->took_ms, "status", status, "tail", tail));
    hf_cycle_fact(cycle, "hooks", hooks);
}

static hf_status judge(const hf_hook_config *config, hf_hook hook, const hf_child_result *result,
                       const char *tail, hf_error *error)
{
    HF_AUTO_BUF said = HF_BUF_MAX(2 * ERROR_SHOWN);
    char limit[32];

    if (!result->timed_out && result->exit_status == 0)
        return HF_OK;
    hf_excerpt_tail(&said, tail, strlen(tail), ERROR_SHOWN);
    const char *colon = said.len > 0 ? ": " : "";
    if (result->timed_out)
        return hf_fail(error, HF_E_CHILD, "hook %s: \"%s\" did not end within %s%s%s", names[hook],
                       config->command.items[0], hf_show_duration(config->timeout_ms, limit), colon,
                       hf_buf_text(&said));
    return hf_fail(error, HF_E_CHILD, "hook %s: \"%s\" ended with status %d%s%s", names[hook],
                   config->command.items[0], result->exit_status, colon, hf_buf_text(&said));
}

static hf_status run_child(const hf_cycle *cycle, hf_hook hook, hf_child_result *result, hf_buf *tail,
                           hf_error *error)
{
    const hf_hook_config *config = &cycle->options->target->deploy.hooks[hook];
    HF_AUTO(hf_strings_done) hf_strings argv = {0}, env = {0};
    HF_AUTO_BUF out = HF_BUF_MAX(2 * TAIL_KEPT);
    HF_AUTO_BUF err = HF_BUF_MAX(2 * TAIL_KEPT);
    json_t *facts = facts_for(cycle, hook);
    HF_AUTO_STR input = json_dumps(facts, JSON_COMPACT);

    for (size_t i = 0; i < config->command.count; i++)
        hf_strings_add(&argv, config->command.items[i]);
    HF_PUSH(&argv, NULL);
    make_environment(cycle, hook, facts, &env);
    json_decref(facts);
    hf_status status = hf_child_run(&(hf_child_options){.argv = (const char *const *) argv.items,
                                                        .env = (const char *const *) env.items,
                                                        .folder = config->folder,
                                                        .input = input,
                                                        .timeout_ms = config->timeout_ms,
                                                        .ret_stdout = &out,
                                                        .ret_stderr = &err,
                                                        .tail_bytes = TAIL_KEPT},
                                    result, error);
    hf_excerpt_tail(tail, hf_buf_text(&out), out.len, TAIL_SHOWN / 2);
    if (out.len > 0 && err.len > 0)
        hf_buf_putc(tail, ' ');
    hf_excerpt_tail(tail, hf_buf_text(&err), err.len, TAIL_SHOWN / 2);
    return status == HF_OK ? HF_OK : hf_prefix(error, "hook %s", names[hook]);
}

hf_status hf_hook_run(hf_cycle *cycle, hf_hook hook, hf_error *error)
{
    const hf_hook_config *config = &cycle->options->target->deploy.hooks[hook];
    HF_AUTO_BUF tail = HF_BUF_MAX(2 * TAIL_SHOWN);
    hf_child_result result = {0};
    char took[32];

    if (config->command.count == 0)
        return HF_OK;
    HF_FAULT("deploy.before_hook", error);
    hf_status status = run_child(cycle, hook, &result, &tail, error);
    remember(cycle, hook, &result, status != HF_OK || result.timed_out ? -1 : result.exit_status,
             status != HF_OK ? error->message : hf_buf_text(&tail));
    HF_TRY(status);
    HF_TRY(judge(config, hook, &result, hf_buf_text(&tail), error));
    HF_FAULT("deploy.after_hook", error);
    hf_log(HF_LOG_INFO, "hook %s ended in %s", names[hook], hf_show_duration(result.took_ms, took));
    return HF_OK;
}

/* On the way back. */
static void run_whatever_comes(hf_cycle *cycle, hf_hook hook)
{
    hf_error error = {0};

    if (hf_hook_run(cycle, hook, &error) == HF_OK)
        return;
    if (hook == HF_HOOK_APP_ROLLBACK)
        hf_log(HF_LOG_ERROR, "the APPLICATION was not put back, the database is: %s", error.message);
    else
        hf_log(HF_LOG_WARNING, "%s", error.message);
}

/* ---- where they run ---- */

void hf_hooks_before_switch(hf_cycle *cycle)
{
    run_whatever_comes(cycle, HF_HOOK_APP_ROLLBACK);
}

hf_status hf_hooks_before(hf_cycle *cycle, hf_error *error)
{
    switch (cycle->state) {
    case HF_CYCLE_PREFLIGHT:
        return hf_hook_run(cycle, HF_HOOK_BEFORE_PREFLIGHT, error);
    case HF_CYCLE_SNAPSHOT:
        return hf_hook_run(cycle, HF_HOOK_BEFORE_SNAPSHOT, error);
    case HF_CYCLE_VERIFYING:
        return hf_hook_run(cycle, HF_HOOK_BEFORE_VERIFY, error);
    case HF_CYCLE_RESTORING:
        run_whatever_comes(cycle, HF_HOOK_BEFORE_ROLLBACK);
        return HF_OK;
    case HF_CYCLE_SWAPPING:
        hf_hooks_before_switch(cycle);
        return HF_OK;
    default:
        return HF_OK;
    }
}

static hf_status run_after(hf_cycle *cycle, hf_error *error)
{
    switch (cycle->state) {
    case HF_CYCLE_PREFLIGHT:
        return hf_hook_run(cycle, HF_HOOK_AFTER_PREFLIGHT, error);
    case HF_CYCLE_SNAPSHOT:
        return hf_hook_run(cycle, HF_HOOK_AFTER_SNAPSHOT, error);
    case HF_CYCLE_MIGRATING:
        return hf_hook_run(cycle, HF_HOOK_AFTER_MIGRATE, error);
    case HF_CYCLE_VERIFYING:
        return hf_hook_run(cycle, HF_HOOK_AFTER_VERIFY, error);
    default:
        return HF_OK;
    }
}

hf_status hf_hooks_after(hf_cycle *cycle, hf_cycle_state next, hf_error *error)
{
    HF_TRY(run_after(cycle, error));
    if (next == HF_CYCLE_ROLLED_BACK)
        run_whatever_comes(cycle, HF_HOOK_AFTER_ROLLBACK);
    /* in the state before, where a failure still refuses */
    return next == HF_CYCLE_MIGRATING ? hf_hook_run(cycle, HF_HOOK_BEFORE_MIGRATE, error) : HF_OK;
}

void hf_hooks_at_end(hf_cycle *cycle)
{
    hf_error error = {0};

    if (cycle->options->target->deploy.hooks[HF_HOOK_AFTER_CYCLE].command.count == 0)
        return;
    hf_stop_hold(); /* also after the signal that ended the cycle */
    run_whatever_comes(cycle, HF_HOOK_AFTER_CYCLE);
    hf_stop_release();
    if (hf_cycle_note(cycle, "hook", &error) != HF_OK)
        hf_log(HF_LOG_WARNING, "what became of the hook could not be recorded: %s", error.message);
}

bool hf_hooks_may_have_changed(const hf_cycle *cycle)
{
    static const hf_hook between[] = {HF_HOOK_AFTER_SNAPSHOT, HF_HOOK_BEFORE_MIGRATE, HF_HOOK_SEED,
                                      HF_HOOK_AFTER_MIGRATE,  HF_HOOK_BEFORE_VERIFY,  HF_HOOK_AFTER_VERIFY};

    for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
        const hf_hook_config *config = &cycle->options->target->deploy.hooks[between[i]];

        if (config->command.count > 0 && config->with_url)
            return true;
    }
    return false;
}

const json_t *hf_hook_result(const hf_cycle *cycle, const char *name)
{
    const json_t *hooks = hf_cycle_known(cycle, "hooks");

    for (size_t i = json_array_size(hooks); i-- > 0;) {
        const json_t *result = json_array_get(hooks, i);

        if (hf_streq(json_string_value(json_object_get(result, "hook")), name))
            return result;
    }
    return NULL;
}
