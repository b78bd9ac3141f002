#include "restore/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "restore/compare.h"
#include "restore/database.h"
#include "restore/job.h"
#include "restore/large_objects.h"
#include "restore/plan.h"
#include "restore/report.h"

/* HF_E_DATABASE that counts what failed and tells the first. */
static hf_status check_objects(const hf_restore_report *report, hf_error *error)
{
    size_t failed = hf_restore_report_count(report, HF_OUTCOME_FAILED);
    for (size_t i = 0; failed > 0 && i < report->objects.count; i++) {
        const hf_restored *object = &report->objects.items[i];
        if (object->outcome != HF_OUTCOME_FAILED)
            continue;
        return hf_fail(error, HF_E_DATABASE, "%zu object%s could not be restored; the first is %s \"%s\": %s",
                       failed, failed > 1 ? "s" : "", object->kind, object->name, object->why);
    }
    return HF_OK;
}

static hf_status check_rows(const hf_restore_report *report, hf_error *error)
{
    if (report->differences.count == 0)
        return HF_OK;
    const hf_difference *first = &report->differences.items[0];
    return hf_fail(error, HF_E_MISMATCH,
                   "%zu table%s differ%s from the snapshot; the first is \"%s\".\"%s\": %s",
                   report->differences.count, report->differences.count > 1 ? "s" : "",
                   report->differences.count > 1 ? "" : "s", first->schema, first->table, first->why);
}

hf_status hf_job_fill(hf_job *job, hf_restore_session *session, int64_t *phase_ms, hf_error *error)
{
    const hf_restore_options *options = job->options;
    hf_restore_report *report = job->report;
    hf_report_phase(report, options, "schema", phase_ms);
    HF_TRY(hf_set_string_syntax(session->pg, job->archive, error));
    job->server_version = hf_pg_version(session->pg);
    HF_TRY(hf_job_build_pass(job, session, HF_PASS_SCHEMA, error));
    HF_TRY(check_objects(report, error));

    hf_report_phase(report, options, "data", phase_ms);
    HF_TRY(hf_large_objects_create(job, session, error));
    HF_TRY(hf_job_plan(job, error));
    if (options->progress != NULL) /* in and back */
        atomic_store(&options->progress->total_bytes, 2 * hf_manifest_raw_bytes(job->manifest));
    HF_TRY(hf_job_run(job, session->is_one_transaction ? session : NULL, error));

    hf_report_phase(report, options, "finish", phase_ms);
    HF_TRY(hf_large_objects_finish(job, session, error));
    HF_TRY(hf_job_build_pass(job, session, HF_PASS_LAST, error));
    HF_TRY(check_objects(report, error));
    return check_rows(report, error);
}

static hf_status fill(hf_job *job, hf_pg *maintenance, int64_t *phase_ms, hf_error *error)
{
    HF_AUTO(hf_restore_session_done) hf_restore_session session = {0};
    HF_TRY(hf_restore_session_open(job->options, "restore", 1, &session, error));
    HF_TRY(hf_job_fill(job, &session, phase_ms, error));
    return hf_database_finish(maintenance, NULL, job->options, &job->report->warnings, error);
}

/* From an empty server to a whole database; *ret_created: there is something to drop. */
static hf_status make(hf_job *job, hf_pg *maintenance, bool replace, int64_t *phase_ms, bool *ret_created,
                      hf_error *error)
{
    hf_report_phase(job->report, job->options, "create", phase_ms);
    if (replace)
        HF_TRY(hf_database_drop(maintenance, job->options->url, job->options->database, error));
    HF_TRY(hf_database_create(maintenance, job->options, ret_created, error));
    HF_FAULT("restore.after_create", error);
    return fill(job, maintenance, phase_ms, error);
}

/* The first error stays the one to tell. */
static void undo(const hf_restore_options *options, hf_restore_report *report, hf_error *error)
{
    hf_error ignored;
    if (hf_restore_drop(options->url, options->database, &ignored) == HF_OK) {
        report->dropped = true;
    } else if (error != NULL) {
        HF_AUTO_STR hint = hf_strdup(error->hint);
        hf_hint(error, "%s%swhat was restored so far is still there: DROP DATABASE \"%s\"", hint,
                *hint != '\0' ? "; " : "", options->database);
    }
}

static hf_status run_with(const hf_restore_options *options, const hf_archive *archive,
                          hf_restore_report *report, int64_t *phase_ms, hf_error *error)
{
    HF_AUTO_PG maintenance = NULL;
    HF_TRY(hf_database_connect(options->url, options->database, &maintenance, error));
    bool replace = false, created = false;
    HF_TRY(hf_restore_plan(maintenance, options, archive, &report->warnings, &report->create_roles, &replace,
                           error));

    hf_job job;
    hf_job_init(&job, options, archive, report);
    hf_status status = make(&job, maintenance, replace, phase_ms, &created, error);
    hf_job_done(&job);
    if (status != HF_OK && created && !options->keep_on_failure)
        undo(options, report, error);
    return status;
}

static hf_status run(const hf_restore_options *options, hf_restore_report *report, int64_t *phase_ms,
                     hf_error *error)
{
    hf_report_phase(report, options, "plan", phase_ms);
    HF_AUTO(hf_archive_freep) hf_archive *archive = NULL;
    HF_TRY(hf_compare_load_archive(options->repository, options->manifest, &archive, error));
    if (options->role_map == NULL || options->role_map->count == 0)
        return run_with(options, archive, report, phase_ms, error);
    HF_AUTO(hf_role_map_manifest_done) hf_manifest manifest;
    hf_role_map_manifest(options->role_map, options->manifest, &manifest);
    hf_role_map_archive(options->role_map, archive);
    hf_restore_options mapped = *options;
    mapped.manifest = &manifest;
    return run_with(&mapped, archive, report, phase_ms, error);
}

hf_status hf_restore_run(const hf_restore_options *options, hf_restore_report *ret_report, hf_error *error)
{
    hf_error scratch;
    hf_error *seen = error != NULL ? error : &scratch;
    ret_report->database = hf_strdup(options->database);
    ret_report->snapshot = hf_strdup(options->manifest->id);
    int64_t started = hf_monotonic_ms(), phase_ms = started;
    hf_status status = run(options, ret_report, &phase_ms, seen);
    hf_report_phase(ret_report, options, NULL, &phase_ms);
    ret_report->took_ms = hf_monotonic_ms() - started;
    if (status != HF_OK)
        ret_report->verified = false;
    return status;
}
