#include "cli/commands.h"
#include "cli/cycle_output.h"
#include "cli/session.h"
#include "deploy/deploy.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    hf_progress progress = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY | HF_NEEDS_DATABASE, &session, error));
    const hf_deploy_options deploy = {
        .repository = session.repository,
        .config_path = session.config->path,
        .target = session.target,
        .url = session.url,
        .progress = &progress,
    };
    hf_status status = hf_deploy_resume(&deploy, &cycle, error);
    if (cycle != NULL)
        hf_cycle_result(cli, &session, cycle);
    return status;
}

const hf_command hf_command_resume = {
    .name = "resume",
    .summary = "end an interrupted or stuck deploy",
    .details = "What was interrupted before the first migration ends as refused; what was interrupted while\n"
               "migrating is rolled back; checks are run again; a way back is gone on with.",
    .run = run,
};
