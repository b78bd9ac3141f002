#include "base/text.h"
#include "cli/approval_prompt.h"
#include "cli/commands.h"
#include "cli/held.h"
#include "cli/members.h"
#include "deploy/deploy.h"

static const hf_cli_option options[] = {
    {"group", "NAME", "the targets of this group, as the configuration names it"},
    {"accept", NULL, "let pass what checks cannot tell"},
    {"roll-back", NULL, "end a deploy whose checks have not passed by the way back"},
    {"proceed", NULL, "take the way back that waits, though rows were written since the snapshot"},
    {"settled", NULL, "end a stuck deploy whose database was put right by hand, and leave it as it is"},
    {NULL, NULL, NULL},
};

/*
 * The unfinished group that has a named target in it takes its place.  All targets are asked: of those that are named, the journal may be
 * finished, or not begun.
 */
static hf_status find_group(const hf_session *session, hf_strings *names, hf_error *error)
{
    for (size_t i = 0; i < session->config->targets.count; i++) {
        HF_AUTO(hf_strings_done) hf_strings group = {0};
        bool named = false;

        HF_TRY(hf_deploy_group(session->repository, session->config->targets.items[i].name, &group, error));
        for (size_t k = 0; k < names->count; k++)
            named = named || hf_strings_has(&group, names->items[k]);
        if (!named)
            continue;
        hf_strings_done(names);
        *names = group;
        group = (hf_strings){0};
        return HF_OK;
    }
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_deploy_members_done) hf_deploy_members members = {0};
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO_STR cycle = NULL;

    HF_TRY(hf_session_open(cli, HF_ENTERS | HF_FIRST_ALONE, &session, error));
    HF_TRY(hf_members_named(cli, &session, &names, error));
    HF_TRY(find_group(&session, &names, error));
    HF_TRY(hf_members_open(cli, &session, &names, &members, error));
    HF_TRY(hf_cli_not_both(cli, "accept", "roll-back", error));
    HF_TRY(hf_cli_not_both(cli, "settled", "accept", error));
    HF_TRY(hf_cli_not_both(cli, "settled", "roll-back", error));
    HF_TRY(hf_cli_not_both(cli, "settled", "proceed", error));
    for (size_t i = 0; i < members.count; i++) {
        members.options[i].proceed = hf_cli_has(cli, "proceed");
        members.options[i].settled = hf_cli_has(cli, "settled");
        members.options[i].ask_held = hf_may_prompt(cli) ? hf_held_ask : NULL;
        members.options[i].held = hf_cli_has(cli, "accept")      ? HF_HELD_ACCEPT
                                  : hf_cli_has(cli, "roll-back") ? HF_HELD_ROLL_BACK
                                                                 : HF_HELD_WAIT;
    }
    if (members.count > 1) {
        hf_status status = hf_deploy_resume_group(members.options, members.count, &cycles, error);

        return hf_members_show(cli, &members, &cycles, status);
    }
    hf_status status = hf_deploy_resume(members.options, &cycle, error);
    if (cycle != NULL)
        hf_strings_add(&cycles, cycle);
    return hf_members_show(cli, &members, &cycles, status);
}

const hf_command hf_command_resume = {
    .name = "resume",
    .summary = "bring an interrupted deploy to its end",
    .details = "What was not yet touched is refused; what was is put back. The exit status is the deploy's. "
               "A deploy of several\n"
               "targets is ended for all of them, whichever is named. If a `restore --swap` was killed while "
               "it kept clients\n"
               "out, they are let in again. After a deploy that was held because a check could not tell, it "
               "runs the checks\n"
               "again.",
    .options = options,
    .several_targets = true,
    .run = run,
};
