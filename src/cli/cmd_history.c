#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/cycles.h"
#include "cli/output.h"
#include "deploy/deploy.h"
#include "deploy/report.h"
#include "repository/journal.h"

/* A cycle in the list: the report without its long members, or what is wrong with its journal. */
static json_t *entry_of(hf_repository *repository, const char *target, const char *cycle)
{
    static const char *const left_out[] = {"phases", "preflight", "checks", "restore"};
    json_t *report = NULL;
    hf_error error = {0};

    if (hf_deploy_report(repository, target, cycle, &report, &error) != HF_OK)
        return json_pack("{s:s, s:s, s:s, s:o}", "id", cycle, "target", target, "state", "unreadable",
                         "error", hf_out_error_json(&error));
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        json_object_del(report, left_out[i]);
    return report;
}

static hf_status list(const hf_session *session, const char *target, json_t *cycles, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings ids = {0};

    HF_TRY(hf_journal_list(session->repository, target, &ids, error));
    for (size_t i = 0; i < ids.count; i++)
        json_array_append_new(cycles, entry_of(session->repository, target, ids.items[i]));
    return HF_OK;
}

static void print(const json_t *cycles, bool with_target)
{
    static const char *const titles[] = {"cycle", "started", "state", "took", "applied", "target", "why"};
    static const char *const without_target[] = {"cycle", "started", "state", "took", "applied", "why"};
    HF_AUTO(hf_grid_done)
    hf_grid grid = {
        .titles = with_target ? titles : without_target, .align = "lllrrll", .columns = with_target ? 7 : 6};
    size_t i;
    json_t *item;

    json_array_foreach(cycles, i, item)
    {
        const char *why = hf_json_member(json_object_get(item, "error"), "message");
        int64_t started = 0;
        char text[48];

        hf_grid_cell(&grid, "%s", hf_json_member(item, "id"));
        if (hf_time_parse(hf_json_member(item, "started_at"), &started, NULL) == HF_OK)
            hf_grid_cell(&grid, "%s", hf_show_age(started, text));
        else
            hf_grid_cell(&grid, "-");
        hf_grid_cell(&grid, "%s", hf_json_member(item, "state"));
        hf_grid_cell(&grid, "%s",
                     hf_show_duration(json_integer_value(json_object_get(item, "took_ms")), text));
        hf_grid_cell(&grid, "%zu", json_array_size(json_object_get(item, "applied")));
        HF_AUTO_STR companions = hf_report_companions(item);
        if (with_target)
            hf_grid_cell(&grid, "%s%s%s", hf_json_member(item, "target"), companions != NULL ? " with " : "",
                         companions != NULL ? companions : "");
        hf_grid_cell(&grid, "%.100s%s", why, strlen(why) > 100 ? "..." : "");
    }
    hf_grid_print(&grid, 0);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    json_t *cycles = json_array();
    hf_cli_result(cli, json_pack("{s:o}", "cycles", cycles));
    for (size_t i = 0; i < session.config->targets.count; i++) {
        const hf_target_config *target = &session.config->targets.items[i];

        if (session.target == NULL || session.target == target)
            HF_TRY(list(&session, target->name, cycles, error));
    }
    if (cli->json)
        return HF_OK;
    if (json_array_size(cycles) == 0)
        hf_out("no deploys yet\n");
    else
        print(cycles, session.config->targets.count > 1);
    return HF_OK;
}

const hf_command hf_command_history = {
    .name = "history",
    .summary = "list the deploys, the last one last",
    .run = run,
};
