#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "repository/keys.h"

static const hf_cli_option options[] = {
    {"new-passphrase-env", "NAME", "add: the new passphrase stands in this environment variable"},
    {"new-passphrase-file", "FILE", "add: or in this file"},
    {"label", "TEXT", "add: what the key is for; anybody who reads the storage sees it"},
    {NULL, NULL, NULL},
};

static json_t *key_json(const hf_key_info *info)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "id", hf_json_text(info->id), "created_at",
                     hf_json_time(info->created_ms), "user", hf_json_text(info->user), "host",
                     hf_json_text(info->host), "label", hf_json_text(info->label), "current",
                     (int) info->is_current, "broken", hf_json_text(info->broken));
}

static void print(const hf_key_list *list)
{
    static const char *const titles[] = {"", "id", "made", "by", "label"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "lllll", .columns = 5};
    char age[48];

    for (size_t i = 0; i < list->count; i++) {
        const hf_key_info *info = &list->items[i];

        hf_grid_cell(&grid, "%s", info->is_current ? "*" : "");
        hf_grid_cell(&grid, "%s", info->id);
        hf_grid_cell(&grid, "%s", info->broken != NULL ? "BROKEN" : hf_show_age(info->created_ms, age));
        hf_grid_cell(&grid, "%s%s%s", info->broken != NULL ? "-" : info->user,
                     info->broken != NULL ? "" : "@", info->broken != NULL ? "" : info->host);
        hf_grid_cell(&grid, "%s",
                     info->broken != NULL  ? info->broken
                     : info->label != NULL ? info->label
                                           : "");
    }
    hf_grid_print(&grid, 0);
    hf_out("\n* opened the repository now\n");
}

static hf_status list_keys(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_key_list_done) hf_key_list list = {0};
    json_t *keys = json_array();

    hf_cli_result(cli, json_pack("{s:o}", "keys", keys));
    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_keys_list(session.repository, &list, error));
    for (size_t i = 0; i < list.count; i++)
        json_array_append_new(keys, key_json(&list.items[i]));
    if (!cli->json)
        print(&list);
    return HF_OK;
}

/* Never from the command line itself, which others can read. */
static hf_status read_new_passphrase(const hf_cli *cli, char **ret_passphrase, hf_error *error)
{
    const char *variable = hf_cli_value(cli, "new-passphrase-env");
    const char *path = hf_cli_value(cli, "new-passphrase-file");
    HF_AUTO(hf_secret_source_done)
    hf_secret_source source = {.kind = variable != NULL ? HF_SECRET_ENV : HF_SECRET_FILE,
                               .name = hf_strdup(variable != NULL ? variable : path)};

    HF_TRY(hf_cli_not_both(cli, "new-passphrase-env", "new-passphrase-file", error));
    if (source.name == NULL) {
        hf_fail(error, HF_E_USAGE, "where is the new passphrase?");
        return hf_hint(error, "--new-passphrase-env NAME or --new-passphrase-file FILE");
    }
    return hf_secret_read(&source, "the new passphrase", ret_passphrase, error);
}

static hf_status add_key(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_SECRET passphrase = NULL;
    HF_AUTO_STR id = NULL;

    HF_TRY(read_new_passphrase(cli, &passphrase, error));
    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    const hf_new_key key = {.passphrase = passphrase, .label = hf_cli_value(cli, "label")};

    HF_TRY(hf_keys_add(session.repository, &key, &id, error));
    hf_cli_result(cli, json_pack("{s:s}", "added", id));
    if (!cli->json)
        hf_out("added   %s\n", id);
    return HF_OK;
}

static hf_status remove_key(hf_cli *cli, const char *id, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_SECRET passphrase = NULL;
    HF_AUTO_STR removed = NULL;

    HF_TRY(hf_session_open(cli, HF_ENTERS, &session, error));
    HF_TRY(hf_session_passphrase(session.place, &passphrase, error));
    HF_TRY(hf_keys_remove(session.repository, passphrase, id, &removed, error));
    hf_cli_result(cli, json_pack("{s:s}", "removed", removed));
    if (!cli->json)
        hf_out("removed %s\n", removed);
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *action = hf_cli_argument(cli, 0), *id = hf_cli_argument(cli, 1);
    const bool adds = hf_streq(action, "add"), removes = hf_streq(action, "remove");

    if (!adds && !removes && !hf_streq(action, "list"))
        hf_fail(error, HF_E_USAGE, "there is no \"key %s\"", action);
    else if (!adds && cli->option_names.count > 0)
        hf_fail(error, HF_E_USAGE, "\"--%s\" is only for \"key add\"", cli->option_names.items[0]);
    else if (removes != (id != NULL))
        hf_fail(error, HF_E_USAGE,
                removes ? "\"key remove\" needs the ID of a key" : "\"key %s\" takes no ID", action);
    else
        return adds ? add_key(cli, error) : removes ? remove_key(cli, id, error) : list_keys(cli, error);
    return hf_hint(error, "usage: holdfast key list | add --new-passphrase-env NAME | remove ID");
}

const hf_command hf_command_key = {
    .name = "key",
    .arguments = "list|add|remove [ID]",
    .summary = "the passphrases of an encrypted repository",
    .details =
        "list     shows the keys of the repository: one for each passphrase\n"
        "add      makes a further passphrase open it; the configured one opens it now\n"
        "remove   takes a key away (ID, or its beginning); not the last one that the configured passphrase\n"
        "         opens. To change a passphrase: add the new one, configure it, remove the old one.\n"
        "Who has copied a key and knows its passphrase still knows the repository's own key after that.",
    .min_arguments = 1,
    .max_arguments = 2,
    .options = options,
    .run = run,
};
