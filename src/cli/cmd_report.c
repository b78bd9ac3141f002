#include "cli/commands.h"
#include "cli/cycles.h"
#include "cli/output.h"
#include "deploy/deploy.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *name = hf_cli_argument(cli, 0);
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    json_t *report = NULL;

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_deploy_find(session.repository, session.target->name, name == NULL ? "latest" : name, &cycle,
                          error));
    HF_TRY(hf_deploy_report(session.repository, session.target->name, cycle, &report, error));
    hf_cli_result(cli, json_pack("{s:o}", "cycle", report));
    if (!cli->json)
        hf_print_cycle(report);
    return HF_OK;
}

const hf_command hf_command_report = {
    .name = "report",
    .arguments = "[CYCLE]",
    .summary = "tell one deploy in full; the last one unless named",
    .max_arguments = 1,
    .run = run,
};
