/* The sections of a report, each from the facts that it needs; without them there is none. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "deploy/machine.h"
#include "deploy/report_build.h"
#include "migrations/migrations.h"

/* ---- tables ---- */

#define TABLES_SHOWN 20 /* whatever they did; more if they changed */
#define TABLES_MAX 300

static bool is_number(const json_t *value)
{
    return json_is_integer(value);
}

/* An estimate within a twentieth is no change. */
static bool has_changed(const json_t *table)
{
    const json_t *before = json_object_get(table, "rows_before"),
                 *after = json_object_get(table, "rows_after");

    if (!is_number(before) || !is_number(after))
        return is_number(before) != is_number(after);
    const json_int_t difference = json_integer_value(after) - json_integer_value(before);
    return json_is_true(json_object_get(table, "exact"))
               ? difference != 0
               : llabs(difference) > json_integer_value(before) / 20;
}

static void add_count(hf_report_table *table, const json_t *rows, bool exact, const char *absent)
{
    char text[32];

    if (is_number(rows))
        hf_report_cell_add(table, HF_TONE_PLAIN, "%s%s", exact ? "" : "≈ ",
                           hf_show_count((uint64_t) json_integer_value(rows), text));
    else
        hf_report_cell_add(table, HF_TONE_QUIET, "%s", absent);
}

static void add_change(hf_report_table *table, const json_t *row)
{
    const json_t *before = json_object_get(row, "rows_before"), *after = json_object_get(row, "rows_after");
    const bool exact = json_is_true(json_object_get(row, "exact"));
    const json_int_t difference = json_integer_value(after) - json_integer_value(before);
    char text[32];

    if (!is_number(before) && is_number(after))
        hf_report_cell_add(table, HF_TONE_PLAIN, "new");
    else if (json_is_true(json_object_get(row, "gone")))
        hf_report_cell_add(table, HF_TONE_WARNING, "gone");
    else if (!is_number(after))
        hf_report_cell_add(table, HF_TONE_QUIET, "not known");
    else if (!has_changed(row))
        hf_report_cell_add(table, HF_TONE_QUIET, exact ? "0" : "≈ 0");
    else
        hf_report_cell_add(table, difference < 0 ? HF_TONE_WARNING : HF_TONE_PLAIN, "%s%s%s",
                           exact ? "" : "≈ ", difference < 0 ? "−" : "+",
                           hf_show_count((uint64_t) llabs(difference), text));
}

static void add_table_row(hf_report_table *table, const json_t *row, bool with_after, json_int_t largest)
{
    const json_int_t bytes = json_integer_value(json_object_get(row, "bytes"));
    const char *schema = hf_json_member(row, "schema");
    char size[32];

    hf_report_cell_add(table, HF_TONE_PLAIN, "%s.%s", schema, hf_json_member(row, "name"));
    add_count(table, json_object_get(row, "rows_before"), true, "–");
    if (with_after) {
        add_count(table, json_object_get(row, "rows_after"), json_is_true(json_object_get(row, "exact")),
                  "–");
        add_change(table, row);
    }
    hf_report_cell_add(table, HF_TONE_PLAIN, "%s", hf_show_size((uint64_t) bytes, size));
    HF_PUSH(&table->shares, largest > 0 ? (double) bytes / (double) largest : 0.0);
}

static char *tables_note(const json_t *cycle, bool with_after, size_t left_out)
{
    const bool was_undone =
        hf_streq(hf_json_member(cycle, "state"), hf_cycle_state_name(HF_CYCLE_ROLLED_BACK)) &&
        !hf_report_is_swapped_back(cycle);
    HF_AUTO_BUF note = HF_BUF_MAX(600);

    if (with_after)
        hf_buf_puts(&note, was_undone ? "After: as the failed deploy had them, when its checks began. The "
                                        "live database is as before. "
                                      : "After: when the migrations were applied, before the checks. ");
    else if (was_undone)
        hf_buf_puts(&note, "As the snapshot has them, and so the live database. ");
    else
        hf_buf_puts(&note, "As the snapshot has them. ");
    if (with_after)
        hf_buf_puts(&note, "≈ is the server's estimate; small tables are counted. ");
    if (left_out > 0)
        hf_buf_printf(&note, "%zu smaller table%s without a change %s not shown.", left_out,
                      left_out == 1 ? "" : "s", left_out == 1 ? "is" : "are");
    return hf_strdup(hf_buf_text(&note));
}

void hf_report_add_tables(const json_t *cycle, hf_report *report)
{
    static const char *const with[] = {"table", "rows before", "rows after", "change", "size"};
    static const char *const without[] = {"table", "rows", "size"};
    const json_t *tables = json_object_get(cycle, "tables"), *row;
    const bool with_after = json_is_object(json_object_get(cycle, "after"));
    json_int_t largest = 0;
    size_t i, shown = 0;

    if (json_array_size(tables) == 0)
        return;
    hf_report_section *section = hf_report_section_add(report, "tables", "Tables");
    section->table.columns = with_after ? 5 : 3;
    memcpy(section->table.titles, with_after ? with : without,
           section->table.columns * sizeof(section->table.titles[0]));
    json_array_foreach(tables, i, row)
    {
        const json_int_t bytes = json_integer_value(json_object_get(row, "bytes"));

        largest = bytes > largest ? bytes : largest;
    }
    json_array_foreach(tables, i, row)
    {
        if (shown >= TABLES_MAX || (shown >= TABLES_SHOWN && !(with_after && has_changed(row))))
            continue;
        add_table_row(&section->table, row, with_after, largest);
        shown++;
    }
    free(section->note);
    section->note = tables_note(cycle, with_after, json_array_size(tables) - shown);
}

/* ---- checks ---- */

static hf_tone check_tone(const json_t *result)
{
    if (json_is_true(json_object_get(result, "passed")))
        return HF_TONE_GOOD;
    return hf_streq(hf_json_member(result, "severity"), "warn") ? HF_TONE_WARNING : HF_TONE_BAD;
}

/* The worst first: that is what one looks for. */
void hf_report_add_checks(const json_t *cycle, hf_report *report)
{
    static const hf_tone order[] = {HF_TONE_BAD, HF_TONE_WARNING, HF_TONE_GOOD};
    const json_t *results = json_object_get(json_object_get(cycle, "checks"), "results"), *result;

    if (json_array_size(results) == 0)
        return;
    hf_report_section *section = hf_report_section_add(report, "checks", "Checks");
    for (size_t pass = 0; pass < sizeof(order) / sizeof(order[0]); pass++) {
        size_t i;

        json_array_foreach(results, i, result)
        {
            if (check_tone(result) != order[pass])
                continue;
            hf_report_item *item =
                hf_report_item_add(section, check_tone(result), hf_json_member(result, "name"));
            free(item->aside);
            item->aside = hf_report_took(result);
            hf_report_fact_add(&item->facts, "expected", false, "%s", hf_json_member(result, "expected"));
            hf_report_fact_add(&item->facts, "seen", false, "%s", hf_json_member(result, "seen"));
        }
    }
}

/* ---- migrations ---- */

static const json_t *planned(const json_t *cycle, const char *name)
{
    const json_t *migration;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(cycle, "plan"), "migrations"), i, migration)
    {
        if (hf_streq(hf_json_member(migration, "name"), name))
            return migration;
    }
    return NULL;
}

static void add_findings(hf_report_item *item, const json_t *plan)
{
    const json_t *finding;
    size_t i;

    json_array_foreach(json_object_get(plan, "findings"), i, finding)
    {
        const char *allowed = hf_json_member(finding, "allowed"), *about = hf_json_member(finding, "about");

        hf_report_fact_add(&item->facts, hf_json_member(finding, "class"), false, "%s%s%s: %s%s%s%s",
                           hf_json_member(finding, "rule"), about[0] == '\0' ? "" : ", ", about,
                           hf_json_member(finding, "explanation"),
                           allowed[0] == '\0' ? "" : " (allowed: ", allowed, allowed[0] == '\0' ? "" : ")");
    }
}

static void add_migration(const json_t *cycle, hf_report_section *section, const char *name, hf_tone tone)
{
    const json_t *applied = hf_report_applied(cycle, name);
    hf_report_item *item = hf_report_item_add(section, tone, name);

    free(item->aside);
    item->aside = applied != NULL         ? hf_report_took(applied)
                  : tone == HF_TONE_QUIET ? hf_strdup("not reached")
                                          : hf_strdup("");
    if (tone == HF_TONE_BAD)
        hf_report_fact_add(&item->facts, "error", false, "%s",
                           hf_json_member(json_object_get(cycle, "error"), "message"));
    const json_t *tree = json_object_get(json_object_get(cycle, "blocked"), name);
    if (tree != NULL) {
        HF_AUTO_STR shown = hf_migrations_blockers_shown(tree);

        hf_report_fact_add(&item->facts, "waited for", false, "%s", shown != NULL ? shown : "");
    }
    add_findings(item, planned(cycle, name));
}

/* A command's migrations are not known beforehand, so what was applied may not have been pending. */
void hf_report_add_migrations(const json_t *cycle, hf_report *report)
{
    const json_t *pending = json_object_get(cycle, "pending"), *applied = json_object_get(cycle, "applied"),
                 *migration;
    bool to_blame = hf_streq(hf_json_member(cycle, "failed_in"), hf_cycle_state_name(HF_CYCLE_MIGRATING));
    size_t i;

    if (json_array_size(pending) == 0 && json_array_size(applied) == 0)
        return;
    hf_report_section *section = hf_report_section_add(report, "migrations", "Migrations");
    json_array_foreach(pending, i, migration)
    {
        const char *name = hf_json_member(migration, "name");
        const bool was_applied = hf_report_applied(cycle, name) != NULL;

        add_migration(cycle, section, name,
                      was_applied ? HF_TONE_GOOD
                      : to_blame  ? HF_TONE_BAD
                                  : HF_TONE_QUIET);
        to_blame = to_blame && was_applied; /* only the first that is not applied is */
    }
    if (json_array_size(pending) == 0)
        json_array_foreach(applied, i, migration)
            add_migration(cycle, section, hf_json_member(migration, "name"), HF_TONE_GOOD);
}

/* ---- lost and kept ---- */

static const char *lost_note(const json_t *cycle, bool is_kept, bool is_written)
{
    const bool in_snapshot = hf_json_member(cycle, "failed_database")[0] == '\0';

    if (!is_kept)
        return "";
    if (hf_report_is_swapped_back(cycle))
        return "The failed database is the live one again, with what was written after the snapshot; what "
               "was restored is kept beside it.";
    if (is_written)
        return in_snapshot ? "What was written after the snapshot is not in the live database; it is in the "
                             "snapshot of the failed state."
                           : "What was written after the snapshot is not in the live database; it can still "
                             "be read in the failed one.";
    return in_snapshot ? "The failed state is kept as a snapshot, whole."
                       : "The failed database is kept beside the live one, whole.";
}

void hf_report_add_lost(const json_t *cycle, hf_report *report)
{
    const json_t *written = json_object_get(cycle, "written"), *total = json_object_get(written, "total"),
                 *row;
    HF_AUTO_STR kept = hf_report_kept(cycle);
    const size_t count = json_array_size(json_object_get(written, "tables"));
    char text[32];
    size_t i;

    if (kept == NULL && count == 0)
        return;
    hf_report_section *section = hf_report_section_add(report, "lost", "Lost and kept");
    if (kept != NULL)
        hf_report_fact_add(&section->facts, "kept", true, "%s", kept);
    hf_report_fact_add(&section->facts, "snapshot", true, "%s", hf_json_member(cycle, "snapshot"));
    if (json_is_object(written))
        hf_report_fact_add(&section->facts, "written after it", false, "%s rows",
                           is_number(total) ? hf_show_count((uint64_t) json_integer_value(total), text)
                                            : "an unknown number of");
    free(section->note);
    section->note = hf_strdup(lost_note(cycle, kept != NULL, count > 0));
    if (count == 0)
        return;
    section->table.columns = 3;
    section->table.titles[0] = "table";
    section->table.titles[1] = "rows written";
    section->table.titles[2] = "known by";
    json_array_foreach(json_object_get(written, "tables"), i, row)
    {
        if (i >= TABLES_MAX)
            break;
        hf_report_cell_add(&section->table, HF_TONE_PLAIN, "%s.%s", hf_json_member(row, "schema"),
                           hf_json_member(row, "name"));
        add_count(&section->table, json_object_get(row, "rows"), true, "not known");
        hf_report_cell_add(&section->table, HF_TONE_QUIET, "%s", hf_json_member(row, "why"));
    }
}

/* ---- the rest ---- */

static void add_seed(const json_t *cycle, hf_report *report)
{
    const json_t *tables = json_object_get(json_object_get(cycle, "seed"), "tables"), *row;
    size_t i;

    if (json_array_size(tables) == 0)
        return;
    hf_report_section *section = hf_report_section_add(report, "seed", "Seed");
    section->table.columns = 3;
    section->table.titles[0] = "table";
    section->table.titles[1] = "rows before";
    section->table.titles[2] = "rows after";
    json_array_foreach(tables, i, row)
    {
        hf_report_cell_add(&section->table, HF_TONE_PLAIN, "%s.%s", hf_json_member(row, "schema"),
                           hf_json_member(row, "name"));
        const bool exact = !json_is_true(json_object_get(row, "estimated"));

        add_count(&section->table, json_object_get(row, "before"), exact, "–");
        add_count(&section->table, json_object_get(row, "after"), exact, "–");
    }
}

static void add_hooks(const json_t *cycle, hf_report *report)
{
    const json_t *hooks = json_object_get(cycle, "hooks"), *hook;
    hf_report_section *section = NULL;
    size_t i;

    json_array_foreach(hooks, i, hook)
    {
        const json_int_t status = json_integer_value(json_object_get(hook, "status"));

        if (section == NULL)
            section = hf_report_section_add(report, "hooks", "Hooks");
        hf_report_item *item = hf_report_item_add(section, status == 0 ? HF_TONE_GOOD : HF_TONE_BAD,
                                                  hf_json_member(hook, "hook"));
        free(item->aside);
        item->aside = hf_report_took(hook);
        free(item->output);
        item->output = hf_report_clean(hf_json_member(hook, "tail"));
        if (status != 0)
            hf_report_fact_add(&item->facts, "exit status", false, "%lld", (long long) status);
    }
}

static void add_notifications(const json_t *cycle, hf_report *report)
{
    const json_t *list = json_object_get(cycle, "notifications"), *sent;
    hf_report_section *section = NULL;
    size_t i;

    json_array_foreach(list, i, sent)
    {
        const bool ok = json_is_true(json_object_get(sent, "ok"));
        HF_AUTO_STR title = hf_format("%s: %s", hf_json_member(sent, "to"), hf_json_member(sent, "event"));

        if (section == NULL)
            section = hf_report_section_add(report, "notifications", "Notifications");
        hf_report_item *item = hf_report_item_add(section, ok ? HF_TONE_GOOD : HF_TONE_WARNING, title);
        hf_report_fact_add(&item->facts, "error", false, "%s", ok ? "" : hf_json_member(sent, "error"));
    }
}

/* What was overridden, and what the preflight warned of or refused. */
static void add_gates(const json_t *cycle, hf_report *report)
{
    const json_t *overrides = json_object_get(cycle, "overrides"),
                 *findings = json_object_get(cycle, "preflight"), *entry;
    hf_report_section *section = NULL;
    size_t i;

    json_array_foreach(overrides, i, entry)
    {
        HF_AUTO_STR title = hf_format("gate %s overridden", hf_json_member(entry, "gate"));

        if (section == NULL)
            section = hf_report_section_add(report, "gates", "Gates and warnings");
        hf_report_item *item = hf_report_item_add(section, HF_TONE_WARNING, title);
        hf_report_fact_add(&item->facts, "reason", false, "%s", hf_json_member(entry, "reason"));
        hf_report_fact_add(&item->facts, "by", false, "%s", hf_json_member(entry, "by"));
    }
    json_array_foreach(findings, i, entry)
    {
        const char *level = hf_json_member(entry, "level");

        if (hf_streq(level, "good"))
            continue;
        if (section == NULL)
            section = hf_report_section_add(report, "gates", "Gates and warnings");
        hf_report_item *item = hf_report_item_add(
            section, hf_streq(level, "bad") ? HF_TONE_BAD : HF_TONE_WARNING, hf_json_member(entry, "what"));
        hf_report_fact_add(&item->facts, "seen", false, "%s", hf_json_member(entry, "seen"));
        hf_report_fact_add(&item->facts, "remedy", false, "%s", hf_json_member(entry, "remedy"));
    }
}

void hf_report_add_others(const json_t *cycle, hf_report *report)
{
    add_seed(cycle, report);
    add_hooks(cycle, report);
    add_notifications(cycle, report);
    add_gates(cycle, report);
}
