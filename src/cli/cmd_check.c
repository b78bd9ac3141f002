#include "base/log.h"
#include "base/text.h"
#include "checks/checks.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/deploy.h"
#include "deploy/scene.h"
#include "deploy/validate.h"
#include "repository/journal.h"

static const hf_cli_option options[] = {
    {"cycle", "ID", "compare with what was before this deploy; \"latest\" is the last one"},
    {NULL, NULL, NULL},
};

static void print(void *context, const hf_check_result *result)
{
    static const hf_mark marks[] = {HF_MARK_GOOD, HF_MARK_WARNING, HF_MARK_BAD, HF_MARK_BAD};
    const hf_cli *cli = context;
    char took[32];

    if (cli->json)
        return;
    hf_out_mark(result->outcome == HF_CHECK_SKIPPED ? HF_MARK_SKIPPED : marks[result->effect], "%s  (%s%s%s)",
                result->check->name, hf_show_duration(result->took_ms, took),
                result->tries > 1 ? ", tried again" : "",
                result->outcome == HF_CHECK_INCONCLUSIVE ? ", could not tell" : "");
    if (result->outcome != HF_CHECK_PASSED)
        hf_out("        expected  %s\n        seen      %s\n", result->expected, result->seen);
}

/* The cycle whose journal tells what was before; the caller frees it.  NULL: none is asked for. */
static hf_status read_journal(const hf_cli *cli, const hf_session *session, hf_journal **ret_journal,
                              hf_error *error)
{
    const char *name = hf_cli_value(cli, "cycle");
    HF_AUTO_STR id = NULL;

    if (name == NULL)
        return HF_OK;
    HF_TRY(hf_deploy_find(session->repository, session->target->name, name, &id, error));
    return hf_journal_load(session->repository, session->target->name, id, ret_journal, error);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_session_done) hf_session with_repository = {0};
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    HF_AUTO(hf_scene_done) hf_scene scene = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET, &session, error));
    const hf_check_configs *checks = &session.target->checks;
    const unsigned needs = hf_checks_need(checks);
    HF_TRY(hf_target_check(session.config->path, session.target, error));
    if ((needs & HF_CHECKS_NEED_DATABASE) != 0)
        HF_TRY(hf_session_url(session.target, &session.url, error));
    if ((needs & ~(unsigned) HF_CHECKS_NEED_DATABASE) != 0 || hf_cli_has(cli, "cycle")) {
        HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY | HF_NEEDS_TARGET, &with_repository, error));
        HF_TRY(read_journal(cli, &with_repository, &journal, error));
    }
    hf_scene_init(with_repository.repository, session.target, session.url,
                  journal != NULL ? hf_journal_text(journal, "snapshot") : NULL, &scene);
    scene.scene.before = journal != NULL ? hf_journal_fact(journal, "checks_before") : NULL;
    scene.scene.on_result = print;
    scene.scene.context = cli;
    HF_TRY(hf_checks_run(checks, &scene.scene, &results, error));

    const size_t failed = results.effects[HF_EFFECT_FAILURE], unknown = results.effects[HF_EFFECT_HOLD];
    json_t *document = hf_check_results_json(&results);
    json_object_set_new(document, "ok", json_boolean(failed + unknown == 0));
    hf_cli_result(cli, json_pack("{s:o}", "checks", document));
    if (!cli->json && checks->count == 0)
        hf_out("target \"%s\" has no checks\n", session.target->name);
    if (failed + unknown == 0)
        return HF_OK;
    if (failed == 0)
        return hf_fail(error, HF_E_CHECKS_FAILED, "%zu of %zu checks could not tell", unknown,
                       results.results.count);
    return hf_fail(error, HF_E_CHECKS_FAILED, "%zu of %zu checks failed", failed, results.results.count);
}

const hf_command hf_command_check = {
    .name = "check",
    .summary = "run the checks, and nothing else",
    .details =
        "Without a deploy some have nothing to compare with (a log since when? a value before what?) and "
        "are\n"
        "skipped; --cycle latest compares with what was before the last deploy. Rows are compared with the\n"
        "newest snapshot, or that of the cycle. Exit status 6: at least one failed, or could not tell.",
    .options = options,
    .run = run,
};
