/* `pin` and `unpin`. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "repository/lock.h"

static hf_status set_pinned(hf_cli *cli, bool pinned, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO_STR id = NULL;
    bool changed = false;

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_ENTERS, &session, error));
    const char *target = session.target->name;
    HF_TRY(hf_lock_take_snapshots(session.repository, target, cli->command->name, &lock, error));
    HF_TRY(hf_repository_find(session.repository, target, hf_cli_argument(cli, 0), &id, error));
    HF_TRY(hf_repository_pin(session.repository, target, id, pinned, &changed, error));
    hf_cli_result(cli, json_pack("{s:{s:s, s:s, s:b}, s:b}", "snapshot", "id", id, "target", target, "pinned",
                                 (int) pinned, "changed", (int) changed));
    if (!cli->json)
        hf_out("snapshot %s is %s%s\n", id, pinned ? "pinned" : "not pinned", changed ? "" : " already");
    return HF_OK;
}

static hf_status run_pin(hf_cli *cli, hf_error *error)
{
    return set_pinned(cli, true, error);
}

static hf_status run_unpin(hf_cli *cli, hf_error *error)
{
    return set_pinned(cli, false, error);
}

const hf_command hf_command_pin = {
    .name = "pin",
    .arguments = "ID",
    .summary = "keep a snapshot whatever the retention says",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_pin,
};

const hf_command hf_command_unpin = {
    .name = "unpin",
    .arguments = "ID",
    .summary = "let the retention decide on a snapshot again",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_unpin,
};
