#include "base/log.h"
#include "base/text.h"
#include "checks/checks.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"

static bool needs_database(const hf_check_configs *checks)
{
    for (size_t i = 0; i < checks->count; i++)
        if (checks->items[i].kind != HF_CHECK_HTTP)
            return true;
    return false;
}

static void print(void *context, const hf_check_result *result)
{
    const hf_cli *cli = context;
    char took[32];

    if (cli->json)
        return;
    hf_out_mark(result->passed             ? HF_MARK_GOOD
                : result->check->warn_only ? HF_MARK_WARNING
                                           : HF_MARK_BAD,
                "%s  (%s%s)", result->check->name, hf_show_duration(result->took_ms, took),
                result->tries > 1 ? ", tried again" : "");
    if (!result->passed)
        hf_out("        expected  %s\n        seen      %s\n", result->expected, result->seen);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET, &session, error));
    const hf_check_configs *checks = &session.target->checks;
    HF_TRY(hf_checks_validate(session.config->path, checks, error));
    if (needs_database(checks))
        HF_TRY(hf_session_url(session.target, &session.url, error));
    HF_TRY(hf_checks_run(checks, session.target->name, session.url == NULL ? "" : session.url, print, cli,
                         &results, error));
    json_t *document = hf_check_results_json(&results);
    json_object_set_new(document, "ok", json_boolean(results.failed == 0));
    hf_cli_result(cli, json_pack("{s:o}", "checks", document));
    if (!cli->json && checks->count == 0)
        hf_out("target \"%s\" has no checks\n", session.target->name);
    if (results.failed == 0)
        return HF_OK;
    return hf_fail(error, HF_E_CHECKS_FAILED, "%zu of %zu checks failed", results.failed,
                   results.results.count);
}

const hf_command hf_command_check = {
    .name = "check",
    .summary = "run the checks, and nothing else",
    .run = run,
};
