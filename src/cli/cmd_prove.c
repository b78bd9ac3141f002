/*
 * `prove`: the only way to know that a snapshot restores is to restore it.  It goes to a scratch database, where every row digest,
 * every schema object and every sequence is compared; the scratch database is dropped in every case, and the result is recorded.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/chosen.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "deploy/deploy.h"
#include "pg/connection.h"
#include "repository/document.h"
#include "repository/proof.h"
#include "restore/compare.h"
#include "restore/restore.h"
#include "restore/swap.h"

enum { SHOWN_MAX = 50 };

static const hf_cli_option options[] = {
    {"at", "TIME", "the newest snapshot taken at or before TIME, such as \"yesterday 14:00\""},
    {"jobs", "N", "connections that load side by side; default as configured"},
    {NULL, NULL, NULL},
};

static void on_phase(void *context, const char *phase)
{
    (void) context;
    hf_log(HF_LOG_DEBUG, "prove: %s", phase);
}

/* What the restore itself found: rows that differ, objects that the server refused. */
static void add_findings(const hf_restore_report *report, hf_proof_differences *list)
{
    for (size_t i = 0; i < report->objects.count; i++) {
        const hf_restored *object = &report->objects.items[i];

        if (object->outcome == HF_OUTCOME_FAILED)
            hf_proof_differences_add(list, object->kind, object->schema, object->name,
                                     object->why == NULL ? "it could not be restored" : object->why);
    }
    for (size_t i = 0; i < report->differences.count; i++)
        hf_proof_differences_add(list, "TABLE DATA", report->differences.items[i].schema,
                                 report->differences.items[i].table, report->differences.items[i].why);
}

/* HF_OK also with differences; an error means that the snapshot was not proven one way or the other, unless it is of `proof`. */
static hf_status restore_and_compare(const hf_session *session, const hf_manifest *manifest,
                                     const char *scratch, long jobs, hf_proof *proof, hf_error *error)
{
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};
    hf_progress progress = {0};
    const hf_restore_options how = {.repository = session->repository,
                                    .manifest = manifest,
                                    .url = session->url,
                                    .database = scratch,
                                    .jobs = (size_t) jobs,
                                    .no_analyze = true,
                                    .keep_on_failure =
                                        true, /* it is dropped below, after a look at the rest */
                                    .progress = &progress,
                                    .on_phase = on_phase};
    const hf_compare_options compare = {.repository = session->repository,
                                        .manifest = manifest,
                                        .url = session->url,
                                        .database = scratch,
                                        .pg_dump = &session->target->snapshot.pg_dump};

    hf_progress_begin("proving", &progress);
    hf_status status = hf_restore_run(&how, &report, error);
    hf_progress_end();
    for (size_t i = 0; i < report.warnings.count; i++)
        hf_log(HF_LOG_WARNING, "%s", report.warnings.items[i]);
    add_findings(&report, &proof->differences);
    proof->rows = report.rows;
    /* Damage found after the plan is the snapshot's; before, NOT_FOUND means that the server lacks something. */
    if (status == HF_E_CORRUPT || (status == HF_E_NOT_FOUND && report.phases.count > 1))
        hf_proof_differences_add(&proof->differences, "SNAPSHOT", NULL, manifest->id, error->message);
    if (status != HF_OK && !(status == HF_E_MISMATCH && proof->differences.count > 0))
        return status;
    HF_TRY(hf_compare_database_schema(&compare, &proof->differences, error));
    return hf_compare_database_sequences(&compare, &proof->differences, error);
}

static hf_status server_version(const hf_session *session, char **ret_version, hf_error *error)
{
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = session->url, .purpose = "prove"}, &pg, error));
    return hf_pg_query_text(pg, "SELECT pg_catalog.current_setting('server_version')", 0, NULL, ret_version,
                            error);
}

static json_t *proof_json(const hf_proof *proof)
{
    json_t *differences = json_array();

    for (size_t i = 0; i < proof->differences.count; i++) {
        const hf_proof_difference *item = &proof->differences.items[i];

        json_array_append_new(differences,
                              json_pack("{s:o, s:o, s:o, s:o}", "kind", hf_json_text(item->kind), "schema",
                                        hf_json_text(item->schema), "name", hf_json_text(item->name), "why",
                                        hf_json_text(item->why)));
    }
    return json_pack("{s:o, s:o, s:o, s:I, s:b, s:I, s:o, s:{s:o, s:o}, s:o}", "snapshot",
                     hf_json_text(proof->snapshot), "target", hf_json_text(proof->target), "at",
                     hf_json_time(proof->at_ms), "took_ms", (json_int_t) proof->took_ms, "equal",
                     (int) proof->equal, "rows", (json_int_t) proof->rows, "server_version",
                     hf_json_text(proof->server_version), "by", "user", hf_json_text(proof->user), "host",
                     hf_json_text(proof->host), "differences", differences);
}

static void print(const hf_proof *proof, const hf_manifest *manifest)
{
    char count[32], took[32];

    for (size_t i = 0; i < proof->differences.count && i < SHOWN_MAX; i++) {
        const hf_proof_difference *item = &proof->differences.items[i];

        hf_out_mark(HF_MARK_BAD, "%s %s%s%s: %s", item->kind, item->schema == NULL ? "" : item->schema,
                    item->schema == NULL ? "" : ".", item->name, item->why);
    }
    if (proof->differences.count > SHOWN_MAX)
        hf_out("      and %zu more\n", proof->differences.count - SHOWN_MAX);
    hf_out("snapshot %s %s\n\n", proof->snapshot, proof->equal ? "is proven" : "is NOT proven");
    if (proof->equal) {
        hf_out_fact("rows", "%s in %zu tables, all equal", hf_show_count(proof->rows, count),
                    manifest->tables.count);
        hf_out_fact("schema", "%u objects, all equal", manifest->schema_entries);
        hf_out_fact("sequences", "%zu, all equal", manifest->sequences.count);
    }
    hf_out_fact("took", "%s", hf_show_duration(proof->took_ms, took));
}

/* The result, recorded.  `status` is what the attempt ended with. */
static hf_status conclude(hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                          hf_proof *proof, hf_status status, hf_error *error)
{
    hf_error unrecorded = {0};

    proof->difference_count = proof->differences.count;
    proof->equal = status == HF_OK && proof->difference_count == 0;
    if (status != HF_OK && proof->difference_count == 0)
        return status; /* it could not be tried: that says nothing about the snapshot */
    hf_cli_result(cli, json_pack("{s:o}", "proof", proof_json(proof)));
    if (!cli->json)
        print(proof, manifest);
    if (hf_proof_put(session->repository, proof, &unrecorded) != HF_OK) {
        (void) hf_prefix(&unrecorded, "the result could not be recorded");
        if (!proof->equal) {
            hf_log_error(&unrecorded);
        } else {
            *error = unrecorded;
            return unrecorded.code;
        }
    }
    if (status != HF_OK && status != HF_E_DATABASE && status != HF_E_MISMATCH)
        return status;
    if (proof->equal)
        return HF_OK;
    return hf_fail(error, HF_E_DIFFERENT, "%zu things are not as snapshot \"%s\" has them",
                   proof->differences.count, proof->snapshot);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_proof_done) hf_proof proof = {.at_ms = hf_now_ms()};
    hf_error undropped = {0};
    char time[32];
    long jobs = 0;

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_READS_OBJECTS, &session, error));
    HF_TRY(hf_cli_number(cli, "jobs", 1, 64, (long) session.target->snapshot.jobs, &jobs, error));
    HF_TRY(hf_chosen_manifest(cli, &session, false, &manifest, error));
    HF_TRY(server_version(&session, &proof.server_version, error));

    HF_AUTO_JSON who = hf_operator_json();
    HF_AUTO_STR live = hf_pg_url_database(session.url);
    HF_AUTO_STR scratch = hf_swap_name(live, "prove", hf_time_compact(proof.at_ms, time));
    int64_t began_ms = hf_monotonic_ms();

    proof.target = hf_strdup(session.target->name);
    proof.snapshot = hf_strdup(manifest->id);
    proof.user = hf_strdup(json_string_value(json_object_get(who, "user")));
    proof.host = hf_strdup(json_string_value(json_object_get(who, "host")));
    proof.holdfast_version = hf_strdup(HF_VERSION);
    hf_log(HF_LOG_INFO, "proving snapshot %s in the scratch database \"%s\"", manifest->id, scratch);
    hf_status status = restore_and_compare(&session, manifest, scratch, jobs, &proof, error);
    /* One that was there before is not ours. */
    if (status != HF_E_EXISTS && hf_restore_drop(session.url, scratch, &undropped) != HF_OK) {
        hf_log_error(&undropped);
        hf_log(HF_LOG_WARNING, "the scratch database \"%s\" is still there; drop it", scratch);
    }
    proof.took_ms = hf_monotonic_ms() - began_ms;
    return conclude(cli, &session, manifest, &proof, status, error);
}

const hf_command hf_command_prove = {
    .name = "prove",
    .arguments = "[ID]",
    .summary = "restore a snapshot to a scratch database and compare it, row for row",
    .details = "Every row digest, every schema object and every sequence is compared with the snapshot (the "
               "latest unless\n"
               "named). The scratch database is dropped, and the result recorded in the repository: "
               "\"snapshots\" and\n"
               "\"show\" tell when each snapshot was proven. Exit status 7: something differs.",
    .max_arguments = 1,
    .options = options,
    .run = run,
};
