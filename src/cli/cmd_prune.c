/*
 * `prune`: remove the snapshots that the retention does not keep, target by target.  A target that cannot be pruned
 * does not keep the others from it; the first failure is the command's.
 */
#include "base/log.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/deploy.h"
#include "repository/journal.h"
#include "repository/layout.h"
#include "repository/lock.h"
#include "repository/retention.h"

static const hf_cli_option options[] = {
    {"dry-run", NULL, "only show what would stay, and why"},
    {"allow-shrunk", NULL, "also when a snapshot is much smaller than the one before it"},
    {NULL, NULL, NULL},
};

static hf_retention rules_of(const hf_retention_config *config)
{
    return (hf_retention){.last = config->keep_last,
                          .hourly = config->keep_hourly,
                          .daily = config->keep_daily,
                          .weekly = config->keep_weekly,
                          .monthly = config->keep_monthly,
                          .yearly = config->keep_yearly,
                          .within_ms = config->keep_within_ms,
                          .labels = &config->keep_labels};
}

/* HF_E_REFUSED if nothing is configured: that never means that nothing is to be kept. */
static hf_status find_rules(const hf_session *session, const hf_target_config *target,
                            hf_retention *ret_rules, hf_error *error)
{
    *ret_rules = rules_of(&target->retention);
    if (hf_retention_is_empty(ret_rules))
        *ret_rules = rules_of(&session->config->retention);
    if (!hf_retention_is_empty(ret_rules))
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "no retention is configured for target \"%s\"", target->name);
    return hf_hint(error,
                   "for example repository: {retention: {keep_last: 7, keep_daily: 14, keep_weekly: 8, "
                   "keep_monthly: 12}}");
}

static void put_reasons(hf_grid *grid, const hf_verdict *verdict)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4096);

    for (size_t i = 0; i < verdict->reasons.count; i++)
        hf_buf_printf(&text, "%s%s", i > 0 ? ", " : "", verdict->reasons.items[i]);
    hf_grid_cell(grid, "%s", hf_buf_text(&text));
}

static void print(const char *target, const hf_snapshot_list *list, const hf_retention_plan *plan)
{
    static const char *const titles[] = {"snapshot", "taken", "", "why"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "llll", .columns = 4};
    char age[48];

    for (size_t i = 0; i < list->count; i++) {
        const hf_verdict *verdict = &plan->verdicts.items[i];

        hf_grid_cell(&grid, "%s", list->items[i].id);
        hf_grid_cell(&grid, "%s", hf_show_age(list->items[i].created_ms, age));
        hf_grid_cell(&grid, "%s", verdict->reasons.count > 0 ? "keep" : "remove");
        put_reasons(&grid, verdict);
    }
    hf_out("target %s\n", target);
    hf_grid_print(&grid, 2);
}

static json_t *plan_json(const hf_snapshot_list *list, const hf_retention_plan *plan)
{
    json_t *snapshots = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const hf_strings *reasons = &plan->verdicts.items[i].reasons;
        json_t *snapshot = hf_describe_info(&list->items[i]);
        json_t *why = json_array();

        for (size_t k = 0; k < reasons->count; k++)
            json_array_append_new(why, json_string(reasons->items[k]));
        json_object_set_new(snapshot, "keep", json_boolean(reasons->count > 0));
        json_object_set_new(snapshot, "reasons", why);
        json_array_append_new(snapshots, snapshot);
    }
    return snapshots;
}

static hf_status refuse_doubt(const hf_retention_plan *plan, const char *target, hf_error *error)
{
    (void) hf_fail(error, HF_E_REFUSED, "nothing is removed of target \"%s\": %s", target, plan->doubt);
    return hf_hint(
        error,
        "if the database lost its data, restore it; if that is as it should be, `holdfast pin %s` keeps "
        "the larger one and ends the question, --allow-shrunk passes over it once",
        plan->doubted);
}

static hf_status left_out(const hf_session *session, const char *what, const char *id, hf_error *error)
{
    (void) hf_fail(error, HF_E_STORAGE,
                   "nothing is removed: the listing of \"%s\" leaves out the %s %s, which is there",
                   hf_storage_url(hf_repository_storage(session->repository)), what, id);
    return hf_hint(error,
                   "the storage, or something before it, lists what it had some time ago, or a part of it; "
                   "try again later");
}

/* Proofs and cycles, which would keep a snapshot, were looked for by listings; by their keys they are there for sure. */
static hf_status require_listed(const hf_session *session, const hf_snapshot_info *info,
                                const hf_proofs *proofs, const hf_strings *cycles, hf_error *error)
{
    HF_AUTO(hf_proof_done) hf_proof proof = {0};
    HF_AUTO_STR cycle = info->cycle != NULL ? hf_cycle_key(info->target, info->cycle) : NULL;
    uint64_t bytes = 0;

    hf_status status = hf_proofs_find(proofs, info->target, info->id) != NULL
                           ? HF_E_NOT_FOUND
                           : hf_proof_get(session->repository, info->target, info->id, &proof, error);

    if (status == HF_OK)
        return left_out(session, "proof of snapshot", info->id, error);
    if (status == HF_E_STORAGE || status == HF_E_STORAGE_DENIED)
        return status;
    if (cycle == NULL || hf_strings_has(cycles, info->cycle))
        return HF_OK;
    status = hf_storage_stat(hf_repository_storage(session->repository), cycle, &bytes, error);
    if (status == HF_OK)
        return left_out(session, "cycle", info->cycle, error);
    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

/* The snapshots first, the cycles then: a cycle that begins meanwhile needs only a snapshot that is not in the list. */
static hf_status decide(const hf_session *session, const char *target, const hf_retention *rules,
                        hf_snapshot_list *list, hf_retention_plan *ret_plan, hf_error *error)
{
    HF_AUTO(hf_proofs_done) hf_proofs proofs = {0};
    HF_AUTO(hf_strings_done) hf_strings unfinished = {0};
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO_STR cycle = NULL;

    HF_TRY(hf_repository_list(session->repository, target, list, error));
    HF_TRY(hf_proof_list(session->repository, target, &proofs, error));
    HF_TRY(hf_journal_list(session->repository, target, &cycles, error));
    HF_TRY(hf_deploy_unfinished(session->repository, target, &cycle, error));
    if (cycle != NULL)
        hf_strings_add(&unfinished, cycle);
    *ret_plan = hf_retention_decide(rules, list, &proofs, &unfinished);
    for (size_t i = 0; i < list->count; i++)
        if (ret_plan->verdicts.items[i].reasons.count == 0)
            HF_TRY(require_listed(session, &list->items[i], &proofs, &cycles, error));
    return HF_OK;
}

static hf_status prune(hf_cli *cli, const hf_session *session, const hf_target_config *target, json_t *result,
                       hf_error *error)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    HF_AUTO(hf_retention_plan_done) hf_retention_plan plan = {0};
    const bool dry = hf_cli_has(cli, "dry-run");
    hf_retention rules;
    json_int_t removed = 0;

    HF_TRY(find_rules(session, target, &rules, error));
    if (!dry)
        HF_TRY(hf_lock_take_snapshots(session->repository, target->name, "prune", &lock, error));
    HF_TRY(decide(session, target->name, &rules, &list, &plan, error));
    json_object_set_new(result, "snapshots", plan_json(&list, &plan));
    if (!cli->json)
        print(target->name, &list, &plan);
    if (plan.doubt != NULL && !hf_cli_has(cli, "allow-shrunk"))
        return refuse_doubt(&plan, target->name, error);
    for (size_t i = 0; i < list.count && !dry; i++) {
        if (plan.verdicts.items[i].reasons.count > 0)
            continue;
        HF_TRY(hf_stop_check(error));
        HF_TRY(hf_repository_remove_snapshot(session->repository, target->name, list.items[i].id, error));
        json_object_set_new(result, "removed", json_integer(++removed));
    }
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    hf_status status = HF_OK;

    HF_TRY(
        hf_session_open(cli, hf_cli_has(cli, "dry-run") ? HF_NEEDS_REPOSITORY : HF_ENTERS, &session, error));
    json_t *targets = json_array();
    hf_cli_result(cli,
                  json_pack("{s:b, s:o}", "dry_run", (int) hf_cli_has(cli, "dry-run"), "targets", targets));
    for (size_t i = 0; i < session.config->targets.count; i++) {
        const hf_target_config *target = &session.config->targets.items[i];
        hf_error why = {0};

        if (session.target != NULL && session.target != target)
            continue;
        json_t *result = json_pack("{s:s, s:i}", "target", target->name, "removed", 0);
        json_array_append_new(targets, result);
        if (prune(cli, &session, target, result, &why) == HF_OK)
            continue;
        json_object_set_new(result, "error", hf_out_error_json(&why));
        if (status == HF_OK) {
            status = why.code;
            *error = why;
        } else {
            hf_log_error(&why);
        }
        if (status == HF_E_CANCELLED)
            break;
    }
    return status;
}

const hf_command hf_command_prune = {
    .name = "prune",
    .summary = "remove the snapshots that the retention does not keep",
    .details = "The rules stand in repository.retention, or in the target's retention. Pinned snapshots, the "
               "newest, the\n"
               "newest proven one, broken ones and those of a deploy that has not ended are kept in any "
               "case. The room\n"
               "is free after \"holdfast gc\". Without --target: all targets of the configuration.",
    .options = options,
    .run = run,
};
