#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"

static void put_purpose(hf_grid *grid, const hf_snapshot_info *info)
{
    HF_AUTO_BUF text = HF_BUF_MAX(1024);

    if (info->degraded)
        hf_buf_puts(&text, "DEGRADED");
    if (info->filtered)
        hf_buf_printf(&text, "%sfiltered", text.len > 0 ? ", " : "");
    if (info->pinned)
        hf_buf_printf(&text, "%spinned", text.len > 0 ? ", " : "");
    if (info->cycle != NULL)
        hf_buf_printf(&text, "%sdeploy %s", text.len > 0 ? ", " : "", info->cycle);
    if (info->label != NULL)
        hf_buf_printf(&text, "%s%s", text.len > 0 ? ", " : "", info->label);
    hf_grid_cell(grid, "%s", hf_buf_text(&text));
}

static void put_proof(hf_grid *grid, const hf_proof *proof)
{
    char age[48];

    if (proof != NULL && proof->equal)
        hf_grid_cell(grid, "%s", hf_show_age(proof->at_ms, age));
    else
        hf_grid_cell(grid, "%s", proof == NULL ? "never" : "FAILED");
}

static void print(const hf_snapshot_list *list, const hf_proofs *proofs, bool with_target)
{
    static const char *const titles[] = {"id",     "taken",  "rows",     "size",  "stored",
                                         "tables", "proven", "what for", "target"};
    HF_AUTO(hf_grid_done)
    hf_grid grid = {.titles = titles, .align = "llrrrrlll", .columns = with_target ? 9 : 8};

    for (size_t i = 0; i < list->count; i++) {
        const hf_snapshot_info *info = &list->items[i];
        char text[48];

        hf_grid_cell(&grid, "%s", info->id);
        if (info->broken != NULL) {
            hf_grid_cell(&grid, "BROKEN");
            for (int column = 0; column < 5; column++)
                hf_grid_cell(&grid, "-");
            hf_grid_cell(&grid, "%s", info->broken);
        } else {
            hf_grid_cell(&grid, "%s", hf_show_age(info->created_ms, text));
            hf_grid_cell(&grid, "%s", hf_show_count(info->rows, text));
            hf_grid_cell(&grid, "%s", hf_show_size(info->raw_bytes, text));
            hf_grid_cell(&grid, "%s", hf_show_size(info->stored_bytes, text));
            hf_grid_cell(&grid, "%u", info->tables);
            put_proof(&grid, hf_proofs_find(proofs, info->target, info->id));
            put_purpose(&grid, info);
        }
        if (with_target)
            hf_grid_cell(&grid, "%s", info->target);
    }
    hf_grid_print(&grid, 0);
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    HF_AUTO(hf_proofs_done) hf_proofs proofs = {0};

    HF_TRY(hf_session_open(cli, HF_NEEDS_REPOSITORY, &session, error));
    const char *target = session.target == NULL ? NULL : session.target->name;
    HF_TRY(hf_repository_list(session.repository, target, &list, error));
    HF_TRY(hf_proof_list(session.repository, target, &proofs, error));

    json_t *snapshots = json_array();
    hf_cli_result(cli, json_pack("{s:o}", "snapshots", snapshots));
    for (size_t i = 0; i < list.count; i++) {
        json_t *snapshot = hf_describe_info(&list.items[i]);

        hf_describe_proof(snapshot, hf_proofs_find(&proofs, list.items[i].target, list.items[i].id));
        json_array_append_new(snapshots, snapshot);
    }
    if (cli->json)
        return HF_OK;
    if (list.count == 0)
        hf_out("no snapshots yet; \"holdfast backup\" takes one\n");
    else
        print(&list, &proofs, session.config->targets.count > 1);
    return HF_OK;
}

const hf_command hf_command_snapshots = {
    .name = "snapshots",
    .summary = "list the snapshots, the newest last",
    .run = run,
};
