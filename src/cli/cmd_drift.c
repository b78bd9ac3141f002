#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/drift_output.h"
#include "cli/output.h"
#include "cli/session.h"

static const hf_cli_option options[] = {
    {"ignore", "PATTERN", "leave out what fits, such as \"audit.*\"; may be given several times"},
    {NULL, NULL, NULL},
};

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_drift_done) hf_drift drift = {0};
    HF_AUTO(hf_strings_done) hf_strings ignore = {0};

    for (size_t i = 0; i < cli->option_names.count; i++)
        if (hf_streq(cli->option_names.items[i], "ignore"))
            hf_strings_add(&ignore, cli->option_values.items[i]);
    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE, &session, error));
    HF_TRY(hf_migrations_check_ledger(&session.target->migrations, error));
    HF_TRY(hf_drift_look(session.target, session.url, &ignore, &drift, error));
    for (size_t i = 0; i < drift.warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", drift.warnings.items[i]);
    hf_cli_result(cli, hf_drift_json(&drift));
    if (!cli->json)
        hf_drift_print(&drift);
    if (!cli->json && drift.differences.count == 0)
        hf_out("no drift: the schema is what %zu migration%s\n", drift.migrations,
               drift.migrations == 1 ? " makes" : "s make");
    if (drift.differences.count == 0)
        return HF_OK;
    return hf_fail(error, HF_E_DIFFERENT, "%zu object%s not as the migrations make %s",
                   drift.differences.count, drift.differences.count == 1 ? " is" : "s are",
                   drift.differences.count == 1 ? "it" : "them");
}

const hf_command hf_command_drift = {
    .name = "drift",
    .summary = "compare the live schema with what the applied migrations make",
    .details = "The scratch database is made beside the live one and dropped at the end; the live one is "
               "only read. Each "
               "object\n"
               "is shown as SQL: - as the migrations make it, + as it is. Owners and the order of columns do "
               "not count. "
               "Exit\n"
               "status 7: something differs.",
    .options = options,
    .run = run,
};
