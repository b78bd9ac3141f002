#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/queue.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/chosen.h"
#include "cli/commands.h"
#include "cli/copies.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"
#include "repository/lock.h"
#include "snapshot/snapshot.h"

static const hf_cli_option options[] = {
    {"all", NULL, "every target of the configuration; one that fails does not stop the others"},
    {"at-once", "N", "with --all: so many side by side; default 2"},
    {"label", "TEXT", "a note that the list shows"},
    {"pin", NULL, "keep it whatever the retention says"},
    {"include", "PATTERN", "only these tables, such as public.orders or sales.*; can be repeated"},
    {"exclude", "PATTERN", "not these, nor what needs them; can be repeated"},
    {"exclude-data", "PATTERN", "the definition of these, but no rows; can be repeated"},
    {"salvage", NULL,
     "of a table with damaged pages keep the rows that can be read; the snapshot is degraded"},
    {"verify", "DEPTH", "full: read everything back; stored: look that it is there; default as configured"},
    {NULL, NULL, NULL},
};

/* What was looked at again after it was stored. */
static const char *verified(const hf_snapshot_options *take)
{
    return hf_repository_is_write_only(take->repository) ? "nothing" : take->verify_full ? "full" : "stored";
}

static json_t *result_json(const hf_snapshot_result *result, const hf_snapshot_options *take)
{
    json_t *json = hf_describe_manifest(result->manifest);
    json_t *warnings = json_array();

    for (size_t i = 0; i < result->manifest->warnings.count; i++)
        json_array_append_new(warnings, hf_json_text(result->manifest->warnings.items[i]));
    json_object_set_new(json, "chunks_new", json_integer((json_int_t) result->chunks_new));
    json_object_set_new(json, "chunks_reused", json_integer((json_int_t) result->chunks_reused));
    json_object_set_new(json, "bytes_written", json_integer((json_int_t) result->bytes_written));
    json_object_set_new(json, "verified", json_string(verified(take)));
    json_object_set_new(json, "took_ms", json_integer(result->took_ms));
    json_object_set_new(json, "warnings", warnings);
    return json;
}

static void print(const hf_snapshot_result *result, const hf_snapshot_options *take)
{
    const hf_manifest *manifest = result->manifest;
    char count[32], raw[32], written[32], took[32];

    hf_out("snapshot %s\n\n", manifest->id);
    hf_out_fact("content", "%s rows in %zu tables, %s", hf_show_count(hf_manifest_rows(manifest), count),
                manifest->tables.count, hf_show_size(hf_manifest_raw_bytes(manifest), raw));
    hf_out_fact("written", "%s; %llu chunks are new, %llu were there already",
                hf_show_size(result->bytes_written, written), (unsigned long long) result->chunks_new,
                (unsigned long long) result->chunks_reused);
    if (hf_repository_is_write_only(take->repository))
        hf_out_fact("verified", "nothing: these keys may not read");
    hf_print_incompleteness(manifest);
    hf_out_fact("took", "%s", hf_show_duration(result->took_ms, took));
}

static hf_status read_depth(const hf_cli *cli, bool *full, hf_error *error)
{
    const char *depth = hf_cli_value(cli, "verify");

    if (depth == NULL)
        return HF_OK;
    if (!hf_streq(depth, "full") && !hf_streq(depth, "stored"))
        return hf_fail(error, HF_E_USAGE, "\"--verify\" must be full or stored, not \"%s\"", depth);
    *full = hf_streq(depth, "full");
    return HF_OK;
}

typedef struct filter_lists {
    hf_strings include, exclude, exclude_data;
} filter_lists;

static void filter_lists_done(filter_lists *lists)
{
    hf_strings_done(&lists->include);
    hf_strings_done(&lists->exclude);
    hf_strings_done(&lists->exclude_data);
}

static void add_patterns(const hf_cli *cli, const hf_strings *configured, const char *option,
                         hf_strings *list)
{
    for (size_t i = 0; i < configured->count; i++)
        hf_strings_add(list, configured->items[i]);
    for (size_t i = 0; i < cli->option_names.count; i++)
        if (hf_streq(cli->option_names.items[i], option))
            hf_strings_add(list, cli->option_values.items[i]);
}

/* What is configured, and what the command line adds; the filter borrows from the lists. */
static hf_filter read_filter(const hf_cli *cli, const hf_target_config *target, filter_lists *lists)
{
    add_patterns(cli, &target->snapshot.include, "include", &lists->include);
    add_patterns(cli, &target->snapshot.exclude, "exclude", &lists->exclude);
    add_patterns(cli, &target->snapshot.exclude_data, "exclude-data", &lists->exclude_data);
    return (hf_filter){&lists->include, &lists->exclude, &lists->exclude_data};
}

/* The latest snapshot of the target, NULL if there is none or it cannot be read: it is only for a warning. */
static hf_manifest *previous_snapshot(hf_repository *repository, const char *target)
{
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};
    hf_manifest *manifest = NULL;
    hf_error ignored;

    if (hf_repository_choose(repository, target, "latest", &choice, &ignored) != HF_OK ||
        hf_repository_load(repository, target, choice.id, &manifest, &ignored) != HF_OK)
        return NULL;
    return manifest;
}

static void warn_of_another(const hf_manifest *previous, const hf_manifest *manifest)
{
    if (previous == NULL ||
        !hf_is_of_another(previous, manifest->database.name, manifest->server.system_identifier))
        return;
    HF_AUTO_STR theirs = hf_origin_shown(previous->database.name, previous->server.system_identifier);
    HF_AUTO_STR ours = hf_origin_shown(manifest->database.name, manifest->server.system_identifier);

    hf_log(HF_LOG_WARNING, "snapshot %s, the one before, is of %s; this one is of %s", previous->id, theirs,
           ours);
}

/* The backup of one target. */
typedef struct target_backup {
    const hf_target_config *target;
    hf_snapshot_options take;
    filter_lists patterns;
    hf_snapshot_result result;
    hf_copied_list copies;
    hf_status status;
    hf_error error;
} target_backup;

static void target_backup_done(target_backup *self)
{
    filter_lists_done(&self->patterns);
    hf_snapshot_result_done(&self->result);
    hf_copied_list_done(&self->copies);
}

/* What the snapshot says that an operator should know, and what it could not be. */
static void warn(const target_backup *self, const hf_manifest *previous)
{
    const hf_manifest *manifest = self->result.manifest;

    warn_of_another(previous, manifest);
    for (size_t i = 0; i < manifest->warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", manifest->warnings.items[i]);
    if (hf_repository_is_write_only(self->take.repository))
        hf_log(HF_LOG_WARNING, "the keys may not read the repository: nothing of this snapshot was verified, "
                               "no lock was taken, and "
                               "what was there already was stored again; verify it with `holdfast verify "
                               "--full` and keys that may. All of it was stored in the clear: that the "
                               "repository is not encrypted could not be seen");
}

static hf_status back_up(const hf_cli *cli, hf_repository *repository, const char *url, hf_progress *progress,
                         target_backup *self, hf_error *error)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    const hf_target_config *target = self->target;

    self->take = (hf_snapshot_options){
        .repository = repository,
        .target = target->name,
        .url = url,
        .jobs = target->snapshot.jobs,
        .compression = target->snapshot.compression,
        .text_only = target->snapshot.text_only,
        .range_pages = target->snapshot.range_pages,
        .chunk_bytes = target->snapshot.chunk_bytes,
        .lock_timeout_ms = target->snapshot.lock_timeout_ms,
        .pg_dump_timeout_ms = target->snapshot.pg_dump_timeout_ms,
        .pg_dump = target->snapshot.pg_dump.count > 0 ? &target->snapshot.pg_dump : NULL,
        .verify_full = target->snapshot.verify_full,
        .filter = read_filter(cli, target, &self->patterns),
        .salvage = hf_cli_has(cli, "salvage"),
        .label = hf_cli_value(cli, "label"),
        .pinned = hf_cli_has(cli, "pin"),
        .progress = progress,
    };
    HF_TRY(read_depth(cli, &self->take.verify_full, error));
    if (hf_repository_is_write_only(repository))
        self->take.verify_full = false;
    else
        HF_TRY(hf_lock_take(repository, target->name, "backup", &lock, error));
    HF_AUTO(hf_manifest_freep) hf_manifest *previous = previous_snapshot(repository, target->name);
    HF_TRY(hf_snapshot_take(&self->take, &self->result, error));
    warn(self, previous);
    return HF_OK;
}

static hf_status copy(const hf_cli *cli, const hf_session *session, target_backup *self, hf_error *error)
{
    hf_session of_target = *session;

    of_target.target = self->target;
    return hf_copies_after(cli, &of_target, self->result.manifest->id, HF_COPIES_ALL, &self->copies, error);
}

static json_t *snapshot_json(const target_backup *self)
{
    json_t *json = result_json(&self->result, &self->take);

    json_object_set_new(json, "copies", hf_copies_json(&self->copies));
    return json;
}

static hf_status back_up_one(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(target_backup_done) target_backup self = {0};
    hf_progress progress = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_MAY_NOT_READ, &session, error));
    self.target = session.target;
    hf_progress_begin("backing up", &progress);
    hf_status status = back_up(cli, session.repository, session.url, &progress, &self, error);
    hf_progress_end();
    HF_TRY(status);
    status = copy(cli, &session, &self, error);
    hf_cli_result(cli, json_pack("{s:o}", "snapshot", snapshot_json(&self)));
    if (!cli->json)
        print(&self.result, &self.take);
    return status;
}

/* ---- all targets ---- */

typedef struct all_backups {
    const hf_cli *cli;
    const hf_session *session;
    HF_VECTOR(target_backup) targets;
} all_backups;

static void all_backups_done(all_backups *self)
{
    for (size_t i = 0; i < self->targets.count; i++)
        target_backup_done(&self->targets.items[i]);
    free(self->targets.items);
}

/* One that fails does not keep the others from theirs; only a stop request ends them all. */
static hf_status work_on(void *context, void *state, size_t item, hf_error *error)
{
    all_backups *self = context;
    target_backup *it = &self->targets.items[item];
    HF_AUTO_SECRET url = NULL;

    (void) state;
    HF_TRY(hf_stop_check(error));
    hf_log(HF_LOG_INFO, "target \"%s\": backing up", it->target->name);
    it->status = hf_session_url(it->target, &url, &it->error);
    if (it->status == HF_OK)
        it->status = back_up(self->cli, self->session->repository, url, NULL, it, &it->error);
    it->take.url = NULL;
    if (it->status == HF_OK)
        hf_log(HF_LOG_INFO, "target \"%s\": snapshot %s", it->target->name, it->result.manifest->id);
    else
        hf_log(HF_LOG_ERROR, "target \"%s\": %s", it->target->name, it->error.message);
    return HF_OK;
}

static json_t *all_json(const all_backups *self)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < self->targets.count; i++) {
        const target_backup *it = &self->targets.items[i];
        const bool done = it->result.manifest != NULL;

        json_array_append_new(targets,
                              json_pack("{s:s, s:b, s:o, s:o}", "target", it->target->name, "ok",
                                        (int) (done && it->status == HF_OK), "snapshot",
                                        done ? snapshot_json(it) : json_null(), "error",
                                        it->status != HF_OK ? hf_out_error_json(&it->error) : json_null()));
    }
    return targets;
}

static void print_all(const all_backups *self)
{
    static const char *const titles[] = {"target", "snapshot", "rows", "written", "took", "why"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "llrrrl", .columns = 6};
    char text[32];

    for (size_t i = 0; i < self->targets.count; i++) {
        const target_backup *it = &self->targets.items[i];
        const hf_manifest *manifest = it->result.manifest;

        hf_grid_cell(&grid, "%s", it->target->name);
        hf_grid_cell(&grid, "%s",
                     manifest != NULL      ? manifest->id
                     : it->status != HF_OK ? "FAILED"
                                           : "stopped");
        hf_grid_cell(&grid, "%s", manifest != NULL ? hf_show_count(hf_manifest_rows(manifest), text) : "-");
        hf_grid_cell(&grid, "%s", manifest != NULL ? hf_show_size(it->result.bytes_written, text) : "-");
        hf_grid_cell(&grid, "%s", manifest != NULL ? hf_show_duration(it->result.took_ms, text) : "-");
        hf_grid_cell(&grid, "%s", it->status != HF_OK ? it->error.message : "");
    }
    hf_grid_print(&grid, 0);
}

/* The failure with the highest exit status is the command's. */
static hf_status conclude_all(const all_backups *self, hf_error *error)
{
    const target_backup *worst = NULL;
    size_t failed = 0;

    for (size_t i = 0; i < self->targets.count; i++) {
        const target_backup *it = &self->targets.items[i];

        failed += it->status != HF_OK;
        if (it->status != HF_OK &&
            (worst == NULL || hf_status_exit(it->status) > hf_status_exit(worst->status)))
            worst = it;
    }
    if (worst == NULL)
        return HF_OK;
    *error = worst->error;
    return hf_prefix(error, "%zu of %zu backups failed; target \"%s\"", failed, self->targets.count,
                     worst->target->name);
}

static hf_status back_up_all(hf_cli *cli, hf_error *error)
{
    static const hf_pool_ops workers = {.work = work_on};
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(all_backups_done) all_backups self = {.cli = cli, .session = &session};
    long at_once = 2;
    bool ignored = false;

    if (cli->target != NULL)
        return hf_fail(error, HF_E_USAGE, "\"--all\" and \"--target\" exclude each other");
    HF_TRY(hf_cli_number(cli, "at-once", 1, 64, 2, &at_once, error));
    HF_TRY(read_depth(cli, &ignored, error));
    HF_TRY(hf_session_open(cli, HF_MAY_NOT_READ, &session, error));
    for (size_t i = 0; i < session.config->targets.count; i++)
        HF_APPEND_NEW(&self.targets)->target = &session.config->targets.items[i];
    hf_status status = hf_pool_run(&workers, &self, (size_t) at_once, self.targets.count, error);
    for (size_t i = 0; i < self.targets.count && status == HF_OK; i++) {
        target_backup *it = &self.targets.items[i];

        if (it->status == HF_OK)
            it->status = copy(cli, &session, it, &it->error);
    }
    hf_cli_result(cli, json_pack("{s:o}", "targets", all_json(&self)));
    if (!cli->json)
        print_all(&self);
    return status != HF_OK ? status : conclude_all(&self, error);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *label = hf_cli_value(cli, "label");

    if (label != NULL && (strlen(label) > 200 || !hf_is_utf8(label, strlen(label))))
        return hf_fail(error, HF_E_USAGE, "\"--label\" must be UTF-8 and at most 200 bytes");
    if (label != NULL && hf_starts_with(label, HF_LABEL_REPLACED)) {
        (void) hf_fail(error, HF_E_USAGE,
                       "\"--label\" must not begin with \"" HF_LABEL_REPLACED
                       "\": \"latest\" never means such a snapshot");
        return hf_hint(error, "it is for what a restore in place keeps; choose another one");
    }
    if (hf_cli_has(cli, "at-once") && !hf_cli_has(cli, "all"))
        return hf_fail(error, HF_E_USAGE, "\"--at-once\" is for \"--all\"");
    return hf_cli_has(cli, "all") ? back_up_all(cli, error) : back_up_one(cli, error);
}

const hf_command hf_command_backup = {
    .name = "backup",
    .summary = "take a snapshot",
    .details =
        "PATTERN is schema.table or table, * and ? allowed; a part in double quotes stands for itself. The "
        "options add to\n"
        "snapshot.include, .exclude and .exclude_data of the configuration. With a table go its indexes, "
        "constraints, triggers,\n"
        "sequences and partitions; foreign keys, views and functions of others that need it are left out "
        "and named. A kept\n"
        "table that cannot be made without it is an error. A deploy refuses a filtered snapshot.",
    .options = options,
    .run = run,
};
