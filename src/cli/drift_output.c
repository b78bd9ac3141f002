#include "cli/drift_output.h"

#include <string.h>

#include "base/text.h"
#include "cli/output.h"

static const char *const changes[] = {
    [HF_SCHEMA_REMOVED] = "missing", [HF_SCHEMA_ADDED] = "added", [HF_SCHEMA_CHANGED] = "changed"};

static const char *const meanings[] = {[HF_SCHEMA_REMOVED] =
                                           "an applied migration makes it, and it is not there",
                                       [HF_SCHEMA_ADDED] = "no applied migration makes it",
                                       [HF_SCHEMA_CHANGED] = "the applied migrations make it otherwise"};

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

        json_array_append_new(
            objects, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "change", changes[item->change], "kind",
                               item->entry->kind, "schema", hf_json_text(item->entry->schema), "name",
                               hf_json_text(item->entry->tag), "migrations", hf_json_text(built(item)),
                               "live", hf_json_text(live(item))));
    }
    for (size_t i = 0; i < drift->warnings.count; i++)
        json_array_append_new(warnings, hf_json_text(drift->warnings.items[i]));
    return json_pack("{s:b, s:I, s:o, s:o}", "equal", (int) (drift->differences.count == 0), "migrations",
                     (json_int_t) drift->migrations, "objects", objects, "warnings", warnings);
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

        hf_out("%-7s  %s %s%s%s: %s\n", changes[item->change], item->entry->kind,
               item->entry->schema == NULL ? "" : item->entry->schema, item->entry->schema == NULL ? "" : ".",
               item->entry->tag, meanings[item->change]);
        lines_of(built(item), &before);
        lines_of(live(item), &after);
        print_lines("-", &before, &after);
        print_lines("+", &after, &before);
    }
}
