#include "deploy/drift_history.h"

#include "base/text.h"
#include "deploy/sql.h"

hf_drift_history hf_drift_history_new(void)
{
    return (hf_drift_history){json_object(), json_object(), json_object()};
}

void hf_drift_history_done(hf_drift_history *history)
{
    json_decref(history->objects);
    json_decref(history->live);
    json_decref(history->verdicts);
    *history = (hf_drift_history){0};
}

static char *key_of(const char *class_, const char *schema, const char *name)
{
    return hf_format("%s\x1f%s\x1f%s", class_, schema != NULL ? schema : "", name);
}

/* A new object: {key: state}; the caller owns it. */
static hf_status read_states(hf_pg *pg, json_t **ret_states, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_exec(pg, "SET search_path = ''", error));
    HF_TRY(hf_pg_query(pg, hf_sql_object_states, 0, NULL, &rows, error));
    json_t *states = json_object();
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_STR key = key_of(hf_rows_text(rows, i, "class"), hf_rows_text(rows, i, "schema"),
                                 hf_rows_text(rows, i, "name"));

        json_object_set_new(states, key, json_string(hf_rows_text(rows, i, "state")));
    }
    *ret_states = states;
    return HF_OK;
}

static const char *last_state(const json_t *states)
{
    const json_t *last = json_array_get(states, json_array_size(states) - 1);

    return json_string_value(json_object_get(last, "state"));
}

static void note_state(hf_drift_history *history, const char *key, const char *state, const char *by)
{
    json_t *states = json_object_get(history->objects, key);

    if (states == NULL && state == NULL)
        return;
    if (states == NULL) {
        states = json_array();
        json_object_set_new(history->objects, key, states);
    }
    if (!hf_streq(last_state(states), state))
        json_array_append_new(states, json_pack("{s:s, s:s?}", "by", by, "state", state));
}

hf_status hf_drift_history_note(hf_drift_history *history, hf_pg *pg, const char *name, hf_error *error)
{
    json_t *states = NULL;
    const char *key;
    json_t *value;

    HF_TRY(read_states(pg, &states, error));
    json_object_foreach(states, key, value) note_state(history, key, json_string_value(value), name);
    json_object_foreach(history->objects, key, value)
    {
        if (json_object_get(states, key) == NULL)
            note_state(history, key, NULL, name);
    }
    json_decref(states);
    return HF_OK;
}

/* How many of an object's states are behind it: 0: it is as before the first; -1: it was never like this. */
static int live_position(const hf_drift_history *history, const char *key, const json_t *states)
{
    const char *live = json_string_value(json_object_get(history->live, key));

    for (size_t i = json_array_size(states); i > 0; i--)
        if (hf_streq(json_string_value(json_object_get(json_array_get(states, i - 1), "state")), live))
            return (int) i;
    return live == NULL ? 0 : -1;
}

hf_status hf_drift_history_judge(hf_drift_history *history, hf_pg *live, hf_error *error)
{
    json_t *states = NULL;
    const char *key;
    json_t *list;

    HF_TRY(read_states(live, &states, error));
    json_decref(history->live);
    history->live = states;
    json_object_foreach(history->objects, key, list)
    {
        const int position = live_position(history, key, list);

        for (int i = 0; position >= 0 && i < (int) json_array_size(list); i++) {
            const char *by = json_string_value(json_object_get(json_array_get(list, (size_t) i), "by"));

            if (i < position) /* what speaks for it outweighs all else */
                json_object_set_new(history->verdicts, by, json_true());
            else if (json_object_get(history->verdicts, by) == NULL)
                json_object_set_new(history->verdicts, by, json_false());
        }
    }
    return HF_OK;
}

static const char *class_of(const char *kind)
{
    static const struct {
        const char *kind, *class_;
    } classes[] = {
        {"TABLE", "relation"},
        {"VIEW", "relation"},
        {"MATERIALIZED VIEW", "relation"},
        {"INDEX", "relation"},
        {"SEQUENCE", "relation"},
        {"FOREIGN TABLE", "relation"},
        {"CONSTRAINT", "constraint"},
        {"FK CONSTRAINT", "constraint"},
        {"CHECK CONSTRAINT", "constraint"},
        {"TRIGGER", "trigger"},
        {"POLICY", "policy"},
        {"FUNCTION", "function"},
        {"PROCEDURE", "function"},
        {"AGGREGATE", "function"},
        {"TYPE", "type"},
        {"DOMAIN", "type"},
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (hf_streq(classes[i].kind, kind))
            return classes[i].class_;
    return "";
}

const char *hf_drift_history_cause(const hf_drift_history *history, const hf_entry *entry, bool *ret_not_run)
{
    HF_AUTO_STR key = key_of(class_of(entry->kind), entry->schema, entry->tag);
    const json_t *states = json_object_get(history->objects, key);
    const int position = live_position(history, key, states);
    const size_t count = json_array_size(states);

    *ret_not_run = false;
    if (count == 0)
        return NULL;
    if (position >= 0 && (size_t) position < count) {
        const char *by = json_string_value(json_object_get(json_array_get(states, (size_t) position), "by"));

        *ret_not_run = json_is_false(json_object_get(history->verdicts, by));
        if (*ret_not_run)
            return by;
    }
    return json_string_value(json_object_get(json_array_get(states, count - 1), "by"));
}
