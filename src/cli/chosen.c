#include "cli/chosen.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "deploy/deploy.h"
#include "deploy/report.h"
#include "repository/document.h"
#include "repository/journal.h"
#include "repository/proof.h"

#define CYCLES_SHOWN 10

hf_status hf_chosen_manifest(const hf_cli *cli, const hf_session *session, bool must,
                             hf_manifest **ret_manifest, hf_error *error)
{
    const char *name = hf_cli_argument(cli, 0), *at = hf_cli_value(cli, "at");
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};
    int64_t at_ms = 0;

    if (name != NULL && at != NULL)
        return hf_fail(error, HF_E_USAGE, "\"%s\" and \"--at\" exclude each other: both tell which snapshot",
                       name);
    if (at == NULL) {
        if (name == NULL && must) {
            (void) hf_fail(error, HF_E_USAGE, "which snapshot?");
            return hf_hint(error, "\"latest\", an id or its beginning, a label, or --at TIME");
        }
        return hf_session_manifest(session, name == NULL ? "latest" : name, ret_manifest, error);
    }
    HF_TRY(hf_time_parse_human(at, hf_now_ms(), &at_ms, error));
    HF_TRY(hf_repository_find_at(session->repository, session->target->name, at_ms, &choice, error));
    hf_session_warn(&choice);
    return hf_repository_load(session->repository, session->target->name, choice.id, ret_manifest, error);
}

static void tell_proof(const hf_session *session, const hf_manifest *manifest)
{
    HF_AUTO(hf_proof_done) hf_proof proof = {0};
    hf_error error = {0};
    char age[48];

    hf_status status = hf_proof_get(session->repository, session->target->name, manifest->id, &proof, &error);
    if (status == HF_E_NOT_FOUND)
        hf_log(HF_LOG_INFO, "it was never proven (holdfast prove %s)", manifest->id);
    else if (status != HF_OK)
        hf_log(HF_LOG_WARNING, "whether it was proven is not known: %s", error.message);
    else if (proof.equal)
        hf_log(HF_LOG_INFO, "it was proven %s: restored and compared, all equal",
               hf_show_age(proof.at_ms, age));
    else
        hf_log(HF_LOG_WARNING, "its proof %s FAILED: %llu differences; the first is %s \"%s\": %s",
               hf_show_age(proof.at_ms, age), (unsigned long long) proof.difference_count,
               proof.differences.count > 0 ? proof.differences.items[0].kind : "",
               proof.differences.count > 0 ? proof.differences.items[0].name : "",
               proof.differences.count > 0 ? proof.differences.items[0].why : "");
}

static int64_t time_of(const json_t *report, const char *name)
{
    const char *text = json_string_value(json_object_get(report, name));
    int64_t time_ms = 0;

    return text != NULL && hf_time_parse(text, &time_ms, NULL) == HF_OK ? time_ms : 0;
}

/* Deploys of a target do not overlap, so the first one that ended before the snapshot ends the search. */
static hf_status cycles_since(const hf_session *session, int64_t since_ms, json_t *ret_reports,
                              hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};

    HF_TRY(hf_journal_list(session->repository, session->target->name, &cycles, error));
    for (size_t i = cycles.count; i-- > 0;) {
        json_t *report = NULL;

        HF_TRY(hf_deploy_report(session->repository, session->target->name, cycles.items[i], &report, error));
        int64_t finished_ms = time_of(report, "finished_at");
        (void) json_array_insert_new(ret_reports, 0, report);
        if (finished_ms != 0 && finished_ms < since_ms) {
            (void) json_array_remove(ret_reports, 0);
            break;
        }
    }
    return HF_OK;
}

static void tell_cycles(const hf_session *session, const hf_manifest *manifest)
{
    HF_AUTO_JSON reports = json_array();
    hf_error error = {0};
    char age[48];

    if (cycles_since(session, manifest->created_ms, reports, &error) != HF_OK)
        hf_log(HF_LOG_WARNING, "what was deployed since is not fully known: %s", error.message);
    size_t count = json_array_size(reports);
    if (count == 0) {
        hf_log(HF_LOG_INFO, "no deploy since it was taken");
        return;
    }
    size_t first = count > CYCLES_SHOWN ? count - CYCLES_SHOWN : 0;
    hf_log(HF_LOG_INFO, "since it was taken: %zu %s%s", count, count == 1 ? "deploy" : "deploys",
           first > 0 ? ", the last of them:" : ":");
    for (size_t i = first; i < count; i++) {
        const json_t *report = json_array_get(reports, i);

        hf_log(HF_LOG_INFO, "  %s %s, %s%s", hf_json_member(report, "id"),
               hf_show_age(time_of(report, "started_at"), age), hf_json_member(report, "state"),
               hf_streq(hf_json_member(report, "snapshot"), manifest->id) ? " (it took this snapshot)" : "");
    }
}

void hf_chosen_tell(const hf_session *session, const hf_manifest *manifest)
{
    char time[32], age[48];

    hf_log(HF_LOG_INFO, "snapshot %s, taken %s, %s%s%s%s%s", manifest->id,
           hf_show_time(manifest->created_ms, time), hf_show_age(manifest->created_ms, age),
           manifest->label != NULL ? ", label \"" : "", manifest->label != NULL ? manifest->label : "",
           manifest->label != NULL ? "\"" : "", manifest->pinned ? ", pinned" : "");
    HF_AUTO_STR filtered = hf_filters_shown(manifest);
    HF_AUTO_STR degraded = hf_degraded_shown(manifest);
    if (filtered != NULL)
        hf_log(HF_LOG_WARNING, "the snapshot is FILTERED: %s", filtered);
    if (degraded != NULL)
        hf_log(HF_LOG_WARNING, "the snapshot is DEGRADED: %s (holdfast show %s)", degraded, manifest->id);
    tell_proof(session, manifest);
    tell_cycles(session, manifest);
}

static bool is_known(const char *text)
{
    return text != NULL && text[0] != '\0';
}

bool hf_is_of_another(const hf_manifest *manifest, const char *database, const char *system_identifier)
{
    if (!hf_streq(manifest->database.name, database))
        return true;
    return is_known(manifest->server.system_identifier) && is_known(system_identifier) &&
           !hf_streq(manifest->server.system_identifier, system_identifier);
}

char *hf_origin_shown(const char *database, const char *system_identifier)
{
    return hf_format("database \"%s\"%s%s%s", database,
                     is_known(system_identifier) ? " (of the server with system identifier " : "",
                     is_known(system_identifier) ? system_identifier : "",
                     is_known(system_identifier) ? ")" : "");
}
