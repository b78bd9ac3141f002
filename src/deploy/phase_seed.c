/* The seed: a program of the operator after the migrations, and what it did to the number of rows of each table. */
#include "base/log.h"
#include "base/text.h"
#include "deploy/hook.h"
#include "deploy/phase.h"
#include "deploy/table_counts.h"

static const char *text_of(const json_t *table, const char *name)
{
    return json_string_value(json_object_get(table, name));
}

/* The same table in the other list, NULL: it is not there. */
static const json_t *find(const json_t *counts, const json_t *table)
{
    const json_t *tables = json_object_get(counts, "tables"), *other;
    size_t i;

    json_array_foreach(tables, i,
                       other) if (hf_streq(text_of(other, "name"), text_of(table, "name")) &&
                                  hf_streq(text_of(other, "schema"), text_of(table, "schema"))) return other;
    return NULL;
}

/* One of both may be NULL. */
static void add_change(json_t *changes, const json_t *before, const json_t *after)
{
    const json_t *table = after != NULL ? after : before;
    const json_t *was = json_object_get(before, "rows"), *is = json_object_get(after, "rows");
    const bool exact =
        !json_is_false(json_object_get(before, "exact")) && !json_is_false(json_object_get(after, "exact"));

    if (before != NULL && after != NULL && json_equal(was, is))
        return;
    json_array_append_new(changes, json_pack("{s:s, s:s, s:O?, s:O?, s:b}", "schema",
                                             text_of(table, "schema"), "name", text_of(table, "name"),
                                             "before", was, "after", is, "estimated", (int) !exact));
    hf_log(HF_LOG_INFO, "seed: %s.%s had %s%lld rows, and has %lld", text_of(table, "schema"),
           text_of(table, "name"), exact ? "" : "about ", (long long) json_integer_value(was),
           (long long) json_integer_value(is));
}

static json_t *changes_between(const json_t *before, const json_t *after)
{
    json_t *changes = json_array(), *table;
    size_t i;

    json_array_foreach(json_object_get(after, "tables"), i, table)
        add_change(changes, find(before, table), table);
    json_array_foreach(json_object_get(before, "tables"), i, table) if (find(after, table) == NULL)
        add_change(changes, table, NULL);
    return changes;
}

hf_cycle_event hf_phase_seed(hf_cycle *cycle, hf_cycle_event event)
{
    if (event != HF_EVENT_DONE || cycle->options->target->deploy.hooks[HF_HOOK_SEED].command.count == 0)
        return event;
    json_t *before = hf_table_counts(cycle->options->url);
    hf_status status = hf_hook_run(cycle, HF_HOOK_SEED, &cycle->error);
    json_t *after = status == HF_OK ? hf_table_counts(cycle->options->url) : NULL;

    if (before != NULL && after != NULL)
        hf_cycle_fact(cycle, "seed",
                      json_pack("{s:o, s:b}", "tables", changes_between(before, after), "more",
                                (int) json_is_true(json_object_get(after, "more"))));
    json_decref(before);
    json_decref(after);
    return hf_cycle_outcome(status);
}
