#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "notify/notify.h"

#define PATIENCE_MS 70000 /* longer than any message is tried */

static const hf_cli_option options[] = {
    {"test", NULL, "send a message that says that it is a test"},
    {NULL, NULL, NULL},
};

static void print(const json_t *results)
{
    size_t i;
    json_t *item;

    json_array_foreach(results, i, item)
    {
        const bool ok = json_is_true(json_object_get(item, "ok"));
        const char *to = json_string_value(json_object_get(item, "to"));

        if (ok)
            hf_out_mark(HF_MARK_GOOD, "%s", to);
        else
            hf_out_mark(HF_MARK_BAD, "%s: %s", to, json_string_value(json_object_get(item, "error")));
    }
}

static hf_status conclude(const json_t *results, hf_error *error)
{
    size_t failed = 0, i;
    json_t *item;

    json_array_foreach(results, i, item) failed += !json_is_true(json_object_get(item, "ok"));
    if (failed == 0)
        return HF_OK;
    return hf_fail(error, HF_E_HTTP, "%zu of %zu could not be told", failed, json_array_size(results));
}

static hf_status unknown(const hf_config *config, const char *name, hf_error *error)
{
    HF_AUTO_BUF known = HF_BUF_MAX(400);

    if (config->notify.count == 0) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "%s names nobody to tell", config->path);
        return hf_hint(error, "\"holdfast help configuration\" shows what can stand under notify");
    }
    for (size_t i = 0; i < config->notify.count; i++)
        hf_buf_printf(&known, "%s%s", i == 0 ? "" : ", ", config->notify.items[i].name);
    (void) hf_fail(error, HF_E_NOT_FOUND, "%s has no notify \"%.80s\"", config->path, name);
    return hf_hint(error, "it has: %s", hf_buf_text(&known));
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};

    if (!hf_cli_has(cli, "test")) {
        (void) hf_fail(error, HF_E_USAGE, "\"holdfast notify\" needs --test");
        return hf_hint(error, "usage: holdfast notify --test [NAME]");
    }
    HF_TRY(hf_session_open(cli, 0, &session, error));
    hf_notifier *notifier = hf_notifier_new(session.config);
    if (hf_notifier_test(notifier, hf_cli_argument(cli, 0)) == 0) {
        hf_notifier_free(notifier);
        return unknown(session.config, hf_cli_argument(cli, 0) != NULL ? hf_cli_argument(cli, 0) : "", error);
    }
    json_t *results = hf_notifier_flush(notifier, PATIENCE_MS);
    hf_notifier_free(notifier);
    if (!cli->json)
        print(results);
    hf_status status = conclude(results, error);
    hf_cli_result(cli, json_pack("{s:o}", "notifications", results));
    return status;
}

const hf_command hf_command_notify = {
    .name = "notify",
    .arguments = "[NAME]",
    .summary = "send a test message to everybody under notify, or to the one of this name",
    .details =
        "A ping goes to /log, which counts as nothing; GitHub is only asked whether the token may read "
        "the\n"
        "repository's issues. Exit status 44: somebody could not be told.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
