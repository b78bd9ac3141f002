#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"

static const hf_cli_option options[] = {
    {"full", NULL, "read every object back and check its digest (default)"},
    {"stored", NULL, "only look whether every object is there with its size"},
    {"jobs", "N", "objects read side by side; default 4"},
    {NULL, NULL, NULL},
};

typedef struct outcome {
    size_t checked, broken;
} outcome;

static json_t *damage_json(const hf_damage_list *damage)
{
    json_t *list = json_array();

    for (size_t i = 0; i < damage->count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "object", damage->items[i].object.name,
                                              "what", hf_json_text(damage->items[i].what), "why",
                                              hf_json_text(damage->items[i].why)));
    return list;
}

static void print(const char *id, const char *broken, const hf_damage_list *damage)
{
    if (broken != NULL)
        hf_out_mark(HF_MARK_BAD, "%s  %s", id, broken);
    else if (damage->count > 0)
        hf_out_mark(HF_MARK_BAD, "%s  %zu damaged %s:", id, damage->count,
                    damage->count == 1 ? "object" : "objects");
    else
        hf_out_mark(HF_MARK_GOOD, "%s", id);
    for (size_t i = 0; i < damage->count; i++)
        hf_out("        %s: %s\n", damage->items[i].what, damage->items[i].why);
}

/* A snapshot that cannot be read is a result as well; an error means that it could not be looked at. */
static hf_status verify(hf_cli *cli, const hf_session *session, const char *target, const char *id,
                        size_t jobs, outcome *counts, json_t *list, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};
    bool full = !hf_cli_has(cli, "stored");
    hf_error why = {0};

    hf_status status = hf_repository_load(session->repository, target, id, &manifest, &why);
    if (status == HF_OK)
        HF_TRY(hf_repository_verify(session->repository, manifest, full, jobs, &damage, error));
    else if (status != HF_E_CORRUPT && status != HF_E_NOT_FOUND && status != HF_E_FORMAT &&
             status != HF_E_LIMIT) {
        *error = why;
        return status;
    }

    const char *broken = status == HF_OK ? NULL : why.message;
    bool sound = broken == NULL && damage.count == 0;
    counts->checked++;
    counts->broken += !sound;
    json_array_append_new(list, json_pack("{s:o, s:o, s:b, s:s, s:o, s:o}", "id", hf_json_text(id), "target",
                                          hf_json_text(target), "ok", (int) sound, "checked",
                                          full ? "full" : "stored", "broken", hf_json_text(broken), "damage",
                                          damage_json(&damage)));
    if (!cli->json)
        print(id, broken, &damage);
    return HF_OK;
}

static hf_status verify_all(hf_cli *cli, const hf_session *session, size_t jobs, outcome *counts,
                            json_t *list, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list snapshots = {0};

    HF_TRY(hf_repository_list(session->repository, session->target == NULL ? NULL : session->target->name,
                              &snapshots, error));
    for (size_t i = 0; i < snapshots.count; i++)
        HF_TRY(verify(cli, session, snapshots.items[i].target, snapshots.items[i].id, jobs, counts, list,
                      error));
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *name = hf_cli_argument(cli, 0);
    HF_AUTO(hf_session_done) hf_session session = {0};
    outcome counts = {0};
    long jobs = 4;

    HF_TRY(hf_cli_not_both(cli, "full", "stored", error));
    HF_TRY(hf_cli_number(cli, "jobs", 1, 64, 4, &jobs, error));
    HF_TRY(hf_session_open(cli, HF_READS_OBJECTS | (name == NULL ? 0 : HF_NEEDS_TARGET), &session, error));

    json_t *list = json_array();
    hf_cli_result(cli, json_pack("{s:o}", "snapshots", list));
    if (name == NULL) {
        HF_TRY(verify_all(cli, &session, (size_t) jobs, &counts, list, error));
    } else {
        HF_AUTO_STR id = NULL;

        HF_TRY(hf_repository_find(session.repository, session.target->name, name, &id, error));
        HF_TRY(verify(cli, &session, session.target->name, id, (size_t) jobs, &counts, list, error));
    }
    json_object_set_new(cli->result, "ok", json_boolean(counts.broken == 0));
    if (!cli->json && counts.checked == 0)
        hf_out("no snapshots yet; \"holdfast backup\" takes one\n");
    if (counts.broken == 0)
        return HF_OK;
    hf_fail(error, HF_E_CORRUPT, "%zu of %zu %s broken", counts.broken, counts.checked,
            counts.checked == 1 ? "snapshot is" : "snapshots are");
    return hf_hint(error,
                   "the others are usable; a new \"holdfast backup\" does not build on broken objects if it "
                   "is made with --verify full");
}

const hf_command hf_command_verify = {
    .name = "verify",
    .arguments = "[ID]",
    .summary = "read back and check a snapshot, or all of them",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
