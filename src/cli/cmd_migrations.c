/* `migrations status`, `resolve` and `baseline`: what the ledger says, and how to correct it. */
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/drift_output.h"
#include "cli/output.h"
#include "cli/session.h"
#include "deploy/baseline.h"
#include "migrations/migrations.h"

static const hf_cli_option options[] = {
    {"applied", "NAME", "resolve: say that NAME is applied, though it was not run or failed"},
    {"rolled-back", "NAME", "resolve: say that what NAME left was undone, so that it is run again"},
    {"until", "NAME",
     "baseline: only the migrations up to NAME, which the database has; the rest is pending"},
    {"dry-run", NULL, "baseline: compare and try, and write nothing"},
    {NULL, NULL, NULL},
};

/* ---- status ---- */

/* What a person is told beside the state. */
static const char *meaning(const hf_migration *migration)
{
    switch (migration->state) {
    case HF_MIGRATION_FAILED:
        return "started, neither finished nor rolled back";
    case HF_MIGRATION_ROLLED_BACK:
        return migration->path != NULL ? "pending again" : "its file is not here";
    case HF_MIGRATION_EDITED:
        return "applied, and its file was changed since";
    case HF_MIGRATION_MISSING:
        return "applied, and its file is not here";
    default:
        return "";
    }
}

static size_t count_state(const hf_migration_list *list, hf_migration_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < list->migrations.count; i++)
        count += list->migrations.items[i].state == state;
    return count;
}

static json_t *status_json(const hf_migration_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *item = &list->migrations.items[i];

        json_array_append_new(
            array, json_pack("{s:o, s:s, s:o, s:b, s:o, s:o}", "name", hf_json_text(item->name), "state",
                             hf_migration_state_name(item->state), "at", hf_json_text(item->at), "pending",
                             (int) hf_migration_is_pending(item), "checksum",
                             hf_json_text(item->checksum[0] != '\0' ? item->checksum : NULL), "logs",
                             hf_json_text(item->logs)));
    }
    return json_pack("{s:o, s:I, s:o}", "migrations", array, "pending",
                     (json_int_t) hf_migration_list_pending(list), "obstacle",
                     list->obstacle.code != HF_OK ? hf_out_error_json(&list->obstacle) : json_null());
}

static void print_status(const hf_migration_list *list)
{
    static const char *const titles[] = {"state", "migration", "at", ""};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "llll", .columns = 4};

    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *item = &list->migrations.items[i];

        hf_grid_cell(&grid, "%s", hf_migration_state_name(item->state));
        hf_grid_cell(&grid, "%s", item->name);
        hf_grid_cell(&grid, "%s", item->at != NULL ? item->at : "");
        hf_grid_cell(&grid, "%s", meaning(item));
    }
    if (list->migrations.count > 0)
        hf_grid_print(&grid, 0);
    for (size_t i = 0; i < list->migrations.count; i++)
        if (list->migrations.items[i].logs != NULL)
            hf_out("\n%s failed:\n%s\n", list->migrations.items[i].name, list->migrations.items[i].logs);
}

static hf_status judge(const hf_migration_list *list, hf_error *error)
{
    static const struct {
        hf_migration_state state;
        const char *text;
    } parts[] = {{HF_MIGRATION_PENDING, "pending"},
                 {HF_MIGRATION_ROLLED_BACK, "rolled back"},
                 {HF_MIGRATION_EDITED, "edited after being applied"},
                 {HF_MIGRATION_MISSING, "applied without a file here"}};
    HF_AUTO_BUF text = HF_BUF_MAX(256);

    if (list->obstacle.code != HF_OK) {
        *error = list->obstacle;
        return error->code;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t count = count_state(list, parts[i].state);

        if (count > 0)
            hf_buf_printf(&text, "%s%zu %s", text.len > 0 ? ", " : "", count, parts[i].text);
    }
    if (text.len == 0)
        return HF_OK;
    (void) hf_fail(error, HF_E_DIFFERENT, "the database is not up to date with the migrations folder: %s",
                   hf_buf_text(&text));
    return hf_migration_list_pending(list) > 0
               ? hf_hint(error, "\"holdfast deploy\" applies what is pending")
               : hf_hint(error, "what was applied should be in the folder as it was; look into its history");
}

static hf_status status(hf_cli *cli, const hf_session *session, hf_error *error)
{
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};

    HF_TRY(hf_migrations_status(&session->target->migrations, session->url, false, &list, error));
    if (list.unknown || session->target->migrations.kind == HF_MIGRATIONS_NONE)
        return hf_migrations_check_ledger(&session->target->migrations, error);
    hf_cli_result(cli, status_json(&list));
    if (!cli->json)
        print_status(&list);
    HF_TRY(judge(&list, error));
    if (!cli->json)
        hf_out("%sup to date: %zu applied\n", list.migrations.count > 0 ? "\n" : "", list.migrations.count);
    return HF_OK;
}

/* ---- resolve ---- */

static hf_status resolve(hf_cli *cli, const hf_session *session, hf_error *error)
{
    const char *applied = hf_cli_value(cli, "applied"), *rolled_back = hf_cli_value(cli, "rolled-back");
    const char *name = applied != NULL ? applied : rolled_back;

    HF_TRY(hf_cli_not_both(cli, "applied", "rolled-back", error));
    if (name == NULL) {
        (void) hf_fail(error, HF_E_USAGE,
                       "\"holdfast migrations resolve\" needs --applied NAME or --rolled-back NAME");
        return hf_hint(error, "\"holdfast migrations status\" lists the names");
    }
    HF_TRY(hf_migrations_resolve(&session->target->migrations, session->url, name, applied != NULL, error));
    hf_cli_result(cli, json_pack("{s:s, s:s}", "migration", name, "state",
                                 applied != NULL ? "applied" : "rolled back"));
    if (!cli->json)
        hf_out("%s is marked as %s\n", name,
               applied != NULL ? "applied" : "rolled back; it is pending again");
    return HF_OK;
}

/* ---- baseline ---- */

static json_t *baseline_json(const hf_baseline *baseline)
{
    json_t *names = json_array();

    for (size_t i = 0; i < baseline->names.count; i++)
        json_array_append_new(names, hf_json_text(baseline->names.items[i]));
    return json_pack("{s:b, s:o, s:I, s:o}", "written", (int) baseline->written, "rows", names,
                     "tried_pending", (json_int_t) baseline->tried, "drift", hf_drift_json(&baseline->drift));
}

static void print_baseline(const hf_baseline *baseline, hf_status status)
{
    hf_drift_print(&baseline->drift);
    if (status != HF_OK)
        return;
    hf_out("the schema is what these %zu migrations make, and the rows work on a copy%s\n",
           baseline->names.count, baseline->tried > 0 ? ", as does what is pending behind them" : "");
    hf_out("%s:\n", baseline->written ? "marked as applied" : "would be marked as applied");
    for (size_t i = 0; i < baseline->names.count; i++)
        hf_out("  %s\n", baseline->names.items[i]);
}

static hf_status baseline(hf_cli *cli, const hf_session *session, hf_error *error)
{
    HF_AUTO(hf_baseline_done) hf_baseline made = {0};
    hf_status done = hf_baseline_run(session->target, session->url, hf_cli_value(cli, "until"),
                                     hf_cli_has(cli, "dry-run"), &made, error);

    hf_cli_result(cli, baseline_json(&made));
    if (!cli->json)
        print_baseline(&made, done);
    return done;
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    static const struct {
        const char *name;
        hf_status (*run)(hf_cli *cli, const hf_session *session, hf_error *error);
    } actions[] = {{"status", status}, {"resolve", resolve}, {"baseline", baseline}};
    const char *name = hf_cli_argument(cli, 0);
    HF_AUTO(hf_session_done) hf_session session = {0};

    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
        if (hf_streq(actions[i].name, name)) {
            HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE, &session, error));
            if (actions[i].run != status) /* which can read more of them than it could write */
                HF_TRY(hf_migrations_check_ledger(&session.target->migrations, error));
            return actions[i].run(cli, &session, error);
        }
    (void) hf_fail(error, HF_E_USAGE, "\"holdfast migrations\" has no \"%s\"", name);
    return hf_hint(error, "it has status, resolve and baseline");
}

const hf_command hf_command_migrations = {
    .name = "migrations",
    .arguments = "status|resolve|baseline",
    .summary = "tell what is pending, applied, failed, edited or missing; correct the ledger",
    .details = "status: every migration of the folder and of the ledger. Exit status 7: something is "
               "pending, was edited or\n"
               "is missing; 36: something keeps a deploy from running, such as a migration that failed.\n"
               "resolve: changes what the ledger says about one migration, and runs nothing.\n"
               "baseline: gives a ledger to a database that `db push` or hands built. What the migrations "
               "make is built in a\n"
               "scratch database and compared (exit status 7: it differs, nothing is written); the rows are "
               "tried on a copy of\n"
               "the schema, with what is pending behind them, and then written in one transaction.",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options,
    .run = run,
};
