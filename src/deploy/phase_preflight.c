#include <string.h>

#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "deploy/approval.h"
#include "deploy/gate.h"
#include "deploy/phase.h"
#include "deploy/plan_brief.h"
#include "deploy/preflight.h"
#include "deploy/touches.h"
#include "deploy/way.h"
#include "migrations/migrations.h"
#include "restore/swap.h"

#define REVISION_MAX 200

static hf_status remember_names(hf_cycle *cycle, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_STR oid = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = cycle->options->url, .purpose = "deploy"}, &pg, error));
    HF_TRY(hf_pg_query_text(
        pg, "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()", 0, NULL,
        &oid, error));
    HF_AUTO_STR server = hf_cycle_server(pg);
    const char *live = hf_pg_database(pg), *id = hf_journal_cycle(cycle->journal);
    HF_AUTO_STR beside = hf_swap_name(live, "hf", id);
    HF_AUTO_STR kept = hf_swap_name(live, "failed", id);

    hf_cycle_fact(cycle, "database", json_string(live));
    hf_cycle_fact(cycle, "database_oid", json_string(oid));
    hf_cycle_fact(cycle, "system_identifier", server != NULL ? json_string(server) : NULL);
    hf_cycle_fact(cycle, "beside", json_string(beside));
    hf_cycle_fact(cycle, "kept", json_string(kept));
    return HF_OK;
}

static void remember_way(hf_cycle *cycle, const hf_preflight *look)
{
    if (look->way_why == NULL) /* there was no connection */
        return;
    hf_cycle_fact(cycle, "way", json_pack("{s:s, s:s}", "way", hf_way_name(look->way), "why", look->way_why));
    if (look->way != HF_WAY_CLONE)
        return;
    HF_AUTO_STR clone = hf_swap_name(json_string_value(json_object_get(cycle->facts, "database")), "clone",
                                     hf_journal_cycle(cycle->journal));
    hf_cycle_fact(cycle, "clone", json_pack("{s:s}", "database", clone));
}

/* What the application is put back to; what cannot be told now could not be told then. */
static hf_status remember_revision(hf_cycle *cycle, hf_error *error)
{
    const hf_secret_source *source = &cycle->options->target->deploy.app_revision;
    HF_AUTO_STR revision = NULL;

    if (source->kind == HF_SECRET_NONE)
        return HF_OK;
    HF_TRY(hf_source_read(source, "the application's revision (deploy.app.revision)", &revision, error));
    const size_t len = strlen(revision);
    if (len > REVISION_MAX || !hf_is_utf8(revision, len) || strpbrk(revision, "\r\n\t\x1b") != NULL)
        return hf_fail(error, HF_E_USAGE,
                       "the application's revision (deploy.app.revision) is not one short line of text");
    hf_log(HF_LOG_INFO, "the application's revision is %s", revision);
    hf_cycle_fact(cycle, "revision", json_string(revision));
    return HF_OK;
}

static hf_status refuse_unexpected(const hf_cycle *cycle, const hf_migration_list *list, hf_error *error)
{
    const hf_strings *expect = &cycle->options->expect;
    size_t pending = 0;

    if (!cycle->options->expects)
        return HF_OK;
    if (list->unknown) {
        (void) hf_fail(error, HF_E_REFUSED,
                       "what is pending is not known, so it cannot be compared with --expect");
        return hf_hint(error,
                       "only migrations of kind prisma or sql, and commands with a \"profile\", can tell");
    }
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];

        if (!hf_migration_is_pending(migration))
            continue;
        pending++;
        if (!hf_strings_has(expect, migration->name)) {
            (void) hf_fail(error, HF_E_REFUSED, "migration \"%s\" is pending and was not expected",
                           migration->name);
            return hf_hint(error, "look at it, and name it with --expect if it is wanted");
        }
    }
    if (pending != expect->count)
        return hf_fail(error, HF_E_REFUSED, "%zu migration%s expected, and %zu %s pending", expect->count,
                       expect->count == 1 ? " was" : "s were", pending, pending == 1 ? "is" : "are");
    return HF_OK;
}

/*
 * Does the pending set hold what an earlier cycle took back, unchanged?  A migration that failed is blamed alone; when the
 * checks failed, only the same set as a whole is.  Gives the name of one of them, or NULL.
 */
static const char *find_taken_back(const json_t *taken_back, const hf_migration_list *list)
{
    const json_t *checksums = json_object_get(taken_back, "migrations");
    const char *name = NULL;
    size_t same = 0;

    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];
        const char *checksum = json_string_value(json_object_get(checksums, migration->name));

        if (hf_migration_is_pending(migration) && checksum != NULL &&
            hf_streq(checksum, migration->checksum)) {
            name = migration->name;
            same++;
        }
    }
    if (same < json_object_size(checksums))
        return NULL;
    if (json_is_true(json_object_get(taken_back, "as_a_whole")) && same < hf_migration_list_pending(list))
        return NULL;
    return name;
}

/* A restored ledger has forgotten the failure; the journals have not. */
static hf_status refuse_taken_back(const hf_cycle *cycle, const hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};

    if (cycle->options->retry)
        return HF_OK;
    HF_TRY(hf_journal_list(cycle->options->repository, cycle->options->target->name, &cycles, error));
    for (size_t i = cycles.count; i-- > 0;) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

        if (hf_streq(cycles.items[i], hf_journal_cycle(cycle->journal)))
            continue;
        HF_TRY(hf_journal_load(cycle->options->repository, cycle->options->target->name, cycles.items[i],
                               &journal, error));
        const char *name = find_taken_back(hf_journal_fact(journal, "taken_back"), list);
        if (name != NULL) {
            (void) hf_fail(error, HF_E_REFUSED,
                           "migration \"%s\" was rolled back by cycle %s, and its file is unchanged", name,
                           cycles.items[i]);
            return hf_hint(error, "correct the migration, or give --retry if the cause lay elsewhere");
        }
    }
    return HF_OK;
}

static json_t *pending_json(const hf_migration_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];

        if (hf_migration_is_pending(migration))
            json_array_append_new(
                array, json_pack("{s:s, s:s}", "name", migration->name, "checksum", migration->checksum));
    }
    return array;
}

static hf_status refuse_unapproved(hf_cycle *cycle, hf_error *error)
{
    json_t *fact = NULL;
    hf_status status = hf_approval_look(cycle->options, &fact, error);

    if (fact != NULL)
        hf_cycle_fact(cycle, "approval", fact);
    return status;
}

/* For the report.  Whether a plan must be made is the approval's to say; this one may fail. */
static void remember_plan(hf_cycle *cycle, const hf_migration_list *list)
{
    json_t *brief = NULL;
    hf_error error;

    if (hf_migration_list_pending(list) == 0)
        return;
    if (hf_plan_brief(cycle->options->target, cycle->options->url, &brief, &error) != HF_OK)
        hf_log(HF_LOG_DEBUG, "the plan could not be made: %s", error.message);
    else
        hf_cycle_fact(cycle, "plan", brief);
}

hf_cycle_event hf_phase_preflight(hf_cycle *cycle)
{
    HF_AUTO(hf_preflight_done) hf_preflight look = {0};
    hf_status status = remember_names(cycle, &cycle->error);

    if (status == HF_OK)
        status = remember_revision(cycle, &cycle->error);

    if (status != HF_OK)
        return hf_cycle_outcome(status);
    hf_cycle_fact(cycle, "overrides", hf_gate_overrides(cycle->options));
    status = hf_gate_wait(cycle->options, &cycle->error);
    if (status != HF_OK)
        return hf_cycle_outcome(status);
    hf_preflight_look(cycle->options, &look);
    hf_cycle_fact(cycle, "preflight", hf_preflight_json(&look));
    remember_way(cycle, &look);
    hf_cycle_fact(cycle, "checks_before", json_incref(look.checks_before));
    hf_cycle_fact(cycle, "pending", pending_json(&look.migrations));
    hf_cycle_fact(
        cycle, "touches",
        hf_touches_look(&cycle->options->target->migrations, cycle->options->url, &look.migrations));
    hf_cycle_fact(cycle, "pending_unknown", json_boolean(look.migrations.unknown));
    for (size_t i = 0; i < look.findings.count; i++) {
        const hf_finding *finding = &look.findings.items[i];

        if (finding->level == HF_FINDING_WARNING)
            hf_log(HF_LOG_WARNING, "%s: %s", finding->what, finding->seen);
        else
            hf_log(HF_LOG_DEBUG, "%s: %s", finding->what, finding->seen);
    }
    if (look.bad > 0)
        status = hf_preflight_refuse(&look, &cycle->error);
    if (status == HF_OK)
        status = refuse_unexpected(cycle, &look.migrations, &cycle->error);
    if (status == HF_OK)
        status = refuse_taken_back(cycle, &look.migrations, &cycle->error);
    if (status == HF_OK)
        status = refuse_unapproved(cycle, &cycle->error);
    if (status == HF_OK)
        remember_plan(cycle, &look.migrations);
    if (status == HF_OK)
        status = hf_stop_check(&cycle->error);
    return hf_cycle_outcome(status);
}
