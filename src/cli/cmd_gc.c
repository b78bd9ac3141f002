/* `gc`: objects that no snapshot needs, and databases whose time is up. */
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/expire.h"
#include "repository/gc.h"
#include "repository/lock.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

static const hf_cli_option options[] = {
    {"dry-run", NULL, "only count what would be removed"},
    {"grace", "DURATION", "leave what was stored later than so long ago; default 24h"},
    {NULL, NULL, NULL},
};

static json_t *count_json(const hf_gc_count *count)
{
    return json_pack("{s:I, s:I}", "objects", (json_int_t) count->count, "bytes", (json_int_t) count->bytes);
}

static json_t *report_json(const hf_gc_report *report, bool dry_run)
{
    return json_pack("{s:b, s:I, s:o, s:o, s:o, s:I, s:I, s:{s:I, s:I}}", "dry_run", (int) dry_run,
                     "snapshots", (json_int_t) report->snapshots, "needed", count_json(&report->needed),
                     "young", count_json(&report->young), "garbage", count_json(&report->garbage), "removed",
                     (json_int_t) report->removed, "proofs_removed", (json_int_t) report->proofs,
                     "leftovers_removed", "files", (json_int_t) report->swept.count, "bytes",
                     (json_int_t) report->swept.bytes);
}

static void print_count(const char *name, const hf_gc_count *count, const char *what)
{
    char number[32], size[32];

    hf_out_fact(name, "%s objects, %s%s", hf_show_count(count->count, number),
                hf_show_size(count->bytes, size), what);
}

static void print(const hf_gc_report *report, bool dry_run)
{
    print_count("needed", &report->needed, "");
    print_count("young", &report->young, "; no snapshot needs them, but they are within the grace period");
    print_count(dry_run ? "would go" : "removed", &report->garbage, "");
    if (report->swept.count > 0)
        hf_out_fact("leftovers", "%llu files of killed holdfasts removed",
                    (unsigned long long) report->swept.count);
}

/* Where the server cannot be reached, another night will do. */
static void drop_expired(const hf_session *session, const hf_target_config *target)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO(hf_secret_freep) char *url = NULL;
    hf_error why = {0};

    hf_status status = hf_session_url(target, &url, &why);
    if (status == HF_OK)
        status = hf_lock_take(session->repository, target->name, "gc", &lock, &why);
    if (status == HF_OK) {
        const hf_deploy_options options_of = {
            .repository = session->repository, .target = target, .url = url};

        hf_deploy_expire(&options_of);
        hf_deploy_drop_scratch(&options_of, DAY_MS);
    } else {
        hf_log(HF_LOG_INFO, "databases of target \"%s\" whose time is up are left: %s", target->name,
               why.message);
    }
}

/* A session of its own, and before the collection: who waited for that would else find the targets locked. */
static hf_status drop_all_expired(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    HF_TRY(hf_repository_enter(session.repository, "gc", NULL, error));
    for (size_t i = 0; i < session.config->targets.count; i++)
        drop_expired(&session, &session.config->targets.items[i]);
    return HF_OK;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    const char *grace = hf_cli_value(cli, "grace");
    hf_gc_options how = {.grace_ms = DAY_MS, .dry_run = hf_cli_has(cli, "dry-run")};
    hf_gc_report report = {0};

    if (grace != NULL && hf_parse_duration(grace, &how.grace_ms, NULL) != HF_OK)
        return hf_fail(error, HF_E_USAGE, "\"--grace\" must be a duration like 24h, not \"%s\"", grace);
    if (!how.dry_run)
        HF_TRY(drop_all_expired(cli, error));
    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    hf_status status = hf_gc_run(session.repository, &how, &report, error);
    hf_cli_result(cli, json_pack("{s:o}", "gc", report_json(&report, how.dry_run)));
    HF_TRY(status);
    if (!cli->json)
        print(&report, how.dry_run);
    return HF_OK;
}

const hf_command hf_command_gc = {
    .name = "gc",
    .summary = "remove objects that no snapshot needs, and what kills left behind",
    .details = "Nothing is removed while somebody works with the repository, on whatever host (exit status "
               "14), nor while\n"
               "the pointer or manifest of any snapshot cannot be read (12), nor where the storage's listing "
               "leaves out\n"
               "what is there (20). Failed databases whose time (deploy.rollback.keep_failed) is up are "
               "dropped too, and\n"
               "what a killed \"prove\" or \"restore --swap\" left for a day.",
    .options = options,
    .run = run,
};
