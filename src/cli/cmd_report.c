#include "cli/commands.h"
#include "cli/cycle_output.h"
#include "cli/session.h"
#include "deploy/deploy.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    const char *name = hf_cli_argument(cli, 0);
    json_t *report = NULL;

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY | HF_NEEDS_TARGET, &session, error));
    HF_TRY(hf_deploy_find(session.repository, session.target->name, name != NULL ? name : "latest", &cycle,
                          error));
    HF_TRY(hf_deploy_report(session.repository, session.target->name, cycle, &report, error));
    if (!cli->json)
        hf_cycle_print(report);
    hf_cli_result(cli, json_pack("{s:o}", "cycle", report));
    return HF_OK;
}

const hf_command hf_command_report = {
    .name = "report",
    .arguments = "[CYCLE]",
    .summary = "one deploy in full: verdict, migrations, checks, timeline",
    .details = "CYCLE is an id, its unique beginning, or \"latest\" (default).",
    .max_arguments = 1,
    .run = run,
};
