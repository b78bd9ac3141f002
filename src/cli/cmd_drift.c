#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/drift_output.h"
#include "cli/output.h"
#include "cli/session.h"

static const hf_cli_option options[] = {
    {"from", "SNAPSHOT",
     "compare with a snapshot (as for `restore`: an id, latest, a label) instead of the migrations"},
    {"ignore", "PATTERN", "leave out what fits, such as \"audit.*\"; may be given several times"},
    {NULL, NULL, NULL},
};

static hf_status look(const hf_cli *cli, const hf_strings *ignore, hf_drift *drift, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    const char *from = hf_cli_value(cli, "from");

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | (from != NULL ? HF_READS_OBJECTS : 0), &session, error));
    if (from != NULL) {
        HF_TRY(hf_session_manifest(&session, from, &manifest, error));
        return hf_drift_from(session.target, session.url, session.repository, manifest, ignore, drift, error);
    }
    HF_TRY(hf_migrations_check_ledger(&session.target->migrations, error));
    return hf_drift_look(session.target, session.url, ignore, drift, error);
}

static void print_none(const hf_drift *drift)
{
    if (drift->snapshot != NULL)
        hf_out("no drift: the schema is that of snapshot %s\n", drift->snapshot);
    else
        hf_out("no drift: the schema is what %zu migration%s\n", drift->migrations,
               drift->migrations == 1 ? " makes" : "s make");
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_drift_done) hf_drift drift = {0};
    HF_AUTO(hf_strings_done) hf_strings ignore = {0};

    for (size_t i = 0; i < cli->option_names.count; i++)
        if (hf_streq(cli->option_names.items[i], "ignore"))
            hf_strings_add(&ignore, cli->option_values.items[i]);
    HF_TRY(look(cli, &ignore, &drift, error));
    for (size_t i = 0; i < drift.warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", drift.warnings.items[i]);
    hf_cli_result(cli, hf_drift_json(&drift));
    if (!cli->json)
        hf_drift_print(&drift);
    if (!cli->json && drift.differences.count == 0)
        print_none(&drift);
    if (drift.differences.count == 0)
        return HF_OK;
    return hf_fail(error, HF_E_DIFFERENT, "%zu object%s not as %s %s %s", drift.differences.count,
                   drift.differences.count == 1 ? " is" : "s are",
                   drift.snapshot != NULL ? "the snapshot" : "the migrations",
                   drift.snapshot != NULL ? "has" : "make", drift.differences.count == 1 ? "it" : "them");
}

const hf_command hf_command_drift = {
    .name = "drift",
    .summary = "compare the live schema with what the applied migrations make",
    .details =
        "The scratch database is made beside the live one, or at the shadow, and dropped at the end; the "
        "live one is\n"
        "only read. Each object is shown as SQL: - as the migrations make it, + as it is; and whether it is "
        "so because\n"
        "a migration that the ledger calls applied has not run here, or by hand. The order of columns does "
        "not count,\n"
        "nor do owners, but for --from. Exit status 7: something differs.",
    .options = options,
    .run = run,
};
