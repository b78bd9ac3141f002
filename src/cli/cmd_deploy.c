#include <string.h>

#include "cli/commands.h"
#include "cli/cycle_output.h"
#include "cli/session.h"
#include "deploy/deploy.h"

static const hf_cli_option options[] = {
    {"expect", "NAMES",
     "the pending migrations must be exactly these (comma-separated, or given several times)"},
    {"retry", NULL, "also apply a migration that an earlier cycle took back, though its file is unchanged"},
    {NULL, NULL, NULL},
};

static void read_expected(const hf_cli *cli, hf_strings *expect)
{
    for (size_t i = 0; i < cli->option_names.count; i++) {
        if (strcmp(cli->option_names.items[i], "expect") != 0)
            continue;
        for (const char *at = cli->option_values.items[i]; *at != '\0';) {
            size_t len = strcspn(at, ",");
            HF_AUTO_STR name = hf_strndup(at, len);

            if (len > 0)
                hf_strings_add(expect, name);
            at += len + (at[len] == ',' ? 1 : 0);
        }
    }
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    hf_progress progress = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY | HF_NEEDS_DATABASE, &session, error));
    hf_deploy_options deploy = {
        .repository = session.repository,
        .config_path = session.config->path,
        .target = session.target,
        .url = session.url,
        .retry = hf_cli_has(cli, "retry"),
        .progress = &progress,
    };
    read_expected(cli, &deploy.expect);
    hf_status status = hf_deploy_run(&deploy, &cycle, error);
    hf_strings_done(&deploy.expect);
    if (cycle != NULL)
        hf_cycle_result(cli, &session, cycle);
    return status;
}

const hf_command hf_command_deploy = {
    .name = "deploy",
    .summary = "snapshot, migrate, verify; put the database back if that fails",
    .details =
        "Exit status: 0 deployed, 3 rolled back, 4 refused with nothing touched, 5 stuck, 8 an earlier\n"
        "cycle must be resumed first.",
    .options = options,
    .run = run,
};
