#include "base/text.h"
#include "cli/commands.h"
#include "cli/describe.h"
#include "cli/output.h"
#include "cli/session.h"

enum { WIDE = 100 }; /* columns of a terminal that has room for everything */

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

/* Whether a target's snapshots are of several databases. */
static bool are_of_several(const hf_snapshot_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < i; k++) {
            const hf_snapshot_info *a = &list->items[i], *b = &list->items[k];

            if (a->database != NULL && b->database != NULL && hf_streq(a->target, b->target) &&
                !hf_streq(a->database, b->database))
                return true;
        }
    return false;
}

static void put_snapshot(hf_grid *grid, const hf_snapshot_info *info, const hf_proofs *proofs, bool narrow)
{
    char text[48];

    hf_grid_cell(grid, "%s", hf_show_age(info->created_ms, text));
    hf_grid_cell(grid, "%s", hf_show_count(info->rows, text));
    if (!narrow)
        hf_grid_cell(grid, "%s", hf_show_size(info->raw_bytes, text));
    hf_grid_cell(grid, "%s", hf_show_size(info->stored_bytes, text));
    if (!narrow)
        hf_grid_cell(grid, "%u", info->tables);
    put_proof(grid, hf_proofs_find(proofs, info->target, info->id));
}

static void print(const hf_snapshot_list *list, const hf_proofs *proofs, bool with_target)
{
    const size_t width = hf_out_columns();
    const bool narrow = width > 0 && width < WIDE, with_database = are_of_several(list);
    const char *titles[10] = {"id", "taken", "rows"};
    char align[11] = "llr";
    size_t columns = 3;
    const struct {
        const char *title;
        char align;
        bool shown;
    } more[] = {
        {"size", 'r', !narrow},           {"stored", 'r', true},
        {"tables", 'r', !narrow},         {"proven", 'l', true},
        {"database", 'l', with_database}, {"target", 'l', with_target},
        {"what for", 'l', true},
    };

    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        if (more[i].shown) {
            titles[columns] = more[i].title;
            align[columns++] = more[i].align;
        }

    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = align, .columns = columns};

    for (size_t i = 0; i < list->count; i++) {
        const hf_snapshot_info *info = &list->items[i];

        hf_grid_cell(&grid, "%s", info->id);
        if (info->broken == NULL)
            put_snapshot(&grid, info, proofs, narrow);
        else
            hf_grid_cell(&grid, "BROKEN");
        for (size_t dashes = narrow ? 3 : 5; info->broken != NULL && dashes > 0; dashes--)
            hf_grid_cell(&grid, "-");
        if (with_database)
            hf_grid_cell(&grid, "%s", info->database != NULL ? info->database : "-");
        if (with_target)
            hf_grid_cell(&grid, "%s", info->target);
        if (info->broken == NULL)
            put_purpose(&grid, info);
        else
            hf_grid_cell(&grid, "%s", info->broken);
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
