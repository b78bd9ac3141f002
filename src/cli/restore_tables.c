#include "cli/restore_tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "base/text.h"
#include "cli/output.h"
#include "restore/table.h"

typedef HF_VECTOR(hf_table_choice) choices;

static void choices_done(choices *list)
{
    free(list->items);
}

/* Each --as belongs to the --table before it; a single pair may come in any order. */
static hf_status read_choices(const hf_cli *cli, choices *list, hf_error *error)
{
    const char *first_as = NULL;

    for (size_t i = 0; i < cli->option_names.count; i++) {
        const char *value = cli->option_values.items[i];
        hf_table_choice *last = list->count > 0 ? &list->items[list->count - 1] : NULL;

        if (hf_streq(cli->option_names.items[i], "table")) {
            HF_PUSH(list, ((hf_table_choice){.pattern = value}));
        } else if (hf_streq(cli->option_names.items[i], "as")) {
            if (last == NULL && first_as == NULL)
                first_as = value;
            else if (last != NULL && last->as == NULL)
                last->as = value;
            else
                return hf_fail(error, HF_E_USAGE, "\"--as %s\" has no \"--table\" before it", value);
        }
    }
    if (first_as == NULL)
        return HF_OK;
    if (list->count != 1 || list->items[0].as != NULL)
        return hf_fail(error, HF_E_USAGE, "\"--as %s\" has no \"--table\" before it", first_as);
    list->items[0].as = first_as;
    return HF_OK;
}

hf_status hf_restore_tables_check(const hf_cli *cli, hf_error *error)
{
    static const char *const others[] = {
        "into",  "swap", "jobs",    "no-owner", "no-acl", "no-analyze", "keep-on-failure",
        "owner", "acl",  "role-map"};
    HF_AUTO(choices_done) choices list = {0};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        HF_TRY(hf_cli_not_both(cli, "table", others[i], error));
    return read_choices(cli, &list, error);
}

static json_t *report_json(const hf_tables_report *report, const hf_manifest *manifest)
{
    json_t *tables = json_array();

    for (size_t i = 0; i < report->tables.count; i++) {
        const hf_table_wish *wish = report->tables.items[i].wish;
        json_t *notes = json_array();

        for (size_t j = 0; j < report->tables.items[i].notes.count; j++)
            json_array_append_new(notes, hf_json_text(report->tables.items[i].notes.items[j]));
        json_array_append_new(tables, json_pack("{s:o, s:o, s:{s:o, s:o}, s:I, s:I, s:o}", "schema",
                                                hf_json_text(wish->table->schema), "name",
                                                hf_json_text(wish->table->name), "as", "schema",
                                                hf_json_text(wish->schema), "name", hf_json_text(wish->name),
                                                "rows", (json_int_t) wish->table->total.rows, "raw_bytes",
                                                (json_int_t) wish->table->raw_bytes, "notes", notes));
    }
    return json_pack("{s:o, s:o, s:b, s:I, s:o}", "database", hf_json_text(report->database), "snapshot",
                     hf_json_text(manifest->id), "verified", true, "took_ms", (json_int_t) report->took_ms,
                     "tables", tables);
}

static void print(const hf_tables_report *report, const hf_manifest *manifest)
{
    char count[32], took[32];

    hf_out("%zu %s of snapshot %s in database %s, read back and equal, row for row\n\n", report->tables.count,
           report->tables.count == 1 ? "table" : "tables", manifest->id, report->database);
    for (size_t i = 0; i < report->tables.count; i++) {
        const hf_table_wish *wish = report->tables.items[i].wish;

        hf_out("  %s.%s as %s.%s, %s rows\n", wish->table->schema, wish->table->name, wish->schema,
               wish->name, hf_show_count(wish->table->total.rows, count));
        for (size_t j = 0; j < report->tables.items[i].notes.count; j++)
            hf_out("      %s\n", report->tables.items[i].notes.items[j]);
    }
    hf_out("\n");
    hf_out_fact("took", "%s", hf_show_duration(report->took_ms, took));
}

hf_status hf_restore_tables(hf_cli *cli, const hf_session *session, const hf_manifest *manifest,
                            hf_error *error)
{
    HF_AUTO(choices_done) choices list = {0};
    HF_AUTO(hf_table_wishes_done) hf_table_wishes wishes = {0};
    HF_AUTO(hf_tables_report_done) hf_tables_report report = {0};
    hf_progress progress = {0};

    HF_TRY(read_choices(cli, &list, error));
    HF_TRY(hf_table_wishes_find(manifest, list.items, list.count, &wishes, error));
    hf_progress_begin("restoring", &progress);
    hf_status status = hf_tables_restore(&(hf_tables_options){.repository = session->repository,
                                                              .manifest = manifest,
                                                              .url = session->url,
                                                              .wishes = &wishes,
                                                              .progress = &progress},
                                         &report, error);
    hf_progress_end();
    HF_TRY(status);
    hf_cli_result(cli, report_json(&report, manifest));
    if (!cli->json)
        print(&report, manifest);
    return HF_OK;
}
