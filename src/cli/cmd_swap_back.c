#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/deploy.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    HF_AUTO_STR kept = NULL;

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_ENTERS | HF_FIRST_ALONE, &session, error));
    HF_TRY(hf_deploy_find(session.repository, session.target->name, hf_cli_argument(cli, 0), &cycle, error));
    HF_TRY(hf_deploy_swap_back(&(hf_deploy_options){.repository = session.repository,
                                                    .config_path = session.config->path,
                                                    .target = session.target,
                                                    .url = session.url},
                               cycle, &kept, error));
    hf_cli_result(cli, json_pack("{s:s, s:s}", "cycle", cycle, "kept", kept));
    if (!cli->json) {
        hf_out("the failed database of cycle %s is the live one again\n\n", cycle);
        hf_out_fact("kept", "what stood there, as %s; drop it when nobody needs it", kept);
    }
    return HF_OK;
}

const hf_command hf_command_swap_back = {
    .name = "swap-back",
    .arguments = "CYCLE",
    .summary = "put the failed database of a rolled-back deploy in the live one's place",
    .details = "For when the new state was right after all. What stands there now is kept beside, as "
               "NAME__replaced_TIME: what was\n"
               "written since the way back is only there. After a kill, the same command goes on.",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
