#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/machine.h"
#include "deploy/preflight.h"
#include "repository/journal.h"

/* One look at one target. */
typedef struct examination {
    const hf_cli *cli;
    const hf_target_config *target; /* NULL: about all of them */
    json_t *findings;
    size_t bad, warnings;
} examination;

static void tell(examination *doctor, const char *what, hf_finding_level level, const char *seen,
                 const char *remedy)
{
    static const char *const levels[] = {"good", "warning", "bad"};
    static const hf_mark marks[] = {HF_MARK_GOOD, HF_MARK_WARNING, HF_MARK_BAD};
    const char *target = doctor->target == NULL ? NULL : doctor->target->name;

    doctor->bad += level == HF_FINDING_BAD;
    doctor->warnings += level == HF_FINDING_WARNING;
    if (remedy != NULL && remedy[0] == '\0')
        remedy = NULL;
    json_array_append_new(doctor->findings,
                          json_pack("{s:o, s:s, s:s, s:o, s:o}", "target", hf_json_text(target), "what", what,
                                    "level", levels[level], "seen", hf_json_text(seen), "remedy",
                                    hf_json_text(remedy)));
    if (doctor->cli->json)
        return;
    hf_out_mark(marks[level], "%-15s %s", what, seen);
    if (remedy != NULL)
        hf_out("      %-15s -> %s\n", "", remedy);
}

static void tell_error(examination *doctor, const char *what, const hf_error *error)
{
    tell(doctor, what, HF_FINDING_BAD, error->message, error->hint);
}

static void look_at_cycles(examination *doctor, hf_repository *repository)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    const char *target = doctor->target->name;
    hf_cycle_state state;
    hf_error error = {0};

    if (hf_journal_list(repository, target, &cycles, &error) != HF_OK) {
        tell_error(doctor, "last deploy", &error);
        return;
    }
    if (cycles.count == 0)
        return;
    const char *last = cycles.items[cycles.count - 1];
    if (hf_journal_load(repository, target, last, &journal, &error) != HF_OK) {
        tell_error(doctor, "last deploy", &error);
        return;
    }
    bool ended = hf_cycle_state_parse(hf_journal_state(journal), &state) && hf_cycle_is_final(state);
    HF_AUTO_STR seen = hf_format("%s: %s%s", last, hf_journal_state(journal), ended ? "" : ", not ended");
    tell(doctor, "last deploy", ended ? HF_FINDING_GOOD : HF_FINDING_BAD, seen,
         ended ? NULL : "holdfast resume, unless it is still under way");
}

static void examine_target(examination *doctor, const hf_session *session)
{
    HF_AUTO_SECRET url = NULL;
    HF_AUTO(hf_preflight_done) hf_preflight preflight = {0};
    hf_error error = {0};

    if (hf_session_url(doctor->target, &url, &error) != HF_OK) {
        tell_error(doctor, "database URL", &error);
        return;
    }
    tell(doctor, "database URL", HF_FINDING_GOOD, "can be read", NULL);

    const hf_deploy_options options = {
        .repository = session->repository,
        .config_path = session->config->path,
        .target = doctor->target,
        .url = url,
    };
    hf_preflight_look(&options, &preflight);
    for (size_t i = 0; i < preflight.findings.count; i++) {
        const hf_finding *finding = &preflight.findings.items[i];

        tell(doctor, finding->what, finding->level, finding->seen, finding->remedy);
    }
    look_at_cycles(doctor, session->repository);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    examination doctor = {.cli = cli, .findings = json_array()};

    hf_cli_result(cli, json_pack("{s:b, s:o}", "ok", 0, "findings", doctor.findings));
    HF_TRY(hf_session_open(cli, 0, &session, error));
    const hf_target_config *only = session.target;
    tell(&doctor, "configuration", HF_FINDING_GOOD, session.config->path, NULL);

    hf_error why = {0};
    HF_AUTO(hf_session_done) hf_session opened = {0};
    bool repository = hf_session_open(cli, HF_NEEDS_REPOSITORY, &opened, &why) == HF_OK;
    if (!repository)
        tell_error(&doctor, "repository", &why);
    for (size_t i = 0; i < session.config->targets.count && repository; i++) {
        if (only != NULL && only != &session.config->targets.items[i])
            continue;
        doctor.target = &session.config->targets.items[i];
        if (!cli->json && session.config->targets.count > 1)
            hf_out("\n%s\n", doctor.target->name);
        examine_target(&doctor, &opened);
    }

    json_object_set_new(cli->result, "ok", json_boolean(doctor.bad == 0));
    if (!cli->json)
        hf_out("\n%s\n", doctor.bad > 0        ? "not ready"
                         : doctor.warnings > 0 ? "ready, with warnings"
                                               : "ready");
    if (doctor.bad == 0)
        return HF_OK;
    return hf_fail(error, HF_E_CHECKS_FAILED, "%zu %s in the way of a deploy", doctor.bad,
                   doctor.bad == 1 ? "thing is" : "things are");
}

const hf_command hf_command_doctor = {
    .name = "doctor",
    .summary = "check everything that a deploy needs",
    .details = "Each finding that is bad comes with its remedy.",
    .run = run,
};
