/* A cycle as its journal tells it. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "deploy/deploy.h"
#include "deploy/machine.h"
#include "repository/journal.h"

/* Copy a fact into the report under the same name; absent facts are null. */
static void copy_fact(json_t *report, const hf_journal *journal, const char *name)
{
    const json_t *value = hf_journal_fact(journal, name);

    json_object_set_new(report, name, value != NULL ? json_deep_copy(value) : json_null());
}

static int64_t entry_time(const json_t *entry)
{
    int64_t time_ms = 0;

    if (hf_time_parse(json_string_value(json_object_get(entry, "at")), &time_ms, NULL) != HF_OK)
        return 0;
    return time_ms;
}

/* An entry that is not a step, but a fact within a state (hf_cycle_note()). */
static bool is_note(const json_t *entry)
{
    const char *event = json_string_value(json_object_get(entry, "event"));

    for (int i = 0; i < HF_CYCLE_EVENTS; i++)
        if (hf_streq(event, hf_cycle_event_name((hf_cycle_event) i)))
            return false;
    return !hf_streq(event, "opened");
}

/* The step after entry i; NULL: none. */
static const json_t *next_step(const json_t *entries, size_t i)
{
    const json_t *next;

    do
        next = json_array_get(entries, ++i);
    while (next != NULL && is_note(next));
    return next;
}

/* The entry that entered the last state. */
static const json_t *last_step(const json_t *entries)
{
    size_t i = json_array_size(entries);

    while (i > 1 && is_note(json_array_get(entries, i - 1)))
        i--;
    return json_array_get(entries, i - 1);
}

/* Each state with the time it took, from the entries' times. */
static json_t *phases(const json_t *entries)
{
    json_t *array = json_array();

    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i), *next = next_step(entries, i);

        if (is_note(entry))
            continue;
        json_t *phase = json_pack("{s:O, s:O, s:O}", "state", json_object_get(entry, "state"), "event",
                                  json_object_get(entry, "event"), "at", json_object_get(entry, "at"));

        if (next != NULL)
            json_object_set_new(phase, "took_ms",
                                json_integer((json_int_t) (entry_time(next) - entry_time(entry))));
        json_array_append_new(array, phase);
    }
    return array;
}

hf_status hf_deploy_report(hf_repository *repository, const char *target, const char *cycle,
                           json_t **ret_report, hf_error *error)
{
    static const char *const facts[] = {
        "snapshot",
        "snapshot_rows",
        "snapshot_stored_bytes",
        "database",
        "url",
        "operator",
        "holdfast",
        "revision",
        "group",
        "abandoned",
        "pending",
        "plan",
        "approval",
        "overrides",
        "shrunk",
        "fence",
        "clone",
        "applied",
        "blocked",
        "seed",
        "after",
        "checks",
        "observed",
        "held",
        "hooks",
        "notifications",
        "error",
        "failed_in",
        "written",
        "way",
        "restore",
        "way_back_error",
        "failed_database",
        "failed_snapshot",
        "swapped_back",
        "preflight",
        "resumed_by",
    };
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

    HF_TRY(hf_journal_load(repository, target, cycle, &journal, error));
    const json_t *entries = hf_journal_entries(journal);
    const json_t *first = json_array_get(entries, 0);
    const json_t *last = last_step(entries);
    hf_cycle_state state;
    bool ended = hf_cycle_state_parse(hf_journal_state(journal), &state) && hf_cycle_is_final(state);
    json_t *report = json_pack("{s:s, s:s, s:s, s:O?, s:I}", "id", cycle, "target", target, "state",
                               hf_journal_state(journal), "started_at", json_object_get(first, "at"),
                               "took_ms", (json_int_t) (entry_time(last) - entry_time(first)));

    json_object_set_new(report, "finished_at",
                        ended ? json_incref(json_object_get(last, "at")) : json_null());
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
        copy_fact(report, journal, facts[i]);
    json_object_set_new(report, "phases", phases(entries));
    *ret_report = report;
    return HF_OK;
}

hf_status hf_deploy_find(hf_repository *repository, const char *target, const char *name, char **ret_cycle,
                         hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    const char *found = NULL;

    HF_TRY(hf_journal_list(repository, target, &cycles, error));
    for (size_t i = 0; i < cycles.count; i++) {
        if (!hf_streq(name, "latest") && !hf_starts_with(cycles.items[i], name))
            continue;
        if (found != NULL && !hf_streq(name, "latest")) {
            (void) hf_fail(error, HF_E_USAGE, "\"%s\" is the beginning of several cycles: %s, %s", name,
                           found, cycles.items[i]);
            return hf_hint(error, "give more of it");
        }
        found = cycles.items[i];
    }
    if (found == NULL) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "target \"%s\" has no cycle \"%s\"", target, name);
        return hf_hint(error, "`holdfast history` lists them");
    }
    *ret_cycle = hf_strdup(found);
    return HF_OK;
}
