/* The model of a report: the verdict, the facts, and what to do next.  The other sections are in report_sections.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "deploy/machine.h"
#include "deploy/report_build.h"
#include "deploy/way.h"

#define TEXT_MAX_BYTES (1u << 20)

/* ---- building blocks ---- */

const char *hf_json_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* U+202A to U+202E and U+2066 to U+2069: three bytes in UTF-8. */
static bool turns_direction(const unsigned char *at)
{
    return at[0] == 0xe2 && ((at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
                             (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

char *hf_report_clean(const char *text)
{
    hf_buf buf = HF_BUF_MAX(TEXT_MAX_BYTES);

    for (const unsigned char *at = (const unsigned char *) text; *at != '\0'; at++) {
        if (turns_direction(at)) {
            at += 2;
        } else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) { /* C1 controls */
            at += 1;
        } else if ((*at >= ' ' || *at == '\n' || *at == '\t') && *at != 0x7f) {
            hf_buf_putc(&buf, (char) *at);
            continue;
        }
        if (*at != '\r')
            hf_buf_putc(&buf, '?');
    }
    hf_redact(&buf);
    char *clean = hf_buf_take(&buf);
    return clean == NULL ? hf_strdup("") : clean;
}

HF_PRINTF(1, 0) static char *clean_format(const char *fmt, va_list args)
{
    HF_AUTO_STR text = NULL;

    if (vasprintf(&text, fmt, args) < 0)
        hf_out_of_memory();
    return hf_report_clean(text);
}

char *hf_report_took(const json_t *object)
{
    const json_t *took = json_object_get(object, "took_ms");
    char text[32];

    return hf_strdup(json_is_integer(took) ? hf_show_duration(json_integer_value(took), text) : "");
}

void hf_report_fact_add(hf_report_facts *facts, const char *name, bool code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *text = clean_format(fmt, args);
    va_end(args);
    if (text[0] == '\0') {
        free(text);
        return;
    }
    hf_report_fact *fact = HF_APPEND_NEW(facts);
    *fact = (hf_report_fact){.name = hf_strdup(name), .text = text, .code = code};
}

hf_report_section *hf_report_section_add(hf_report *report, const char *id, const char *title)
{
    hf_report_section *section = HF_APPEND_NEW(&report->sections);

    section->id = id;
    section->title = title;
    section->note = hf_strdup("");
    return section;
}

hf_report_item *hf_report_item_add(hf_report_section *section, hf_tone tone, const char *title)
{
    hf_report_item *item = HF_APPEND_NEW(&section->items);

    *item = (hf_report_item){
        .tone = tone, .title = hf_report_clean(title), .aside = hf_strdup(""), .output = hf_strdup("")};
    return item;
}

void hf_report_cell_add(hf_report_table *table, hf_tone tone, const char *fmt, ...)
{
    hf_report_cell *cell = HF_APPEND_NEW(&table->cells);
    va_list args;

    va_start(args, fmt);
    cell->text = clean_format(fmt, args);
    va_end(args);
    cell->tone = tone;
}

const json_t *hf_report_applied(const json_t *cycle, const char *name)
{
    const json_t *applied;
    size_t i;

    json_array_foreach(json_object_get(cycle, "applied"), i, applied)
    {
        if (hf_streq(hf_json_member(applied, "name"), name))
            return applied;
    }
    return NULL;
}

bool hf_report_is_swapped_back(const json_t *cycle)
{
    return json_is_object(json_object_get(cycle, "swapped_back"));
}

char *hf_report_kept(const json_t *cycle)
{
    const char *database = hf_report_is_swapped_back(cycle)
                               ? hf_json_member(json_object_get(cycle, "swapped_back"), "kept")
                               : hf_json_member(cycle, "failed_database");
    const char *snapshot = hf_json_member(cycle, "failed_snapshot");

    if (database[0] != '\0')
        return hf_strdup(database);
    return snapshot[0] != '\0' ? hf_format("snapshot %s", snapshot) : NULL;
}

/* ---- the verdict ---- */

typedef struct outcome {
    hf_cycle_state state;
    hf_tone tone;
    const char *verdict, *meaning;
} outcome;

/* A member of a group that is held stays in verifying, so that resume runs the checks of all. */
static const char *state_shown(const json_t *cycle)
{
    const char *state = hf_json_member(cycle, "state");
    const bool is_held = hf_streq(state, hf_cycle_state_name(HF_CYCLE_VERIFYING)) &&
                         json_is_object(json_object_get(cycle, "group")) &&
                         json_is_object(json_object_get(cycle, "held"));

    return is_held ? hf_cycle_state_name(HF_CYCLE_HELD) : state;
}

static const outcome *outcome_of(const json_t *cycle)
{
    static const outcome outcomes[] = {
        {HF_CYCLE_DEPLOYED, HF_TONE_GOOD, "Deployed", "migrated and verified"},
        {HF_CYCLE_ROLLED_BACK, HF_TONE_WARNING, "Rolled back",
         "the database is as the snapshot has it, row for row"},
        {HF_CYCLE_REFUSED, HF_TONE_QUIET, "Refused", "nothing was touched"},
        {HF_CYCLE_HELD, HF_TONE_WARNING, "Held",
         "migrated; a check could not tell, and somebody has to decide"},
        {HF_CYCLE_WAITING, HF_TONE_WARNING, "Waiting",
         "rows were written since the snapshot; nothing is put back until somebody says so"},
        {HF_CYCLE_STUCK, HF_TONE_BAD, "Stuck",
         "the way back failed; snapshot and failed database are both intact"},
        {HF_CYCLE_SETTLED, HF_TONE_WARNING, "Settled by hand",
         "the way back failed, and somebody has put the database right"},
    };
    static const outcome swapped_back = {HF_CYCLE_ROLLED_BACK, HF_TONE_WARNING, "Rolled back, then put back",
                                         "the failed database is the live one again"};
    static const outcome under_way = {HF_CYCLE_STATES, HF_TONE_WARNING, "Not ended",
                                      "holdfast resume brings it to an end, unless it is still under way"};

    if (hf_report_is_swapped_back(cycle))
        return &swapped_back;
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        if (hf_streq(hf_cycle_state_name(outcomes[i].state), state_shown(cycle)))
            return &outcomes[i];
    return &under_way;
}

/* What stopped the cycle last is what somebody has to put right. */
static const json_t *error_of(const json_t *cycle)
{
    const json_t *last = json_object_get(cycle, "way_back_error");

    if (outcome_of(cycle)->state == HF_CYCLE_HELD)
        return json_object_get(cycle, "held");
    return (outcome_of(cycle)->state == HF_CYCLE_STUCK || outcome_of(cycle)->state == HF_CYCLE_SETTLED) &&
                   json_is_object(last)
               ? last
               : json_object_get(cycle, "error");
}

static char *summary_of(const json_t *cycle)
{
    const json_t *results = json_object_get(json_object_get(cycle, "checks"), "results"), *result;
    const size_t applied = json_array_size(json_object_get(cycle, "applied")),
                 pending = json_array_size(json_object_get(cycle, "pending"));
    HF_AUTO_STR took = hf_report_took(cycle);
    HF_AUTO_BUF text = HF_BUF_MAX(400);
    size_t i, passed = 0;

    json_array_foreach(results, i, result) passed += json_is_true(json_object_get(result, "passed"));
    if (pending > 0)
        hf_buf_printf(&text, "%zu of %zu migration%s applied, ", applied, pending, pending == 1 ? "" : "s");
    else if (applied > 0)
        hf_buf_printf(&text, "%zu migration%s applied, ", applied, applied == 1 ? "" : "s");
    if (json_array_size(results) > 0)
        hf_buf_printf(&text, "%zu of %zu check%s passed, ", passed, json_array_size(results),
                      json_array_size(results) == 1 ? "" : "s");
    hf_buf_printf(&text, "%s in all", took);
    return hf_strdup(hf_buf_text(&text));
}

/* "2026-11-21 07:30:02 UTC" of RFC 3339. */
static char *shown_time(const char *time)
{
    return strlen(time) < 19 ? hf_strdup(time) : hf_format("%.10s %.8s UTC", time, time + 11);
}

static void add_who(hf_report_facts *facts, const char *name, const json_t *who)
{
    const char *user = hf_json_member(who, "user");

    hf_report_fact_add(facts, name, false, "%s%s%s", user, user[0] == '\0' ? "" : "@",
                       hf_json_member(who, "host"));
}

static void add_snapshot(const json_t *cycle, hf_report_facts *facts)
{
    char rows[32], size[32];

    if (hf_json_member(cycle, "snapshot")[0] == '\0')
        return;
    hf_report_fact_add(
        facts, "snapshot", true, "%s (%s rows, %s stored)", hf_json_member(cycle, "snapshot"),
        hf_show_count((uint64_t) json_integer_value(json_object_get(cycle, "snapshot_rows")), rows),
        hf_show_size((uint64_t) json_integer_value(json_object_get(cycle, "snapshot_stored_bytes")), size));
}

/* The whole URL may be a secret where it has no password to hide. */
static void add_database(const json_t *cycle, hf_report_facts *facts)
{
    const char *url = hf_json_member(cycle, "url"), *user = strstr(url, "://"), *host = strrchr(url, '@');

    host = host != NULL ? host + 1 : user != NULL ? user + 3 : "";
    const int len = (int) strcspn(host, "/?");
    hf_report_fact_add(facts, "database", true, "%s%s%.*s", hf_json_member(cycle, "database"),
                       len > 0 ? " on " : "", len, host);
}

static void add_approval(const json_t *approval, hf_report_facts *facts)
{
    const json_t *by;
    size_t i;

    if (!json_is_true(json_object_get(approval, "approved")))
        return;
    hf_report_fact_add(facts, "approved", true, "plan %s%s", hf_json_member(approval, "digest"),
                       hf_streq(hf_json_member(approval, "how"), "terminal") ? ", at the terminal" : "");
    json_array_foreach(json_object_get(approval, "by"), i, by) hf_report_fact_add(
        facts, "by", false, "%s at %s", hf_json_member(by, "name"), hf_json_member(by, "at"));
}

char *hf_report_companions(const json_t *cycle)
{
    const json_t *name;
    HF_AUTO_BUF out = HF_BUF_MAX(4096);
    size_t i;

    json_array_foreach(json_object_get(json_object_get(cycle, "group"), "targets"), i, name)
    {
        if (!hf_streq(json_string_value(name), hf_json_member(cycle, "target")))
            hf_buf_printf(&out, "%s%s", out.len == 0 ? "" : ", ", json_string_value(name));
    }
    return out.len > 0 ? hf_buf_take(&out) : NULL;
}

static void add_facts(const json_t *cycle, hf_report *report)
{
    HF_AUTO_STR companions = hf_report_companions(cycle);
    HF_AUTO_STR kept = hf_report_kept(cycle);
    const json_t *approval = json_object_get(cycle, "approval"), *way = json_object_get(cycle, "way"),
                 *fence = json_object_get(cycle, "fence");
    HF_AUTO_STR began = shown_time(hf_json_member(cycle, "started_at"));
    HF_AUTO_STR took = hf_report_took(cycle);
    hf_report_facts *facts = &report->facts;

    hf_report_fact_add(facts, "cycle", true, "%s", hf_json_member(cycle, "id"));
    add_database(cycle, facts);
    hf_report_fact_add(facts, "began", false, "%s", began);
    hf_report_fact_add(facts, "took", false, "%s", took);
    add_who(facts, "operator", json_object_get(cycle, "operator"));
    add_who(facts, "resumed by", json_object_get(cycle, "resumed_by"));
    hf_report_fact_add(facts, "revision", true, "%s", hf_json_member(cycle, "revision"));
    if (companions != NULL)
        hf_report_fact_add(facts, "together with", false, "%s (group %s)", companions,
                           hf_json_member(json_object_get(cycle, "group"), "id"));
    add_snapshot(cycle, facts);
    if (hf_json_member(way, "way")[0] != '\0')
        hf_report_fact_add(facts, "way back", false, "%s%s%s", hf_json_member(way, "way"),
                           hf_json_member(way, "why")[0] == '\0' ? "" : ": ", hf_json_member(way, "why"));
    if (hf_json_member(fence, "kind")[0] != '\0')
        hf_report_fact_add(facts, "fence", false, "%s%s", hf_json_member(fence, "kind"),
                           json_is_true(json_object_get(fence, "undone")) ? ", taken down again"
                                                                          : ", still up");
    hf_report_fact_add(facts, "kept", true, "%s", kept != NULL ? kept : "");
    if (outcome_of(cycle)->state == HF_CYCLE_STUCK &&
        json_is_true(json_object_get(json_object_get(cycle, "restore"), "verified")))
        hf_report_fact_add(facts, "restored", true, "%s",
                           hf_json_member(json_object_get(cycle, "restore"), "database"));
    add_approval(approval, facts);
}

void hf_report_make(const json_t *cycle, hf_report *ret_report)
{
    const outcome *how = outcome_of(cycle);
    const json_t *error = error_of(cycle);
    const bool is_good = how->tone == HF_TONE_GOOD;
    hf_report report = {.tone = how->tone, .verdict = how->verdict, .meaning = how->meaning};
    HF_AUTO_STR target = hf_report_clean(hf_json_member(cycle, "target"));

    report.title = hf_format(
        "Deploy of %s, %.10s %.5s UTC", target, hf_json_member(cycle, "started_at"),
        strlen(hf_json_member(cycle, "started_at")) > 11 ? hf_json_member(cycle, "started_at") + 11 : "");
    report.reason = hf_report_clean(is_good ? "" : hf_json_member(error, "message"));
    report.cause = hf_report_clean(is_good || error == json_object_get(cycle, "error")
                                       ? ""
                                       : hf_json_member(json_object_get(cycle, "error"), "message"));
    report.hint = hf_report_clean(is_good ? "" : hf_json_member(error, "hint"));
    report.summary = summary_of(cycle);
    report.version = hf_report_clean(hf_json_member(cycle, "holdfast"));
    add_facts(cycle, &report);
    if (!is_good) /* whoever reads it at night reads this first */
        hf_report_add_next(cycle, &report);
    hf_report_add_timeline(cycle, &report);
    hf_report_add_lost(cycle, &report);
    hf_report_add_checks(cycle, &report);
    hf_report_add_migrations(cycle, &report);
    hf_report_add_tables(cycle, &report);
    hf_report_add_others(cycle, &report);
    if (is_good)
        hf_report_add_next(cycle, &report);
    *ret_report = report;
}

/* ---- what to do next ---- */

HF_PRINTF(3, 4) static void add_step(json_t *steps, const char *text, const char *command_fmt, ...)
{
    char *command = NULL;
    va_list args;

    va_start(args, command_fmt);
    if (vasprintf(&command, command_fmt, args) < 0)
        hf_out_of_memory();
    va_end(args);
    json_array_append_new(steps, json_pack("{s:s, s:s}", "text", text, "command", command));
    free(command);
}

static void next_after_rollback(const json_t *cycle, const char *target, json_t *steps)
{
    const json_t *total = json_object_get(json_object_get(cycle, "written"), "total");
    const char *database = hf_json_member(cycle, "failed_database"),
               *snapshot = hf_json_member(cycle, "failed_snapshot");
    HF_AUTO_STR kept = hf_report_kept(cycle);
    char rows[32];

    if (hf_report_is_swapped_back(cycle)) {
        HF_AUTO_STR text = hf_format(
            "The failed database was put back and is the live one; what stood there is kept as \"%s\".",
            kept != NULL ? kept : "");
        add_step(steps, text, "%s", "");
        return;
    }

    add_step(steps, "The application can go on: the live database is the one from before the deploy.", "%s",
             "");
    if (json_integer_value(total) > 0 && kept != NULL) {
        const char *quote = database[0] != '\0' ? "\"" : "";
        HF_AUTO_STR text = hf_format(
            "%s rows written after the snapshot are not in it, only in %s%s%s: decide which of them to "
            "bring over.",
            hf_show_count((uint64_t) json_integer_value(total), rows), quote, kept, quote);
        add_step(steps, text, "%s", "");
    }
    if (database[0] != '\0') {
        HF_AUTO_STR text =
            hf_format("Look at the cause in the failed database, \"%s\". It is dropped by a later "
                      "deploy when deploy.rollback.keep_failed has passed.",
                      database);
        add_step(steps, text, "%s", "");
    } else if (snapshot[0] != '\0') {
        add_step(steps, "Look at the cause in the failed state: it is kept as a snapshot.",
                 "holdfast restore %s --target %s --into failed", snapshot, target);
    }
    add_step(steps, "Correct the migration or what the check found, and deploy again.",
             "holdfast deploy --target %s", target);
    add_step(steps, "If the cause lay elsewhere, the same migrations run again with --retry.",
             "holdfast deploy --target %s --retry", target);
}

static void next_when_stuck(const json_t *cycle, const char *target, json_t *steps)
{
    const char *snapshot = hf_json_member(cycle, "snapshot");

    add_step(steps, "Drop no database and remove no snapshot: all that is needed is still there.", "%s", "");
    add_step(steps, "Put right what the way back failed at, then let it try again.",
             "holdfast resume --target %s", target);
    if (snapshot[0] != '\0')
        add_step(steps,
                 "If that cannot be put right, restore the snapshot under another name and look at it.",
                 "holdfast restore %s --target %s --into %s", snapshot, target, "rescue");
    add_step(steps, "When the database has been put right by hand, end the deploy and leave it as it is.",
             "holdfast resume --target %s --settled", target);
}

json_t *hf_report_next(const json_t *cycle)
{
    const char *target = hf_json_member(cycle, "target"), *snapshot = hf_json_member(cycle, "snapshot");
    json_t *steps = json_array();

    switch ((int) outcome_of(cycle)->state) {
    case HF_CYCLE_DEPLOYED:
        add_step(steps, "Nothing has to be done.", "%s", "");
        if (snapshot[0] != '\0')
            add_step(steps,
                     "The state from before can be had beside the live one, as long as the snapshot is kept.",
                     "holdfast restore %s --target %s --into %s", snapshot, target, "before");
        break;
    case HF_CYCLE_REFUSED:
        add_step(steps, "Put the cause right and deploy again; there is nothing to undo.",
                 "holdfast deploy --target %s", target);
        break;
    case HF_CYCLE_ROLLED_BACK:
        next_after_rollback(cycle, target, steps);
        break;
    case HF_CYCLE_STUCK:
        next_when_stuck(cycle, target, steps);
        break;
    case HF_CYCLE_SETTLED:
        add_step(steps, "Look at the databases beside the live one, and drop what nobody needs.", "%s", "");
        break;
    case HF_CYCLE_HELD:
        add_step(steps, "Run the checks again, when they can tell.", "holdfast resume --target %s", target);
        add_step(steps, "Or let pass what they cannot tell.", "holdfast resume --target %s --accept", target);
        add_step(steps, "Or go back to the snapshot.", "holdfast resume --target %s --roll-back", target);
        break;
    case HF_CYCLE_WAITING:
        add_step(
            steps,
            hf_streq(hf_json_member(json_object_get(cycle, "way"), "way"), hf_way_name(HF_WAY_IN_PLACE))
                ? "Take the way back. The rows stay in the snapshot that is taken of the failed state first."
                : "Take the way back. The rows stay in the failed database, and `holdfast salvage` exports "
                  "them.",
            "holdfast resume --target %s --proceed", target);
        break;
    default:
        add_step(steps, "If no holdfast is at work on it any more, bring it to an end.",
                 "holdfast resume --target %s", target);
    }
    return steps;
}

void hf_report_add_next(const json_t *cycle, hf_report *report)
{
    const json_t *steps = json_object_get(cycle, "next"), *step;
    size_t i;

    if (json_array_size(steps) == 0)
        return;
    hf_report_section *section = hf_report_section_add(report, "next", "What to do next");
    json_array_foreach(steps, i, step)
    {
        hf_report_step *added = HF_APPEND_NEW(&section->steps);

        added->text = hf_report_clean(hf_json_member(step, "text"));
        added->command = hf_report_clean(hf_json_member(step, "command"));
    }
}

/* ---- the end ---- */

static void facts_done(hf_report_facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        free(facts->items[i].name);
        free(facts->items[i].text);
    }
    free(facts->items);
}

static void section_done(hf_report_section *section)
{
    free(section->note);
    facts_done(&section->facts);
    for (size_t i = 0; i < section->spans.count; i++) {
        free(section->spans.items[i].name);
        free(section->spans.items[i].clock);
        free(section->spans.items[i].took);
    }
    free(section->spans.items);
    for (size_t i = 0; i < section->ticks.count; i++)
        free(section->ticks.items[i].label);
    free(section->ticks.items);
    for (size_t i = 0; i < section->table.cells.count; i++)
        free(section->table.cells.items[i].text);
    free(section->table.cells.items);
    free(section->table.shares.items);
    for (size_t i = 0; i < section->items.count; i++) {
        free(section->items.items[i].title);
        free(section->items.items[i].aside);
        free(section->items.items[i].output);
        facts_done(&section->items.items[i].facts);
    }
    free(section->items.items);
    for (size_t i = 0; i < section->steps.count; i++) {
        free(section->steps.items[i].text);
        free(section->steps.items[i].command);
    }
    free(section->steps.items);
}

void hf_report_done(hf_report *report)
{
    free(report->title);
    free(report->reason);
    free(report->cause);
    free(report->hint);
    free(report->summary);
    free(report->version);
    facts_done(&report->facts);
    for (size_t i = 0; i < report->sections.count; i++)
        section_done(&report->sections.items[i]);
    free(report->sections.items);
    *report = (hf_report){0};
}
