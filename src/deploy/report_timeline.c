/*
 * The timeline of a report: the phases to scale, and in them the migrations, the checks and the steps of a restore.
 *
 * A phase in which holdfast died lasts until somebody resumed it, perhaps for days.  It is drawn no longer than a sixth of the line
 * and marked as broken, or nothing else could be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "deploy/machine.h"
#include "deploy/report_build.h"

#define INNER_MAX 24
#define BROKEN_SHARE 6

typedef struct phase {
    const char *state, *at, *ended_by; /* the event that ended it */
    int64_t took_ms, drawn_ms;
} phase;
typedef HF_VECTOR(phase) phases;

static void read_phases(const json_t *cycle, phases *list, int64_t *ret_total)
{
    const json_t *all = json_object_get(cycle, "phases");
    int64_t worked = 0;

    for (size_t i = 0; i + 1 < json_array_size(all); i++) {
        const json_t *entry = json_array_get(all, i), *next = json_array_get(all, i + 1);
        phase p = {.state = hf_json_member(entry, "state"),
                   .at = hf_json_member(entry, "at"),
                   .ended_by = hf_json_member(next, "event"),
                   .took_ms = json_integer_value(json_object_get(entry, "took_ms"))};

        if (hf_streq(p.state, hf_cycle_state_name(HF_CYCLE_OPENED)))
            continue;
        p.took_ms = p.took_ms < 0 ? 0 : p.took_ms; /* the clock was put back */
        p.drawn_ms = p.took_ms;
        if (!hf_streq(p.ended_by, "interrupted"))
            worked += p.took_ms;
        HF_PUSH(list, p);
    }
    *ret_total = 0;
    for (size_t i = 0; i < list->count; i++) {
        phase *p = &list->items[i];

        if (hf_streq(p->ended_by, "interrupted") && p->took_ms > worked / BROKEN_SHARE && worked > 0)
            p->drawn_ms = worked / BROKEN_SHARE;
        *ret_total += p->drawn_ms;
    }
}

static char *phase_name(const char *state)
{
    static const struct {
        const char *state, *name;
    } names[] = {{"preflight", "Preflight"},
                 {"snapshot", "Snapshot, read back"},
                 {"fenced", "Fence"},
                 {"migrating", "Migrations"},
                 {"verifying", "Checks"},
                 {"restoring", "Restore beside"},
                 {"verifying_restore", "Compare schema"},
                 {"swapping", "Swap"},
                 {"stuck", "Stuck"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (hf_streq(names[i].state, state))
            return hf_strdup(names[i].name);
    char *name = hf_report_clean(state);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    return name;
}

static hf_tone phase_tone(const phase *p)
{
    if (hf_streq(p->ended_by, "failed") || hf_streq(p->ended_by, "stopped") ||
        hf_streq(p->ended_by, "unchanged"))
        return HF_TONE_BAD;
    if (hf_streq(p->ended_by, "interrupted"))
        return HF_TONE_QUIET;
    return hf_streq(p->state, "restoring") || hf_streq(p->state, "verifying_restore") ||
                   hf_streq(p->state, "swapping")
               ? HF_TONE_WARNING
               : HF_TONE_PLAIN;
}

static hf_report_span *add_span(hf_report_section *section, char *name, int64_t took_ms)
{
    hf_report_span *span = HF_APPEND_NEW(&section->spans);
    char text[32];

    span->name = name;
    span->clock = hf_strdup("");
    span->took = hf_strdup(hf_show_duration(took_ms, text));
    return span;
}

typedef struct scale {
    hf_report_section *section;
    int64_t begin_ms, end_ms; /* of the phase on the line */
    int64_t total_ms;
    size_t left;
} scale;

/* A part of the phase; never drawn beyond it, whatever its clock said. */
static void add_inner(scale *in, const char *name, int64_t at_ms, int64_t took_ms, hf_tone tone)
{
    const int64_t from = at_ms > in->end_ms ? in->end_ms : at_ms;
    const int64_t to = from + took_ms > in->end_ms ? in->end_ms : from + took_ms;

    if (in->left == 0)
        return;
    in->left--;
    hf_report_span *span = add_span(in->section, hf_report_clean(name), took_ms);
    span->inner = true;
    span->tone = tone;
    span->start = (double) from / (double) in->total_ms;
    span->length = (double) (to - from) / (double) in->total_ms;
}

/* One after the other, in a list of {name, took_ms}. */
static void add_sequence(scale *in, const json_t *list, hf_tone tone)
{
    int64_t at_ms = in->begin_ms;
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const int64_t took_ms = json_integer_value(json_object_get(entry, "took_ms"));

        add_inner(in, hf_json_member(entry, "name"), at_ms, took_ms, tone);
        at_ms += took_ms;
    }
}

/* All begin together. */
static void add_parallel(scale *in, const json_t *results)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(results, i, entry)
    {
        const bool passed = json_is_true(json_object_get(entry, "passed"));
        const bool warns = hf_streq(hf_json_member(entry, "severity"), "warn");

        add_inner(in, hf_json_member(entry, "name"), in->begin_ms,
                  json_integer_value(json_object_get(entry, "took_ms")),
                  passed  ? HF_TONE_PLAIN
                  : warns ? HF_TONE_WARNING
                          : HF_TONE_BAD);
    }
}

static bool comes_again(const phases *list, size_t index)
{
    for (size_t i = index + 1; i < list->count; i++)
        if (hf_streq(list->items[i].state, list->items[index].state))
            return true;
    return false;
}

/* The facts are of the last time that the phase was entered. */
static void add_inside(const json_t *cycle, const phases *list, size_t index, scale *in)
{
    const char *state = list->items[index].state;

    if (comes_again(list, index) || hf_streq(list->items[index].ended_by, "interrupted"))
        return;
    if (hf_streq(state, "migrating"))
        add_sequence(in, json_object_get(cycle, "applied"), HF_TONE_PLAIN);
    else if (hf_streq(state, "verifying"))
        add_parallel(in, json_object_get(json_object_get(cycle, "checks"), "results"));
    else if (hf_streq(state, "restoring"))
        add_sequence(in, json_object_get(json_object_get(cycle, "restore"), "phases"), HF_TONE_WARNING);
}

/* At most six, at round times. */
static void add_ticks(hf_report_section *section, int64_t total_ms)
{
    static const int64_t steps[] = {
        50,     100,    200,    500,     1000,    2000,    5000,    10000,    20000,    30000,    60000,
        120000, 300000, 600000, 1200000, 1800000, 3600000, 7200000, 14400000, 43200000, 86400000, 604800000};
    char text[32];

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (total_ms / steps[i] > 5)
            continue;
        for (int64_t at = 0; at <= total_ms; at += steps[i]) {
            hf_report_tick *tick = HF_APPEND_NEW(&section->ticks);

            (void) hf_show_duration(at, text);
            char *point = strstr(text, ".0s"); /* "5s" */
            if (point != NULL)
                memmove(point, point + 2, 2);
            char *zero = strstr(text, " 00s");
            if (zero != NULL)
                *zero = '\0';
            tick->label = hf_strdup(at == 0 ? "0" : text);
            tick->at = (double) at / (double) total_ms;
        }
        return;
    }
}

void hf_report_add_timeline(const json_t *cycle, hf_report *report)
{
    phases list = {0};
    int64_t total_ms = 0, at_ms = 0;
    bool is_broken = false;

    read_phases(cycle, &list, &total_ms);
    if (list.count == 0) {
        free(list.items);
        return;
    }
    hf_report_section *section = hf_report_section_add(report, "timeline", "Timeline");
    total_ms = total_ms == 0 ? 1 : total_ms;
    for (size_t i = 0; i < list.count; i++) {
        const phase *p = &list.items[i];
        scale in = {section, at_ms, at_ms + p->drawn_ms, total_ms, INNER_MAX};
        hf_report_span *span = add_span(section, phase_name(p->state), p->took_ms);

        free(span->clock);
        span->clock = hf_format("%.8s", strlen(p->at) > 19 ? p->at + 11 : "");
        span->tone = phase_tone(p);
        span->broken = hf_streq(p->ended_by, "interrupted");
        span->start = (double) at_ms / (double) total_ms;
        span->length = (double) p->drawn_ms / (double) total_ms;
        is_broken = is_broken || span->broken;
        add_inside(cycle, &list, i, &in);
        at_ms += p->drawn_ms;
    }
    if (is_broken) {
        free(section->note);
        section->note =
            hf_strdup("Dashed: holdfast was interrupted there, and nobody was at work until it was "
                      "resumed; such a stretch is not to scale.");
    } else {
        add_ticks(section, total_ms);
    }
    free(list.items);
}
