#include "deploy/preflight.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/text.h"
#include "checks/checks.h"
#include "deploy/fence.h"
#include "deploy/gate.h"
#include "deploy/scene.h"
#include "deploy/hook.h"
#include "deploy/sql.h"
#include "deploy/way.h"
#include "deploy/validate.h"
#include "pg/archive_filter.h"
#include "pg/catalog.h"
#include "pg/connection.h"
#include "pg/pg_dump.h"

#define REPOSITORY_MIN_BYTES (64u << 20)

void hf_preflight_done(hf_preflight *preflight)
{
    for (size_t i = 0; i < preflight->findings.count; i++) {
        free(preflight->findings.items[i].seen);
        free(preflight->findings.items[i].remedy);
    }
    free(preflight->findings.items);
    hf_migration_list_done(&preflight->migrations);
    free(preflight->way_why);
    json_decref(preflight->checks_before);
    *preflight = (hf_preflight){0};
}

json_t *hf_preflight_json(const hf_preflight *preflight)
{
    static const char *const levels[] = {"good", "warning", "bad"};
    json_t *array = json_array();

    for (size_t i = 0; i < preflight->findings.count; i++) {
        const hf_finding *finding = &preflight->findings.items[i];

        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s?}", "what", finding->what, "level",
                                               levels[finding->level], "seen", finding->seen, "remedy",
                                               finding->remedy));
    }
    return array;
}

hf_status hf_preflight_refuse(const hf_preflight *preflight, hf_error *error)
{
    for (size_t i = 0; i < preflight->findings.count; i++) {
        const hf_finding *finding = &preflight->findings.items[i];

        if (finding->level != HF_FINDING_BAD)
            continue;
        (void) hf_fail(error, HF_E_REFUSED, "%s: %s", finding->what, finding->seen);
        return hf_hint(error, "%s", finding->remedy != NULL ? finding->remedy : "");
    }
    return hf_fail(error, HF_E_REFUSED, "the preflight failed");
}

/* ---- findings ---- */

static hf_finding *add(hf_preflight *preflight, const char *what, hf_finding_level level)
{
    hf_finding *finding = HF_APPEND_NEW(&preflight->findings);

    finding->what = what;
    finding->level = level;
    preflight->bad += level == HF_FINDING_BAD;
    return finding;
}

HF_PRINTF(3, 4) static void good(hf_preflight *preflight, const char *what, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = hf_strdup("");
    va_end(args);
    add(preflight, what, HF_FINDING_GOOD)->seen = text;
}

static void finding_of(hf_preflight *preflight, const char *what, hf_finding_level level, char *seen,
                       const char *remedy)
{
    hf_finding *finding = add(preflight, what, level);

    finding->seen = seen;
    finding->remedy = hf_strdup(remedy);
}

void hf_preflight_add(hf_preflight *preflight, const char *what, hf_finding_level level, char *seen,
                      const char *remedy)
{
    hf_finding *finding = add(preflight, what, level);

    finding->seen = seen;
    finding->remedy = remedy != NULL ? hf_strdup(remedy) : NULL;
}

static void bad_error(hf_preflight *preflight, const char *what, const hf_error *error)
{
    finding_of(preflight, what, HF_FINDING_BAD, hf_strdup(error->message), error->hint);
}

/* ---- one look each ---- */

hf_status hf_maintenance_connect(const hf_target_config *target, const char *url, const char *purpose,
                                 hf_pg **ret_pg, hf_error *error)
{
    const char *names[] = {"postgres", "template1"};
    size_t count = 2;
    hf_status status = HF_E_CONNECTION;

    if (target->maintenance_database != NULL) {
        names[0] = target->maintenance_database;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        status = hf_pg_connect(
            &(hf_pg_options){.url = url, .database = names[i], .purpose = purpose, .steady = true}, ret_pg,
            error);
        if (status == HF_OK || status == HF_E_CONNECTION || status == HF_E_CANCELLED)
            return status;
    }
    return status;
}

static void look_at_repository(const hf_deploy_options *options, uint64_t database_bytes,
                               hf_preflight *preflight)
{
    static const char probe[] = "locks/preflight-probe";
    hf_storage *storage = hf_repository_storage(options->repository);
    hf_error error;
    uint64_t free_bytes = 0;
    char free_text[32], need_text[32];

    if (hf_storage_put(storage, probe, "", 0, &error) != HF_OK ||
        hf_storage_remove(storage, probe, &error) != HF_OK ||
        hf_storage_free_bytes(storage, &free_bytes, &error) != HF_OK) {
        bad_error(preflight, "repository", &error);
        return;
    }
    (void) hf_show_size(free_bytes, free_text);
    (void) hf_show_size(database_bytes, need_text);
    if (free_bytes < REPOSITORY_MIN_BYTES)
        finding_of(preflight, "repository", HF_FINDING_BAD, hf_format("only %s are free", free_text),
                   "make room, or give the repository another place");
    else if (free_bytes < database_bytes)
        finding_of(preflight, "repository", HF_FINDING_WARNING,
                   hf_format("%s are free, and the database has %s before compression", free_text, need_text),
                   "make room before the snapshot needs it");
    else if (free_bytes == UINT64_MAX)
        good(preflight, "repository", "%s, writable", hf_storage_url(storage));
    else
        good(preflight, "repository", "%s, writable, %s free", hf_storage_url(storage), free_text);
}

static void look_at_pg_dump(const hf_deploy_options *options, const hf_pg *pg, hf_preflight *preflight)
{
    HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};
    hf_error error;

    if (hf_pg_dump_find(&options->target->snapshot.pg_dump, hf_pg_version(pg), &dump, &error) != HF_OK)
        bad_error(preflight, "pg_dump", &error);
    else
        good(preflight, "pg_dump", "%s", dump.version);
}

/* The snapshot refuses too; here it costs nothing yet. */
static void look_at_tables(hf_pg *pg, hf_preflight *preflight)
{
    HF_AUTO(hf_pg_tables_done) hf_pg_tables tables = {0};
    HF_AUTO_BUF unreadable = HF_BUF_MAX(300);
    size_t count = 0;
    hf_error error;

    if (hf_pg_list_tables(pg, false, &tables, &error) != HF_OK) {
        bad_error(preflight, "tables", &error);
        return;
    }
    for (size_t i = 0; i < tables.count; i++) {
        if (tables.items[i].readable && !tables.items[i].rows_hidden)
            continue;
        HF_AUTO_STR name = hf_pg_table_shown(tables.items[i].schema, tables.items[i].name);
        hf_buf_printf(&unreadable, "%s%s", count++ == 0 ? "" : ", ", name);
    }
    if (count == 0) {
        good(preflight, "tables", "%zu, all readable", tables.count);
        return;
    }
    HF_AUTO_STR remedy = hf_format("GRANT pg_read_all_data TO \"%s\"; where row-level security hides rows, "
                                   "connect as the owner",
                                   hf_pg_user(pg));
    finding_of(preflight, "tables", HF_FINDING_BAD,
               hf_format("%zu cannot be read whole: %s", count, hf_buf_text(&unreadable)), remedy);
}

/* The way back must be able to give each object back to its owner; better known now than when it is needed. */
static void look_at_owners(hf_pg *pg, hf_preflight *preflight)
{
    HF_AUTO_ROWS rows = NULL;
    HF_AUTO_BUF owners = HF_BUF_MAX(300);
    hf_error error;

    if (hf_pg_query(pg, hf_sql_foreign_owners, 0, NULL, &rows, &error) != HF_OK) {
        bad_error(preflight, "owners", &error);
        return;
    }
    if (hf_rows_count(rows) == 0)
        return;
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        hf_buf_printf(&owners, "%s\"%s\" (%s)", i > 0 ? ", " : "", hf_rows_text(rows, i, "role"),
                      hf_rows_text(rows, i, "objects"));
    HF_AUTO_STR remedy = hf_format("GRANT \"%s\" TO \"%s\", or give the objects to \"%s\" (REASSIGN OWNED)",
                                   hf_rows_text(rows, 0, "role"), hf_pg_user(pg), hf_pg_user(pg));
    if (preflight->way == HF_WAY_IN_PLACE)
        finding_of(preflight, "owners", HF_FINDING_WARNING,
                   hf_format("a way back leaves alone what belongs to %s", hf_buf_text(&owners)), remedy);
    else
        finding_of(
            preflight, "owners", HF_FINDING_BAD,
            hf_format("role \"%s\" may not restore what belongs to %s", hf_pg_user(pg), hf_buf_text(&owners)),
            remedy);
}

static void look_at_obstacles(const hf_rows *facts, hf_preflight *preflight)
{
    if (hf_rows_bool(facts, 0, "is_standby"))
        finding_of(preflight, "server", HF_FINDING_BAD,
                   hf_strdup("the server is a standby and accepts no changes"), "connect to the primary");
    if (hf_rows_int(facts, 0, "prepared") > 0)
        finding_of(preflight, "prepared transactions", HF_FINDING_BAD,
                   hf_format("%lld prepared transactions would block the way back",
                             (long long) hf_rows_int(facts, 0, "prepared")),
                   "COMMIT PREPARED or ROLLBACK PREPARED them; see pg_prepared_xacts");
    if (hf_rows_text(facts, 0, "slots") != NULL)
        finding_of(preflight, "replication slots", HF_FINDING_WARNING,
                   hf_format("these stay with the failed database after a way back: %s",
                             hf_rows_text(facts, 0, "slots")),
                   "their consumers would have to start anew");
    if (!hf_rows_bool(facts, 0, "is_local") && !hf_rows_bool(facts, 0, "is_encrypted"))
        finding_of(preflight, "encryption", HF_FINDING_WARNING,
                   hf_strdup("the connection to a remote server is not encrypted"),
                   "add sslmode=verify-full to the database URL");
}

static void look_at_migrations(const hf_deploy_options *options, hf_preflight *preflight)
{
    hf_error error;

    if (hf_migrations_status(&options->target->migrations, options->url, true, &preflight->migrations,
                             &error) != HF_OK) {
        bad_error(preflight, "migrations", &error);
        return;
    }
    if (preflight->migrations.unknown)
        good(preflight, "migrations", "applied by a command, which knows what is pending");
    else
        good(preflight, "migrations", "%zu known, %zu pending", preflight->migrations.migrations.count,
             hf_migration_list_pending(&preflight->migrations));
    for (size_t i = 0; i < preflight->migrations.migrations.count; i++) {
        const hf_migration *migration = &preflight->migrations.migrations.items[i];

        if (migration->state == HF_MIGRATION_EDITED)
            finding_of(preflight, "migrations", HF_FINDING_WARNING,
                       hf_format("\"%s\" was edited after it was applied", migration->name),
                       "put the file back as it was, and make a new migration for the change");
        else if (migration->state == HF_MIGRATION_MISSING)
            finding_of(preflight, "migrations", HF_FINDING_WARNING,
                       hf_format("\"%s\" is applied, and its file is missing here", migration->name),
                       "deploy from the revision that has it");
    }
}

static bool look_at_configuration(const hf_deploy_options *options, hf_preflight *preflight)
{
    HF_AUTO(hf_config_problems_done) hf_config_problems problems = {0};

    hf_target_validate(options->config_path, options->target, &problems);
    for (size_t i = 0; i < problems.count; i++)
        bad_error(preflight, "configuration", &problems.items[i]);
    return problems.count == 0;
}

static void warn_of_insecure(const hf_target_config *target, hf_preflight *preflight)
{
    for (size_t i = 0; i < target->checks.count; i++) {
        const hf_check_config *check = &target->checks.items[i];

        if (check->http.request.insecure || check->metric.request.insecure)
            finding_of(preflight, "checks", HF_FINDING_WARNING,
                       hf_format("\"%s\" does not check the server's certificate", check->name),
                       "anybody in between can answer for the server; name its authority with ca_file");
    }
}

/* Can they be run, and what will they compare with? */
static void look_at_checks(const hf_deploy_options *options, hf_preflight *preflight)
{
    const hf_target_config *target = options->target;
    HF_AUTO(hf_scene_done) hf_scene scene = {0};
    hf_error error;

    if (target->checks.count == 0) {
        finding_of(preflight, "checks", HF_FINDING_WARNING, hf_strdup("none are configured"),
                   "a deploy without checks is only as good as its SQL; add some under `checks`");
        return;
    }
    hf_scene_init(options->repository, target, options->url, NULL, &scene);
    if (hf_checks_before(&target->checks, &scene.scene, &preflight->checks_before, &error) != HF_OK)
        bad_error(preflight, "checks", &error);
    else
        good(preflight, "checks", "%zu configured", target->checks.count);
    warn_of_insecure(target, preflight);
}

/* One that is missing would be missed in the middle, or on the way back. */
static void look_at_hooks(const hf_deploy_options *options, hf_preflight *preflight)
{
    size_t count = 0;

    for (int i = 0; i < HF_HOOKS; i++) {
        const hf_hook_config *hook = &options->target->deploy.hooks[i];

        if (hook->command.count == 0)
            continue;
        count++;
        if (!hf_child_can_run(hook->command.items[0], hook->folder))
            finding_of(preflight, "hooks", HF_FINDING_BAD,
                       hf_format("there is no program \"%s\" for %s", hook->command.items[0],
                                 hf_hook_name((hf_hook) i)),
                       "install it, or correct deploy.hooks, deploy.seed or deploy.app");
    }
    if (count > 0 && preflight->bad == 0)
        good(preflight, "hooks", "%zu configured", count);
}

static void look_at_maintenance(const hf_deploy_options *options, hf_preflight *preflight)
{
    HF_AUTO_PG pg = NULL;
    hf_error error;

    if (hf_maintenance_connect(options->target, options->url, "preflight", &pg, &error) != HF_OK)
        bad_error(preflight, "maintenance database", &error);
    else if (hf_streq(hf_pg_database(pg), "template1"))
        good(preflight, "maintenance database", "template1, as there is no postgres");
}

static void look_at_fence(const hf_deploy_options *options, hf_pg *pg, hf_preflight *preflight)
{
    const hf_target_config *target = options->target;
    HF_AUTO_STR subscriptions = NULL;
    hf_error error;

    if (target->deploy.fence.kind == HF_FENCE_NONE)
        return;
    if (hf_fence_check(pg, &target->deploy.fence, hf_pg_database(pg), &error) != HF_OK ||
        hf_pg_query_text(
            pg,
            "SELECT pg_catalog.string_agg(s.subname, ', ') FROM pg_catalog.pg_subscription s JOIN "
            "pg_catalog.pg_database d ON d.oid = s.subdbid WHERE s.subenabled AND d.datname = "
            "pg_catalog.current_database()",
            0, NULL, &subscriptions, &error) != HF_OK)
        bad_error(preflight, "fence", &error);
    if (subscriptions != NULL)
        finding_of(preflight, "fence", HF_FINDING_WARNING,
                   hf_format("it does not keep out what subscriptions write: %s", subscriptions),
                   "ALTER SUBSCRIPTION ... DISABLE for the time of the deploy");
    for (size_t i = 0; i < target->checks.count; i++)
        if (target->deploy.fence.kind == HF_FENCE_CONNECTIONS && !target->deploy.fence.until_migrated &&
            target->checks.items[i].kind == HF_CHECK_HTTP) {
            finding_of(preflight, "fence", HF_FINDING_WARNING,
                       hf_format("check \"%s\" asks an application that the fence keeps from its database",
                                 target->checks.items[i].name),
                       "set deploy.fence.until: migrated");
            break;
        }
}

/* A way back would lose what the snapshot leaves out. */
static void look_at_filters(const hf_deploy_options *options, hf_preflight *preflight)
{
    const hf_target_config *target = options->target;
    const hf_filter filter = {&target->snapshot.include, &target->snapshot.exclude,
                              &target->snapshot.exclude_data};
    hf_error error;

    if (hf_filter_check(&filter, &error) != HF_OK ||
        hf_filter_is_empty(&filter)) /* the former is told already */
        return;
    else if (target->deploy.allow_filtered)
        finding_of(preflight, "snapshot filters", HF_FINDING_WARNING,
                   hf_strdup("the snapshot leaves out what the configuration says, and so would a way back"),
                   "what it leaves out is then only in the failed state, which is kept");
    else
        finding_of(
            preflight, "snapshot filters", HF_FINDING_BAD,
            hf_strdup("the snapshot would leave out what the configuration says, and a way back would "
                      "lose it"),
            "take snapshot.include, exclude and exclude_data out (`backup` has options for them), or set "
            "deploy.allow_filtered: true");
}

void hf_preflight_look(const hf_deploy_options *options, hf_preflight *ret_preflight)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS facts = NULL;
    hf_error error;
    char size[32];

    const bool configured = look_at_configuration(options, ret_preflight);
    look_at_filters(options, ret_preflight);
    look_at_hooks(options, ret_preflight);
    if (hf_pg_connect(&(hf_pg_options){.url = options->url, .purpose = "preflight"}, &pg, &error) != HF_OK ||
        hf_pg_query(pg, hf_sql_preflight, 0, NULL, &facts, &error) != HF_OK) {
        bad_error(ret_preflight, "connection", &error);
        look_at_repository(options, 0, ret_preflight);
        return;
    }
    good(ret_preflight, "connection", "database \"%s\" on %s, PostgreSQL %d, %s", hf_pg_database(pg),
         hf_pg_host(pg), hf_pg_version(pg) / 10000,
         hf_show_size((uint64_t) hf_rows_int(facts, 0, "bytes"), size));
    hf_way_look(options, pg, ret_preflight);
    look_at_tables(pg, ret_preflight);
    look_at_owners(pg, ret_preflight);
    look_at_obstacles(facts, ret_preflight);
    look_at_maintenance(options, ret_preflight);
    look_at_fence(options, pg, ret_preflight);
    look_at_pg_dump(options, pg, ret_preflight);
    look_at_repository(options, (uint64_t) hf_rows_int(facts, 0, "bytes"), ret_preflight);
    look_at_migrations(options, ret_preflight);
    if (configured)
        look_at_checks(options, ret_preflight);
    hf_gates_look(options, pg, (uint64_t) hf_rows_int(facts, 0, "bytes"), ret_preflight);
}
