#include <stdlib.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/copies.h"
#include "cli/output.h"
#include "cli/session.h"

static const hf_cli_option options[] = {
    {"to", "NAME", "only to this repository, by name or URL; main is the first one"},
    {"full", NULL, "read back what is there already too, and store broken objects of it anew"},
    {NULL, NULL, NULL},
};

static void add_all(const hf_snapshot_list *list, hf_strings *ids)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].broken == NULL)
            hf_strings_add(ids, list->items[i].id);
}

/* Those named, else all of the target that can be read. */
static hf_status choose(const hf_cli *cli, const hf_session *session, hf_strings *ids, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    for (size_t i = 0; i < cli->arguments.count; i++) {
        HF_AUTO_STR id = NULL;

        HF_TRY(hf_repository_find(session->repository, session->target->name, cli->arguments.items[i], &id,
                                  error));
        hf_strings_add(ids, id);
    }
    if (cli->arguments.count > 0)
        return HF_OK;
    HF_TRY(hf_repository_list(session->repository, session->target->name, &list, error));
    add_all(&list, ids);
    return HF_OK;
}

static hf_status copy(const hf_cli *cli, const hf_session *session, const hf_strings *ids,
                      hf_copied_list *list, hf_error *error)
{
    const char *to = hf_cli_value(cli, "to");
    const hf_repository_config *place = NULL;
    bool full = hf_cli_has(cli, "full");

    if (to != NULL) {
        HF_TRY(hf_config_repository(session->config, to, &place, error));
        if (place == session->place)
            return hf_fail(error, HF_E_USAGE, "\"%s\" is where the snapshots are copied from", to);
        return hf_copies_make(cli, session, place, ids, full, list, error);
    }
    for (size_t i = 0; i < session->config->copy_to.count; i++)
        if (&session->config->copy_to.items[i] != session->place)
            HF_TRY(hf_copies_make(cli, session, &session->config->copy_to.items[i], ids, full, list, error));
    return HF_OK;
}

static void print(const hf_copied_list *list)
{
    char size[32];

    for (size_t i = 0; i < list->count; i++) {
        const hf_copied *copied = &list->items[i];

        if (copied->error.code != HF_OK)
            hf_out_mark(HF_MARK_BAD, "%s to %s: %s", copied->snapshot, copied->place->name,
                        copied->error.message);
        else
            hf_out_mark(HF_MARK_GOOD, "%s to %s: %s", copied->snapshot, copied->place->name,
                        copied->transfer.objects_new == 0 && copied->transfer.existed
                            ? "was there"
                            : hf_show_size(copied->transfer.bytes_stored, size));
    }
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings ids = {0};
    HF_AUTO(hf_copied_list_done) hf_copied_list list = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_TARGET | HF_READS_OBJECTS, &session, error));
    if (session.config->copy_to.count == 0) {
        hf_fail(error, HF_E_USAGE, "%s names no repository to copy to", session.config->path);
        return hf_hint(error, "add repository.copy_to: `holdfast help configuration` tells how");
    }
    HF_TRY(choose(cli, &session, &ids, error));
    hf_status status = copy(cli, &session, &ids, &list, error);
    hf_cli_result(cli, json_pack("{s:o}", "copies", hf_copies_json(&list)));
    if (!cli->json)
        print(&list);
    return status != HF_OK ? status : hf_copies_failure(&list, false, error);
}

const hf_command hf_command_copy = {
    .name = "copy",
    .arguments = "[ID ...]",
    .summary = "copy snapshots to the repositories that repository.copy_to names",
    .details = "Without an ID all that are not there yet. Only objects that a repository lacks are sent, and "
               "each is read "
               "back.\nWith \"--repository NAME\" they are taken from a copy, and with \"--to main\" put "
               "into the first "
               "repository.",
    .max_arguments = 1000,
    .options = options,
    .run = run,
};
