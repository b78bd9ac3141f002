#include "cli/commands.h"
#include "cli/cycles.h"
#include "deploy/deploy.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    hf_progress progress = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_ENTERS | HF_FIRST_ALONE, &session, error));
    const hf_deploy_options how = {
        .repository = session.repository,
        .config_path = session.config->path,
        .target = session.target,
        .url = session.url,
        .progress = &progress,
        .notifier = cli->notifier,
    };
    hf_status status = hf_deploy_resume(&how, &cycle, error);
    return hf_show_ended_cycle(cli, &session, cycle, status);
}

const hf_command hf_command_resume = {
    .name = "resume",
    .summary = "bring an interrupted deploy to its end",
    .details =
        "What was not yet touched is refused; what was is put back. The exit status is the deploy's. If a\n"
        "`restore --swap` was killed while it kept clients out, they are let in again.",
    .run = run,
};
