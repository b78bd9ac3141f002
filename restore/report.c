#include "restore/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const char *const OUTCOMES[] = {"restored", "skipped", "failed"};

hf_restored *hf_report_add(hf_restore_report *report, const char *kind, const char *schema, const char *name,
                           hf_outcome outcome, const char *why)
{
    hf_restored *object = HF_APPEND_NEW(&report->objects);
    object->kind = hf_strdup(kind);
    object->schema = schema != NULL && *schema != '\0' ? hf_strdup(schema) : NULL;
    object->name = hf_strdup(name);
    object->outcome = outcome;
    object->why = hf_strdup(why);
    return object;
}

void hf_report_entry(hf_restore_report *report, const hf_entry *entry, hf_outcome outcome, const char *why)
{
    hf_report_add(report, entry->kind, entry->schema, entry->tag, outcome, why);
}

void hf_restore_report_done(hf_restore_report *report)
{
    for (size_t i = 0; i < report->objects.count; i++) {
        free(report->objects.items[i].kind);
        free(report->objects.items[i].schema);
        free(report->objects.items[i].name);
        free(report->objects.items[i].why);
    }
    free(report->objects.items);
    free(report->phases.items);
    free(report->database);
    free(report->snapshot);
    hf_difference_list_done(&report->differences);
    hf_strings_done(&report->warnings);
    hf_strings_done(&report->create_roles);
    *report = (hf_restore_report){0};
}

size_t hf_restore_report_count(const hf_restore_report *report, hf_outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < report->objects.count; i++)
        if (report->objects.items[i].outcome == outcome)
            count++;
    return count;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *object_json(const hf_restored *object)
{
    json_t *json = json_object();
    json_object_set_new(json, "kind", json_string(object->kind));
    json_object_set_new(json, "schema", text_or_null(object->schema));
    json_object_set_new(json, "name", json_string(object->name));
    json_object_set_new(json, "outcome", json_string(OUTCOMES[object->outcome]));
    if (object->why != NULL)
        json_object_set_new(json, "why", json_string(object->why));
    if (strcmp(object->kind, "TABLE DATA") == 0)
        json_object_set_new(json, "rows", json_integer((json_int_t) object->rows));
    return json;
}

json_t *hf_restore_report_json(const hf_restore_report *report)
{
    json_t *json = json_object();
    json_object_set_new(json, "database", text_or_null(report->database));
    json_object_set_new(json, "snapshot", text_or_null(report->snapshot));
    json_object_set_new(json, "verified", json_boolean(report->verified));
    json_object_set_new(json, "dropped", json_boolean(report->dropped));
    json_object_set_new(json, "rows", json_integer((json_int_t) report->rows));
    json_object_set_new(json, "bytes", json_integer((json_int_t) report->bytes));
    json_object_set_new(json, "took_ms", json_integer(report->took_ms));
    json_object_set_new(json, "worker_ms",
                        json_pack("{s:I, s:I, s:I}", "load", (json_int_t) report->load_ms, "build",
                                  (json_int_t) report->build_ms, "verify", (json_int_t) report->verify_ms));
    json_t *phases = json_array();
    for (size_t i = 0; i < report->phases.count; i++)
        json_array_append_new(phases, json_pack("{s:s, s:I}", "name", report->phases.items[i].name, "took_ms",
                                                (json_int_t) report->phases.items[i].took_ms));
    json_object_set_new(json, "phases", phases);
    json_object_set_new(json, "restored",
                        json_integer((json_int_t) hf_restore_report_count(report, HF_OUTCOME_RESTORED)));
    json_object_set_new(json, "skipped",
                        json_integer((json_int_t) hf_restore_report_count(report, HF_OUTCOME_SKIPPED)));
    json_object_set_new(json, "failed",
                        json_integer((json_int_t) hf_restore_report_count(report, HF_OUTCOME_FAILED)));
    json_t *objects = json_array();
    for (size_t i = 0; i < report->objects.count; i++)
        json_array_append_new(objects, object_json(&report->objects.items[i]));
    json_object_set_new(json, "objects", objects);
    json_object_set_new(json, "differences", hf_difference_list_json(&report->differences));
    json_t *warnings = json_array();
    for (size_t i = 0; i < report->warnings.count; i++)
        json_array_append_new(warnings, json_string(report->warnings.items[i]));
    json_object_set_new(json, "warnings", warnings);
    json_t *create_roles = json_array();
    for (size_t i = 0; i < report->create_roles.count; i++)
        json_array_append_new(create_roles, json_string(report->create_roles.items[i]));
    json_object_set_new(json, "create_roles", create_roles);
    return json;
}

void hf_report_phase(hf_restore_report *report, const hf_restore_options *options, const char *name,
                     int64_t *started_ms)
{
    int64_t now = hf_monotonic_ms();
    if (report->phases.count > 0)
        report->phases.items[report->phases.count - 1].took_ms = now - *started_ms;
    *started_ms = now;
    if (name == NULL)
        return;
    HF_PUSH(&report->phases, ((hf_restore_phase){.name = name}));
    if (options->on_phase != NULL)
        options->on_phase(options->context, name);
}
