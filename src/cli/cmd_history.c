#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/deploy.h"
#include "repository/journal.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void add_row(hf_grid *grid, const json_t *report)
{
    char took[32];

    hf_grid_cell(grid, "%s", text_of(report, "id"));
    hf_grid_cell(grid, "%s", text_of(report, "state"));
    hf_grid_cell(grid, "%zu of %zu", json_array_size(json_object_get(report, "applied")),
                 json_array_size(json_object_get(report, "pending")));
    hf_grid_cell(grid, "%s", hf_show_duration(json_integer_value(json_object_get(report, "took_ms")), took));
    hf_grid_cell(grid, "%s", text_of(json_object_get(report, "operator"), "user"));
    hf_grid_cell(grid, "%s", text_of(report, "snapshot"));
    hf_grid_cell(grid, "%s", text_of(report, "failed_database"));
}

/* A broken journal is a line of its own: the others are still shown. */
static hf_status run(hf_cli *cli, hf_error *error)
{
    static const char *const titles[] = {"CYCLE", "STATE",    "MIGRATIONS",     "TOOK",
                                         "BY",    "SNAPSHOT", "FAILED DATABASE"};
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "lllrlll", .columns = 7};
    hf_status worst = HF_OK;

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY | HF_NEEDS_TARGET, &session, error));
    HF_TRY(hf_journal_list(session.repository, session.target->name, &cycles, error));

    json_t *array = json_array();
    for (size_t i = cycles.count; i-- > 0;) {
        json_t *report = NULL;
        hf_error broken;
        hf_status status =
            hf_deploy_report(session.repository, session.target->name, cycles.items[i], &report, &broken);

        if (status != HF_OK) {
            hf_log_error(&broken);
            if (error != NULL)
                *error = broken;
            worst = status;
            continue;
        }
        add_row(&grid, report);
        json_array_append_new(array, report);
    }
    if (!cli->json) {
        if (json_array_size(array) == 0)
            hf_out("no deploy yet\n");
        else
            hf_grid_print(&grid, 0);
    }
    hf_cli_result(cli, json_pack("{s:o}", "cycles", array));
    return worst;
}

const hf_command hf_command_history = {
    .name = "history",
    .summary = "past deploys, newest first",
    .run = run,
};
