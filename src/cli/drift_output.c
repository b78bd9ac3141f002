#include "cli/drift_output.h"

#include <string.h>

#include "base/text.h"
#include "cli/output.h"

static const char *const changes[] = {
    [HF_SCHEMA_REMOVED] = "missing", [HF_SCHEMA_ADDED] = "added", [HF_SCHEMA_CHANGED] = "changed"};

/* What is told of an object, but for the migration's name. */
static const char *meaning(const hf_drift *drift, size_t i)
{
    static const char *const of_snapshot[] = {[HF_SCHEMA_REMOVED] =
                                                  "the snapshot has it, and it is not there",
                                              [HF_SCHEMA_ADDED] = "the snapshot does not have it",
                                              [HF_SCHEMA_CHANGED] = "the snapshot has it otherwise"};
    static const char *const not_run[] = {[HF_SCHEMA_REMOVED] = "not there",
                                          [HF_SCHEMA_ADDED] = "still there",
                                          [HF_SCHEMA_CHANGED] = "still as it was"};
    static const char *const by_hand[] = {[HF_SCHEMA_REMOVED] = "dropped by hand",
                                          [HF_SCHEMA_ADDED] = "made by hand: no applied migration makes it",
                                          [HF_SCHEMA_CHANGED] = "changed by hand"};
    const hf_schema_change change = drift->differences.items[i].change;

    if (drift->snapshot != NULL)
        return of_snapshot[change];
    return drift->causes.items[i].not_run ? not_run[change] : by_hand[change];
}

static void print_cause(const hf_drift *drift, size_t i)
{
    const hf_drift_cause *cause = i < drift->causes.count ? &drift->causes.items[i] : NULL;

    hf_out(": %s", meaning(drift, i));
    if (cause != NULL && cause->not_run)
        hf_out(": migration %s counts as applied, and has not run here", cause->migration);
    else if (cause != NULL && cause->migration != NULL)
        hf_out("; it is from migration %s", cause->migration);
    hf_out("\n");
}

/* What the migrations make, and what there is; NULL: nothing. */
static const char *built(const hf_schema_difference *item)
{
    return item->change == HF_SCHEMA_REMOVED   ? item->entry->definition
           : item->change == HF_SCHEMA_CHANGED ? item->before->definition
                                               : NULL;
}

static const char *live(const hf_schema_difference *item)
{
    return item->change == HF_SCHEMA_REMOVED ? NULL : item->entry->definition;
}

json_t *hf_drift_json(const hf_drift *drift)
{
    json_t *objects = json_array(), *warnings = json_array();

    for (size_t i = 0; i < drift->differences.count; i++) {
        const hf_schema_difference *item = &drift->differences.items[i];

        const hf_drift_cause *cause = i < drift->causes.count ? &drift->causes.items[i] : NULL;
        const bool by_migrations = drift->snapshot == NULL;
        json_array_append_new(objects, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s?, s:s?}", "change",
                                                 changes[item->change], "kind", item->entry->kind, "schema",
                                                 hf_json_text(item->entry->schema), "name",
                                                 hf_json_text(item->entry->tag), "migrations",
                                                 hf_json_text(by_migrations ? built(item) : NULL), "snapshot",
                                                 hf_json_text(by_migrations ? NULL : built(item)), "live",
                                                 hf_json_text(live(item)), "cause",
                                                 cause == NULL    ? NULL
                                                 : cause->not_run ? "not run"
                                                                  : "by hand",
                                                 "migration", cause == NULL ? NULL : cause->migration));
    }
    for (size_t i = 0; i < drift->warnings.count; i++)
        json_array_append_new(warnings, hf_json_text(drift->warnings.items[i]));
    return json_pack("{s:b, s:o, s:I, s:o, s:o}", "equal", (int) (drift->differences.count == 0), "snapshot",
                     hf_json_text(drift->snapshot), "migrations", (json_int_t) drift->migrations, "objects",
                     objects, "warnings", warnings);
}

/* Without the commas at their ends: a column added behind does not change the one before. */
static void lines_of(const char *text, hf_strings *lines)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\n");
        HF_AUTO_STR line = hf_strndup(text, len > 0 && text[len - 1] == ',' ? len - 1 : len);

        if (len > 0)
            hf_strings_add(lines, line);
        text += text[len] == '\n' ? len + 1 : len;
    }
}

/* The lines that the other side lacks. */
static void print_lines(const char *sign, const hf_strings *lines, const hf_strings *other)
{
    for (size_t i = 0; i < lines->count; i++)
        if (!hf_strings_has(other, lines->items[i]))
            hf_out("    %s %s\n", sign, lines->items[i]);
}

void hf_drift_print(const hf_drift *drift)
{
    for (size_t i = 0; i < drift->differences.count; i++) {
        const hf_schema_difference *item = &drift->differences.items[i];
        HF_AUTO(hf_strings_done) hf_strings before = {0};
        HF_AUTO(hf_strings_done) hf_strings after = {0};

        hf_out("%-7s  %s %s%s%s", changes[item->change], item->entry->kind,
               item->entry->schema == NULL ? "" : item->entry->schema, item->entry->schema == NULL ? "" : ".",
               item->entry->tag);
        print_cause(drift, i);
        lines_of(built(item), &before);
        lines_of(live(item), &after);
        print_lines("-", &before, &after);
        print_lines("+", &after, &before);
    }
}
