/*
 * `restore ID --into NAME` makes a new database.  `restore ID --swap` puts the snapshot in the live one's place: it is
 * restored beside, verified, and both are exchanged by renaming; the former database is kept.  `restore ID --table T` puts
 * tables beside the live ones (restore_tables.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/chosen.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/restore_tables.h"
#include "cli/session.h"
#include "deploy/deploy.h"
#include "pg/connection.h"
#include "repository/lock.h"
#include "restore/compare.h"
#include "restore/in_place.h"
#include "restore/restore.h"
#include "restore/swap.h"

enum { NAME_MAX_BYTES = 63 };

static const hf_cli_option options[] = {
    {"at", "TIME", "instead of ID: the newest snapshot taken at or before TIME, such as \"yesterday 14:00\""},
    {"into", "NAME", "the database to create; it must not exist"},
    {"swap", NULL,
     "put the snapshot in the place of the live database, which is kept as NAME__replaced_TIME"},
    {"in-place", NULL,
     "into the live database itself, in one transaction; what was there is kept as a snapshot"},
    {"from-other-database", NULL,
     "with --swap and --in-place: also a snapshot of another database, or of another server's"},
    {"table", "PATTERN", "only this table, beside the live ones in the live database; can be repeated"},
    {"as", "NAME", "what it becomes, such as rescue.invoices or rescue.*; default SCHEMA.TABLE__restored"},
    {"jobs", "N", "connections that load side by side; default as configured"},
    {"owner", "HOW", "keep (default); map: by --role-map; none: everything belongs to the connecting role"},
    {"acl", "HOW", "keep (default); none: without GRANT and REVOKE"},
    {"role-map", "A=B", "what belonged or was granted to A goes to B; can be repeated"},
    {"no-owner", NULL, "short for --owner none"},
    {"no-acl", NULL, "short for --acl none"},
    {"no-analyze", NULL, "leave statistics to autovacuum"},
    {"keep-on-failure", NULL, "do not drop the new database if something fails"},
    {NULL, NULL, NULL},
};

static void on_phase(void *context, const char *phase)
{
    (void) context;
    hf_log(HF_LOG_DEBUG, "restore: %s", phase);
}

/* What is to become of owners and grants. */
typedef struct role_choice {
    bool no_owner, no_acl;
    hf_role_map map;
    hf_strings names; /* that the map borrows */
} role_choice;

static void role_choice_done(role_choice *choice)
{
    free(choice->map.items);
    hf_strings_done(&choice->names);
}

/* "a=b"; names hold no "=" where they can be told here. */
static hf_status read_role_map(const hf_cli *cli, role_choice *choice, hf_error *error)
{
    for (size_t i = 0; i < cli->option_names.count; i++) {
        const char *value = cli->option_values.items[i];

        if (!hf_streq(cli->option_names.items[i], "role-map"))
            continue;
        size_t len = strcspn(value, "=");
        if (len == 0 || value[len] == '\0' || value[len + 1] == '\0' || strchr(value + len + 1, '=') != NULL)
            return hf_fail(error, HF_E_USAGE, "\"--role-map\" must be A=B, not \"%s\"", value);
        HF_AUTO_STR from = hf_strndup(value, len);
        hf_strings_add(&choice->names, from);
        hf_strings_add(&choice->names, value + len + 1);
    }
    for (size_t i = 0; i < choice->names.count; i += 2) {
        if (hf_role_map_find(&choice->map, choice->names.items[i]) != choice->names.items[i])
            return hf_fail(error, HF_E_USAGE, "\"--role-map\" names role \"%s\" twice",
                           choice->names.items[i]);
        HF_PUSH(&choice->map, ((hf_role_rename){choice->names.items[i], choice->names.items[i + 1]}));
    }
    return HF_OK;
}

static hf_status read_roles(const hf_cli *cli, role_choice *choice, hf_error *error)
{
    const char *owner = hf_cli_value(cli, "owner"), *acl = hf_cli_value(cli, "acl");

    if (owner != NULL && !hf_streq(owner, "keep") && !hf_streq(owner, "map") && !hf_streq(owner, "none"))
        return hf_fail(error, HF_E_USAGE, "\"--owner\" must be keep, map or none, not \"%s\"", owner);
    if (acl != NULL && !hf_streq(acl, "keep") && !hf_streq(acl, "none"))
        return hf_fail(error, HF_E_USAGE, "\"--acl\" must be keep or none, not \"%s\"", acl);
    HF_TRY(hf_cli_not_both(cli, "owner", "no-owner", error));
    HF_TRY(hf_cli_not_both(cli, "acl", "no-acl", error));
    HF_TRY(read_role_map(cli, choice, error));
    choice->no_owner = hf_streq(owner, "none") || hf_cli_has(cli, "no-owner");
    choice->no_acl = hf_streq(acl, "none") || hf_cli_has(cli, "no-acl");
    if (hf_streq(owner, "map") && choice->map.count == 0)
        return hf_fail(error, HF_E_USAGE, "\"--owner map\" needs at least one \"--role-map A=B\"");
    if (hf_streq(owner, "keep") && choice->map.count > 0)
        return hf_fail(error, HF_E_USAGE, "\"--owner keep\" and \"--role-map\" exclude each other");
    return HF_OK;
}

static hf_status restore(const hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                         const char *database, long jobs, hf_restore_report *report, hf_error *error)
{
    hf_progress progress = {0};
    HF_AUTO(role_choice_done) role_choice roles = {0};

    HF_TRY(read_roles(cli, &roles, error));
    const hf_restore_options how = {
        .repository = session->repository,
        .manifest = manifest,
        .url = session->url,
        .database = database,
        .jobs = (size_t) jobs,
        .no_owner = roles.no_owner,
        .no_acl = roles.no_acl,
        .role_map = &roles.map,
        .no_analyze = hf_cli_has(cli, "no-analyze"),
        .keep_on_failure = hf_cli_has(cli, "keep-on-failure"),
        .replace_unfinished = true,
        .progress = &progress,
        .on_phase = on_phase,
    };

    hf_progress_begin("restoring", &progress);
    hf_status status = hf_restore_run(&how, report, error);
    hf_progress_end();
    for (size_t i = 0; i < report->warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", report->warnings.items[i]);
    for (size_t i = 0; i < report->create_roles.count; i++)
        hf_log(HF_LOG_WARNING, "%s%s", i == 0 ? "the server lacks roles; to make them: " : "",
               report->create_roles.items[i]);
    return status;
}

static void print_objects(const hf_restore_report *report)
{
    static const hf_outcome shown[] = {HF_OUTCOME_FAILED, HF_OUTCOME_SKIPPED};

    for (size_t kind = 0; kind < 2; kind++)
        for (size_t i = 0; i < report->objects.count; i++) {
            const hf_restored *object = &report->objects.items[i];

            if (object->outcome != shown[kind])
                continue;
            hf_out_mark(kind == 0 ? HF_MARK_BAD : HF_MARK_SKIPPED, "%s %s%s%s: %s", object->kind,
                        object->schema == NULL ? "" : object->schema, object->schema == NULL ? "" : ".",
                        object->name, object->why == NULL ? "" : object->why);
        }
    for (size_t i = 0; i < report->differences.count; i++)
        hf_out_mark(HF_MARK_BAD, "%s.%s: %s", report->differences.items[i].schema,
                    report->differences.items[i].table, report->differences.items[i].why);
}

static void print(const hf_restore_report *report, const char *database, const char *kept)
{
    char count[32], size[32], took[32];

    print_objects(report);
    hf_out("database %s is snapshot %s\n\n", database, report->snapshot);
    hf_out_fact("verified", "%s",
                report->verified ? "every table was read back and is equal, row for row" : "no");
    hf_out_fact("content", "%s rows, %s, %zu objects", hf_show_count(report->rows, count),
                hf_show_size(report->bytes, size), hf_restore_report_count(report, HF_OUTCOME_RESTORED));
    hf_out_fact("took", "%s", hf_show_duration(report->took_ms, took));
    if (kept != NULL)
        hf_out_fact("kept", "the former database, as %s; drop it when nobody needs it", kept);
}

/* The live database's name.  HF_E_REFUSED if the snapshot is of another one, unless that is wanted. */
static hf_status live_database(const hf_cli *cli, const char *url, const hf_manifest *manifest,
                               char **ret_name, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_STR server = NULL;
    hf_error ignored;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "restore"}, &pg, error));
    if (hf_pg_query_text(pg, "SELECT system_identifier FROM pg_catalog.pg_control_system()", 0, NULL, &server,
                         &ignored) != HF_OK)
        HF_TRY(hf_stop_check(error)); /* some hosts forbid the function: then it is not known */
    if (hf_is_of_another(manifest, hf_pg_database(pg), server) && !hf_cli_has(cli, "from-other-database")) {
        HF_AUTO_STR theirs = hf_origin_shown(manifest->database.name, manifest->server.system_identifier);
        HF_AUTO_STR ours = hf_origin_shown(hf_pg_database(pg), server);

        hf_fail(error, HF_E_REFUSED, "the snapshot is of %s, and the live one is %s", theirs, ours);
        return hf_hint(error,
                       "--from-other-database puts it in the live one's place all the same; --into NAME "
                       "makes a new database of it");
    }
    *ret_name = hf_strdup(hf_pg_database(pg));
    return HF_OK;
}

/* The live database for this command alone: no deploy is under way, nor left for `holdfast resume`. */
static hf_status take_live(const hf_session *session, const char *purpose, hf_lock **ret_lock,
                           hf_error *error)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;

    HF_TRY(hf_lock_take(session->repository, session->target->name, purpose, &lock, error));
    HF_TRY(hf_deploy_refuse_unfinished(
        &(hf_deploy_options){.repository = session->repository, .target = session->target}, error));
    *ret_lock = HF_TAKE(lock);
    return HF_OK;
}

static hf_status restore_and_swap(hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                                  long jobs, hf_error *error)
{
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO_STR live = NULL;
    char time[32];
    uint32_t oid = 0;

    HF_TRY(live_database(cli, session->url, manifest, &live, error));
    HF_TRY(hf_swap_oid(session->url, live, &oid, error));
    HF_TRY(take_live(session, "restore --swap", &lock, error));
    hf_time_compact(hf_now_ms(), time);
    HF_AUTO_STR beside = hf_swap_name(live, "hf", time);
    HF_AUTO_STR kept = hf_swap_name(live, "replaced", time);

    hf_status status = restore(cli, session, manifest, beside, jobs, &report, error);
    json_t *document = hf_restore_report_json(&report);
    hf_cli_result(cli, document);
    json_object_set_new(document, "swapped", json_false());
    HF_TRY(status);

    status = hf_swap(
        &(hf_swap_options){
            .url = session->url, .live = live, .beside = beside, .kept = kept, .live_oid = oid},
        error);
    if (status != HF_OK)
        return hf_prefix(error, "the snapshot is restored as \"%s\" but \"%s\" is untouched", beside, live);
    json_object_set_new(document, "database", hf_json_text(live));
    json_object_set_new(document, "kept", hf_json_text(kept));
    json_object_set_new(document, "swapped", json_true());
    if (!cli->json)
        print(&report, live, kept);
    return HF_OK;
}

static hf_status compare_schema(const hf_session *session, const hf_manifest *manifest, hf_error *error)
{
    HF_AUTO(hf_proof_differences_done) hf_proof_differences differences = {0};

    HF_TRY(hf_compare_database_schema(&(hf_compare_options){.repository = session->repository,
                                                            .manifest = manifest,
                                                            .url = session->url,
                                                            .pg_dump = &session->target->snapshot.pg_dump},
                                      &differences, error));
    if (differences.count == 0)
        return HF_OK;
    hf_fail(error, HF_E_MISMATCH,
            "the rows are the snapshot's, but the schema differs in %zu objects; the first is %s \"%s\": %s",
            differences.count, differences.items[0].kind, differences.items[0].name,
            differences.items[0].why);
    return hf_hint(error, "`holdfast diff %s live` shows both", manifest->id);
}

typedef struct keeping {
    const hf_session *session;
    hf_progress *progress;
    char *id;
} keeping;

static hf_status keep_live(void *context, hf_error *error)
{
    keeping *k = context;
    char time[32];

    HF_TRY(hf_deploy_keep_state(&(hf_deploy_options){.repository = k->session->repository,
                                                     .target = k->session->target,
                                                     .url = k->session->url,
                                                     .progress = k->progress},
                                hf_time_compact(hf_now_ms(), time), NULL, NULL, &k->id, error));
    hf_log(HF_LOG_INFO, "what is there is kept as snapshot %s", k->id);
    hf_progress_begin("restoring in place", k->progress);
    return HF_OK;
}

static hf_status restore_in_place(hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                                  hf_error *error)
{
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO_STR live = NULL;
    hf_progress progress = {0};
    keeping k = {.session = session, .progress = &progress};

    HF_TRY(live_database(cli, session->url, manifest, &live, error));
    HF_TRY(take_live(session, "restore --in-place", &lock, error));
    hf_status status = hf_in_place_run(&(hf_in_place_options){.repository = session->repository,
                                                              .manifest = manifest,
                                                              .url = session->url,
                                                              .no_analyze = hf_cli_has(cli, "no-analyze"),
                                                              .progress = &progress,
                                                              .keep = keep_live,
                                                              .context = &k},
                                       &report, error);
    hf_progress_end();
    HF_AUTO_STR kept = k.id;
    for (size_t i = 0; i < report.warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", report.warnings.items[i]);
    json_t *document = hf_restore_report_json(&report);
    json_object_set_new(document, "kept_snapshot", hf_json_text(kept));
    hf_cli_result(cli, document);
    if (status != HF_OK && !cli->json)
        print_objects(&report);
    HF_TRY(status);
    if (!cli->json) {
        print(&report, live, NULL);
        hf_out_fact("kept", "what was there before, as snapshot %s (pinned)", kept);
    }
    return compare_schema(session, manifest, error);
}

static hf_status restore_into(hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                              const char *database, long jobs, hf_error *error)
{
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};

    hf_status status = restore(cli, session, manifest, database, jobs, &report, error);
    hf_cli_result(cli, hf_restore_report_json(&report));
    if (!cli->json && status != HF_OK)
        print_objects(&report);
    if (!cli->json && status == HF_OK)
        print(&report, database, NULL);
    return status;
}

/* Everything is the live database's own there, and one session does it. */
static hf_status check_in_place(const hf_cli *cli, hf_error *error)
{
    static const char *const OTHERS[] = {"table",    "as",       "jobs",   "owner",           "acl",
                                         "role-map", "no-owner", "no-acl", "keep-on-failure", NULL};

    for (const char *const *other = OTHERS; *other != NULL; other++)
        HF_TRY(hf_cli_not_both(cli, "in-place", *other, error));
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *into = hf_cli_value(cli, "into");
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    long jobs = 0;

    bool tables = hf_cli_has(cli, "table");
    HF_AUTO(role_choice_done) role_choice roles = {0};

    HF_TRY(hf_cli_not_both(cli, "into", "swap", error));
    HF_TRY(hf_cli_not_both(cli, "in-place", "swap", error));
    HF_TRY(hf_cli_not_both(cli, "in-place", "into", error));
    HF_TRY(check_in_place(cli, error));
    HF_TRY(read_roles(cli, &roles, error)); /* before anything is asked for */
    if (tables || hf_cli_has(cli, "as"))
        HF_TRY(hf_restore_tables_check(cli, error));
    if (into == NULL && !tables && !hf_cli_has(cli, "swap") && !hf_cli_has(cli, "in-place")) {
        hf_fail(error, HF_E_USAGE, "where to?");
        return hf_hint(error, "--into NAME makes a new database; --swap takes the live one's place and keeps "
                              "it; --in-place changes "
                              "the live one itself; --table NAME puts one table beside the live ones");
    }
    if (into != NULL && (strlen(into) > NAME_MAX_BYTES || !hf_is_utf8(into, strlen(into))))
        return hf_fail(error, HF_E_USAGE,
                       "\"%s\" cannot be the name of a database: it may have 63 bytes of UTF-8", into);
    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_READS_OBJECTS, &session, error));
    HF_TRY(hf_cli_number(cli, "jobs", 1, 64, (long) session.target->snapshot.jobs, &jobs, error));
    HF_TRY(hf_chosen_manifest(cli, &session, true, &manifest, error));
    hf_chosen_tell(&session, manifest);
    if (tables)
        return hf_restore_tables(cli, &session, manifest, error);
    if (hf_cli_has(cli, "in-place"))
        return restore_in_place(cli, &session, manifest, error);
    return into == NULL ? restore_and_swap(cli, &session, manifest, jobs, error)
                        : restore_into(cli, &session, manifest, into, jobs, error);
}

const hf_command hf_command_restore = {
    .name = "restore",
    .arguments = "[ID]",
    .summary = "restore into a new database, in the live one's place, into it, or tables",
    .details =
        "ID is an id, the beginning of one, \"latest\", or a label (\"label:NAME\" where it could be "
        "an id); a label\n"
        "that several snapshots have means the newest of them. TIME is \"2h ago\", \"1d 12h ago\", "
        "\"yesterday 14:00\",\n"
        "\"today 09:00\", 2026-11-20 (its first instant), \"2026-11-20 14:00\" or "
        "2026-11-20T14:00:00+01:00; without a\n"
        "zone it is local time. Broken snapshots are passed over with a warning.\n"
        "\n"
        "Every table is read back and compared with the snapshot, row for row.\n"
        "\n"
        "--role-map renames roles in owners, grants, default privileges, policies, user mappings and the "
        "database's own\n"
        "settings; those that it does not name are kept. A restore says before it begins which roles the "
        "server lacks;\n"
        "\"holdfast show ID --roles\" prints the statements that make them.\n"
        "\n"
        "--in-place is for roles that may not create databases. It keeps what is there as a snapshot, then "
        "empties and fills\n"
        "what the role owns in one transaction: until it commits nobody sees anything of it, and a kill "
        "leaves the database as\n"
        "it was. It uses one connection, keeps everybody waiting meanwhile, and takes longer than --swap. "
        "Extensions, and what\n"
        "belongs to others, are left alone and named.\n"
        "\n"
        "--table PATTERN (schema.table or table, * and ? allowed, a part in double quotes stands for "
        "itself) restores into\n"
        "the live database, beside what is there, in one transaction: columns, defaults, checks, "
        "primary key, unique indexes\n"
        "and rows. Foreign keys, triggers, other indexes, identities and defaults that use a sequence "
        "are left out, so that\n"
        "nothing ties the copy to the live table. Each --as belongs to the --table before it; * in it "
        "is the table's name.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
