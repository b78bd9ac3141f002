#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "cli/approval_prompt.h"
#include "cli/commands.h"
#include "cli/held.h"
#include "cli/members.h"
#include "deploy/deploy.h"
#include "deploy/gate.h"
#include "stream/digest.h"

static const hf_cli_option options[] = {
    {"group", "NAME", "the targets of this group, all or none; several --target do the same"},
    {"expect", "NAME",
     "exactly these migrations must be pending (TARGET:NAME of several targets); repeatable"},
    {"approve", "DIGEST",
     "deploy only the plan with this digest of `holdfast plan` (TARGET:DIGEST of several targets)"},
    {"by", "NAME", "who has it deployed, for deploy.approvers.four_eyes; the system's user unless told"},
    {"override", "GATE",
     "let a gate not count: window, activity, snapshot, replication, space or shrink; repeatable"},
    {"reason", "TEXT", "why; kept in the journal"},
    {"retry", NULL, "apply a migration again that an earlier deploy took back, though its file is unchanged"},
    {NULL, NULL, NULL},
};

static hf_status copy_snapshot(void *context, const char *id, hf_error *error)
{
    hf_deploy_member *member = context;

    member->snapshot = hf_strdup(id);
    return hf_copies_after(member->cli, &member->session, id, HF_COPIES_WAITED_FOR, &member->copies, error);
}

static hf_status ask(void *context, const hf_plan *plan, hf_error *error)
{
    const hf_deploy_member *member = context;

    return hf_approval_prompt(&member->session, plan, error);
}

/* What the deploy did not wait for.  A failure is a warning. */
static void copy_rest(hf_deploy_member *member, json_t *copies)
{
    hf_error ignored = {0};

    if (member->snapshot == NULL || member->session.config->copy_to.count == 0)
        return;
    if (hf_copies_after(member->cli, &member->session, member->snapshot, HF_COPIES_OTHERS, &member->copies,
                        &ignored) == HF_E_CANCELLED)
        hf_log_error(&ignored);
    json_t *made = hf_copies_json(&member->copies);
    json_array_extend(copies, made);
    json_decref(made);
}

/* "TARGET:NAME" belongs to that target, where there are several. */
static hf_status read_expected(const hf_cli *cli, const hf_deploy_members *members, hf_strings *expected,
                               hf_error *error)
{
    for (size_t i = 0; i < cli->option_names.count; i++) {
        const char *value = cli->option_values.items[i];
        bool known = members->count == 1;

        if (!hf_streq(cli->option_names.items[i], "expect"))
            continue;
        if (known)
            hf_strings_add(&expected[0], value);
        for (size_t k = 0; members->count > 1 && k < members->count; k++) {
            HF_AUTO_STR prefix = hf_format("%s:", members->options[k].target->name);

            if (!hf_starts_with(value, prefix))
                continue;
            hf_strings_add(&expected[k], value + strlen(prefix));
            known = true;
        }
        if (!known) {
            (void) hf_fail(error, HF_E_USAGE, "\"--expect %.80s\" does not say of which target", value);
            return hf_hint(error, "with several targets it is --expect TARGET:NAME");
        }
    }
    return HF_OK;
}

/* One digest a target; with several targets each is given as TARGET:DIGEST. */
static hf_status read_approved(const hf_cli *cli, hf_deploy_members *members, hf_error *error)
{
    for (size_t i = 0; i < cli->option_names.count; i++) {
        const char *value = cli->option_values.items[i];
        bool known = false;

        if (!hf_streq(cli->option_names.items[i], "approve"))
            continue;
        for (size_t k = 0; k < members->count; k++) {
            HF_AUTO_STR prefix = hf_format("%s:", members->options[k].target->name);
            const char *digest = hf_starts_with(value, prefix) ? value + strlen(prefix)
                                 : members->count == 1         ? value
                                                               : "";

            if (!hf_is_sha256_hex(digest))
                continue;
            members->options[k].approve = digest;
            known = true;
        }
        if (!known) {
            (void) hf_fail(error, HF_E_USAGE, "\"%.80s\" is not the digest of a plan", value);
            return hf_hint(error, "`holdfast plan` prints it: 64 digits and letters%s",
                           members->count > 1 ? "; with several targets it is --approve TARGET:DIGEST" : "");
        }
    }
    return HF_OK;
}

static hf_status read_overrides(const hf_cli *cli, hf_strings *overrides, hf_error *error)
{
    const char *reason = hf_cli_value(cli, "reason");

    for (size_t i = 0; i < cli->option_names.count; i++) {
        const char *gate = cli->option_values.items[i];
        bool known = false;

        if (!hf_streq(cli->option_names.items[i], "override"))
            continue;
        for (size_t k = 0; hf_gate_names[k] != NULL; k++)
            known = known || hf_streq(hf_gate_names[k], gate);
        if (!known) {
            (void) hf_fail(error, HF_E_USAGE, "there is no gate \"%.40s\"", gate);
            return hf_hint(error, "window, activity, snapshot, replication, space or shrink");
        }
        hf_strings_add(overrides, gate);
    }
    if ((overrides->count > 0) == (reason != NULL && reason[0] != '\0'))
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "--override and --reason belong together");
    return hf_hint(error, "holdfast deploy --override window --reason 'the fix for the outage'");
}

static hf_status deploy(hf_cli *cli, hf_deploy_members *members, hf_strings *expected, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO_STR cycle = NULL;
    HF_AUTO(hf_strings_done) hf_strings overrides = {0};
    hf_status status;

    HF_TRY(read_overrides(cli, &overrides, error));
    HF_TRY(read_expected(cli, members, expected, error));
    HF_TRY(read_approved(cli, members, error));
    for (size_t i = 0; i < members->count; i++) {
        members->options[i].retry = hf_cli_has(cli, "retry");
        members->options[i].by = hf_cli_value(cli, "by");
        members->options[i].ask = hf_may_prompt(cli) ? ask : NULL;
        members->options[i].ask_held = hf_may_prompt(cli) ? hf_held_ask : NULL;
        members->options[i].expects = hf_cli_has(cli, "expect");
        members->options[i].expect = expected[i];
        members->options[i].overrides = overrides;
        members->options[i].override_reason = hf_cli_value(cli, "reason");
        members->options[i].on_snapshot = copy_snapshot;
        members->options[i].context = &members->items[i];
    }
    if (members->count > 1) {
        status = hf_deploy_run_group(members->options, members->count, &cycles, error);
    } else {
        status = hf_deploy_run(members->options, &cycle, error);
        if (cycle != NULL)
            hf_strings_add(&cycles, cycle);
    }
    status = hf_members_show(cli, members, &cycles, status);

    json_t *copies = json_array();
    for (size_t i = 0; i < members->count; i++)
        copy_rest(&members->items[i], copies);
    if (cli->result != NULL && json_array_size(copies) > 0)
        json_object_set(cli->result, "copies", copies);
    json_decref(copies);
    return status;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_deploy_members_done) hf_deploy_members members = {0};
    HF_AUTO(hf_strings_done) hf_strings names = {0};

    HF_TRY(hf_session_open(cli, HF_ENTERS | HF_FIRST_ALONE, &session, error));
    HF_TRY(hf_members_named(cli, &session, &names, error));
    HF_TRY(hf_members_open(cli, &session, &names, &members, error));
    hf_strings *expected = hf_alloc(members.count * sizeof(*expected));
    hf_status status = deploy(cli, &members, expected, error);
    for (size_t i = 0; i < members.count; i++)
        hf_strings_done(&expected[i]);
    free(expected);
    return status;
}

const hf_command hf_command_deploy = {
    .name = "deploy",
    .summary = "snapshot, migrate, check, and put the database back if that fails",
    .details =
        "Exit status: 0 deployed; 3 rolled back, the database equals the snapshot; 4 refused, nothing "
        "was touched;\n"
        "5 stuck, the way back failed and both databases are intact; 8 an interrupted deploy must be "
        "resumed first,\n"
        "or this one is held because a check could not tell, or waits because rows were written since the "
        "snapshot\n"
        "(`holdfast resume --proceed`).",
    .options = options,
    .several_targets = true,
    .run = run,
};
