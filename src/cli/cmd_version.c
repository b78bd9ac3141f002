#include "base/version.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "repository/repository.h"

static hf_status run(hf_cli *cli, hf_error *error)
{
    (void) error;
    if (!cli->json)
        hf_out("holdfast %s\n", HF_VERSION);
    hf_cli_result(cli,
                  json_pack("{s:s, s:i}", "version", HF_VERSION, "repository_format", HF_REPOSITORY_FORMAT));
    return HF_OK;
}

const hf_command hf_command_version = {
    .name = "version",
    .summary = "tell the version",
    .run = run,
};
