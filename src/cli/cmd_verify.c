#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "repository/references.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static const hf_cli_option options[] = {
    {"full", NULL, "read every object back and check its digest (default)"},
    {"stored", NULL, "only look whether every object is there with its size"},
    {"sample", "SHARE", "read only a share, such as 1/7 or 10%, another one every day, and look at the rest"},
    {"jobs", "N", "objects read side by side; default 4"},
    {NULL, NULL, NULL},
};

typedef struct run_state {
    hf_cli *cli;
    const hf_session *session;
    hf_verify_how how;
    hf_verified *verified;
    hf_references references;
    json_t *list;
    size_t checked, broken, unreadable;
} run_state;

static void run_state_done(run_state *self)
{
    hf_verified_freep(&self->verified);
    hf_references_done(&self->references);
}

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

static const char *depth_of(const hf_verify_how *how)
{
    return !how->full ? "stored" : how->parts > 0 ? "sample" : "full";
}

/*
 * A snapshot that cannot be read is a result as well; an error means that it could not be looked at.  info: as it was listed, or NULL.
 */
static hf_status verify(run_state *self, const char *target, const char *id, const hf_snapshot_info *info,
                        hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};
    hf_repository *repository = self->session->repository;
    hf_error why = {0};

    hf_status status = hf_repository_load(repository, target, id, &manifest, &why);
    if (status == HF_OK) {
        HF_TRY(hf_repository_verify_with(repository, manifest, &self->how, &damage, error));
        if (info != NULL && info->broken == NULL)
            HF_TRY(hf_references_add(&self->references, &info->manifest, manifest, error));
    } else if (status != HF_E_CORRUPT && status != HF_E_NOT_FOUND && status != HF_E_FORMAT &&
               status != HF_E_LIMIT) {
        *error = why;
        return status;
    }

    const char *broken = status == HF_OK ? NULL : why.message;
    bool sound = broken == NULL && damage.count == 0;
    self->checked++;
    self->broken += !sound;
    self->unreadable += broken != NULL;
    json_array_append_new(self->list,
                          json_pack("{s:o, s:o, s:b, s:s, s:o, s:o}", "id", hf_json_text(id), "target",
                                    hf_json_text(target), "ok", (int) sound, "checked", depth_of(&self->how),
                                    "broken", hf_json_text(broken), "damage", damage_json(&damage)));
    if (!self->cli->json)
        print(id, broken, &damage);
    return HF_OK;
}

static void add_orphan(void *context, const char *name, uint64_t bytes)
{
    json_array_append_new(context,
                          json_pack("{s:s, s:I}", "object", name, "stored_bytes", (json_int_t) bytes));
}

static void print_orphans(const json_t *orphans)
{
    size_t i;
    json_t *orphan;
    uint64_t bytes = 0;
    char size[32];

    json_array_foreach(orphans, i, orphan) bytes +=
        (uint64_t) json_integer_value(json_object_get(orphan, "stored_bytes"));
    if (json_array_size(orphans) == 0)
        return;
    hf_out_mark(HF_MARK_WARNING, "%zu objects, %s, belong to no snapshot; \"holdfast gc\" removes old ones:",
                json_array_size(orphans), hf_show_size(bytes, size));
    json_array_foreach(orphans, i, orphan)
        hf_out("        %s\n", json_string_value(json_object_get(orphan, "object")));
}

/* Known only where every snapshot of every target could be read. */
static void find_orphans(run_state *self)
{
    json_t *orphans = json_array();

    hf_references_sort(&self->references);
    hf_verified_each_orphan(self->verified, &self->references, add_orphan, orphans);
    json_object_set_new(self->cli->result, "orphans", orphans);
    if (!self->cli->json)
        print_orphans(orphans);
}

/* The objects are listed before the snapshots: what a backup stores meanwhile is no orphan. */
static hf_status verify_all(run_state *self, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list snapshots = {0};
    const hf_session *session = self->session;

    HF_TRY(hf_verified_list(self->verified, session->repository, error));
    HF_TRY(hf_repository_list(session->repository, session->target == NULL ? NULL : session->target->name,
                              &snapshots, error));
    for (size_t i = 0; i < snapshots.count; i++)
        HF_TRY(verify(self, snapshots.items[i].target, snapshots.items[i].id, &snapshots.items[i], error));
    if (session->target == NULL && self->unreadable == 0)
        find_orphans(self);
    return HF_OK;
}

/* "1/7" or "10%": so many parts, of which each day has one. */
static hf_status read_sample(const hf_cli *cli, hf_verify_how *how, hf_error *error)
{
    const char *text = hf_cli_value(cli, "sample");
    int64_t number = 0;

    if (text == NULL)
        return HF_OK;
    if (hf_starts_with(text, "1/") && hf_parse_int(text + 2, 1, 1000, &number, NULL) == HF_OK) {
        how->parts = (uint32_t) number;
    } else if (hf_ends_with(text, "%")) {
        HF_AUTO_STR percent = hf_strndup(text, strlen(text) - 1);

        if (hf_parse_int(percent, 1, 100, &number, NULL) == HF_OK)
            how->parts = (uint32_t) (100 / number);
    }
    if (how->parts == 0)
        return hf_fail(error, HF_E_USAGE, "\"--sample\" must be a share like 1/7 or 10%%, not \"%s\"", text);
    how->part = (uint32_t) (hf_now_ms() / DAY_MS % how->parts);
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *name = hf_cli_argument(cli, 0);
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(run_state_done)
    run_state self = {.cli = cli, .session = &session, .verified = hf_verified_new()};
    long jobs = 4;

    HF_TRY(hf_cli_not_both(cli, "full", "stored", error));
    HF_TRY(hf_cli_not_both(cli, "full", "sample", error));
    HF_TRY(hf_cli_not_both(cli, "stored", "sample", error));
    HF_TRY(hf_cli_number(cli, "jobs", 1, 64, 4, &jobs, error));
    self.how =
        (hf_verify_how){.full = !hf_cli_has(cli, "stored"), .jobs = (size_t) jobs, .verified = self.verified};
    HF_TRY(read_sample(cli, &self.how, error));
    HF_TRY(hf_session_open(cli, HF_READS_OBJECTS | (name == NULL ? 0 : HF_NEEDS_TARGET), &session, error));

    self.list = json_array();
    hf_cli_result(cli, json_pack("{s:o}", "snapshots", self.list));
    if (name == NULL) {
        HF_TRY(verify_all(&self, error));
    } else {
        HF_AUTO_STR id = NULL;

        HF_TRY(hf_repository_find(session.repository, session.target->name, name, &id, error));
        HF_TRY(verify(&self, session.target->name, id, NULL, error));
    }
    json_object_set_new(cli->result, "ok", json_boolean(self.broken == 0));
    if (!cli->json && self.checked == 0)
        hf_out("no snapshots yet; \"holdfast backup\" takes one\n");
    if (self.broken == 0)
        return HF_OK;
    hf_fail(error, HF_E_CORRUPT, "%zu of %zu %s broken", self.broken, self.checked,
            self.checked == 1 ? "snapshot is" : "snapshots are");
    return hf_hint(error,
                   "the others are usable; a new \"holdfast backup\" does not build on broken objects if it "
                   "is made with --verify full");
}

const hf_command hf_command_verify = {
    .name = "verify",
    .arguments = "[ID]",
    .summary = "read back and check a snapshot, or all of them",
    .details = "An object that several snapshots share is read once. With --sample 1/7 every object is read "
               "once in seven days (UTC):\n"
               "which ones on which day follows from their names. Without ID and --target, objects that no "
               "snapshot needs\n"
               "are listed too; they are no damage.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
