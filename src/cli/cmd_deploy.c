#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/approval_prompt.h"
#include "cli/commands.h"
#include "cli/copies.h"
#include "cli/cycles.h"
#include "deploy/deploy.h"
#include "stream/digest.h"

static const hf_cli_option options[] = {
    {"expect", "NAME", "the pending migrations must be exactly those named; may be given several times"},
    {"approve", "DIGEST",
     "deploy only the plan with this digest, as `holdfast plan` prints it; see deploy.approval"},
    {"by", "NAME", "who has it deployed, for deploy.approvers.four_eyes; the system's user unless told"},
    {"retry", NULL, "apply a migration again that an earlier deploy took back, though its file is unchanged"},
    {NULL, NULL, NULL},
};

typedef struct copying {
    const hf_cli *cli;
    const hf_session *session;
    char *snapshot; /* NULL: none was taken */
    hf_copied_list copies;
} copying;

static void copying_done(copying *c)
{
    free(c->snapshot);
    hf_copied_list_done(&c->copies);
}

static hf_status copy_snapshot(void *context, const char *id, hf_error *error)
{
    copying *c = context;

    c->snapshot = hf_strdup(id);
    return hf_copies_after(c->cli, c->session, id, HF_COPIES_WAITED_FOR, &c->copies, error);
}

static hf_status ask(void *context, const hf_plan *plan, hf_error *error)
{
    const copying *c = context;

    return hf_approval_prompt(c->session, plan, error);
}

/* What the deploy did not wait for.  A failure is a warning. */
static void copy_rest(hf_cli *cli, copying *c)
{
    hf_error ignored = {0};

    if (c->snapshot == NULL || c->session->config->copy_to.count == 0)
        return;
    if (hf_copies_after(cli, c->session, c->snapshot, HF_COPIES_OTHERS, &c->copies, &ignored) ==
        HF_E_CANCELLED)
        hf_log_error(&ignored);
    if (cli->result != NULL)
        json_object_set_new(cli->result, "copies", hf_copies_json(&c->copies));
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings expect = {0};
    HF_AUTO_STR cycle = NULL;
    HF_AUTO(copying_done) copying copies = {.cli = cli, .session = &session};
    hf_progress progress = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_ENTERS | HF_FIRST_ALONE, &session, error));
    for (size_t i = 0; i < cli->option_names.count; i++)
        if (hf_streq(cli->option_names.items[i], "expect"))
            hf_strings_add(&expect, cli->option_values.items[i]);
    const char *approve = hf_cli_value(cli, "approve");
    if (approve != NULL && !hf_is_sha256_hex(approve)) {
        (void) hf_fail(error, HF_E_USAGE, "\"%.80s\" is not the digest of a plan", approve);
        return hf_hint(error, "`holdfast plan` prints it: 64 digits and letters");
    }
    const hf_deploy_options how = {
        .repository = session.repository,
        .config_path = session.config->path,
        .target = session.target,
        .url = session.url,
        .retry = hf_cli_has(cli, "retry"),
        .approve = approve,
        .by = hf_cli_value(cli, "by"),
        .expect = expect,
        .progress = &progress,
        .notifier = cli->notifier,
        .on_snapshot = copy_snapshot,
        .ask = hf_may_prompt(cli) ? ask : NULL,
        .context = &copies,
    };
    hf_status status = hf_deploy_run(&how, &cycle, error);
    status = hf_show_ended_cycle(cli, &session, cycle, status);
    copy_rest(cli, &copies);
    return status;
}

const hf_command hf_command_deploy = {
    .name = "deploy",
    .summary = "snapshot, migrate, check, and put the database back if that fails",
    .details = "Exit status: 0 deployed; 3 rolled back, the database equals the snapshot; 4 refused, nothing "
               "was touched;\n"
               "5 stuck, the way back failed and both databases are intact; 8 an interrupted deploy must be "
               "resumed first.",
    .options = options,
    .run = run,
};
