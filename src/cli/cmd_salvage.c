#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/deploy.h"
#include "deploy/report.h"
#include "deploy/salvage.h"

static const hf_cli_option options[] = {
    {"to", "FOLDER", "the folder to make; ./salvage-CYCLE unless told"},
    {NULL, NULL, NULL},
};

static void print(const json_t *report)
{
    static const char *const titles[] = {"table", "added", "changed", "removed", "conflicts", ""};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "lrrrrl", .columns = 6};
    static const char *const counts[] = {"added", "changed", "removed", "conflicts"};
    const json_t *table;
    size_t i;

    json_array_foreach(json_object_get(report, "tables"), i, table)
    {
        char text[32];

        hf_grid_cell(&grid, "%s.%s", hf_json_member(table, "schema"), hf_json_member(table, "name"));
        for (size_t n = 0; n < 4; n++) {
            const json_t *count = json_object_get(table, counts[n]);

            hf_grid_cell(&grid, "%s",
                         json_is_integer(count) ? hf_show_count((uint64_t) json_integer_value(count), text)
                                                : "?");
        }
        hf_grid_cell(&grid, "%s", hf_json_member(table, "why"));
    }
    if (json_array_size(json_object_get(report, "tables")) == 0)
        hf_out("nothing was written after the snapshot\n");
    else
        hf_grid_print(&grid, 0);
    hf_out("\n%s/salvage.sql applies it; what differs in the live database is marked CONFLICT\n",
           hf_json_member(report, "folder"));
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO_STR cycle = NULL;
    json_t *report = NULL;

    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE | HF_NEEDS_REPOSITORY | HF_ENTERS, &session, error));
    HF_TRY(hf_deploy_find(session.repository, session.target->name, hf_cli_argument(cli, 0), &cycle, error));
    HF_AUTO_STR folder =
        hf_cli_value(cli, "to") != NULL ? hf_strdup(hf_cli_value(cli, "to")) : hf_format("salvage-%s", cycle);
    HF_TRY(hf_salvage_run(
        &(hf_deploy_options){.repository = session.repository, .target = session.target, .url = session.url},
        cycle, folder, &report, error));
    hf_cli_result(cli, json_pack("{s:o}", "salvage", report));
    if (!cli->json)
        print(report);
    return HF_OK;
}

const hf_command hf_command_salvage = {
    .name = "salvage",
    .arguments = "CYCLE",
    .summary = "export what was written between a deploy's snapshot and its way back",
    .details = "From the failed database, which is kept: files for COPY, and SQL that can be applied to the "
               "live one.",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options,
    .run = run,
};
