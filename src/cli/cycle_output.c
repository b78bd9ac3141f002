#include "cli/cycle_output.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/output.h"
#include "deploy/deploy.h"
#include "deploy/machine.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static char *took_of(const json_t *object, char out[32])
{
    return hf_show_duration(json_integer_value(json_object_get(object, "took_ms")), out);
}

static const char *verdict(const char *state_name)
{
    hf_cycle_state state = HF_CYCLE_STATES;

    if (!hf_cycle_state_parse(state_name, &state))
        return "in an unknown state";
    switch (state) {
    case HF_CYCLE_DEPLOYED:
        return "DEPLOYED: migrated and verified";
    case HF_CYCLE_ROLLED_BACK:
        return "ROLLED BACK: the database equals the snapshot";
    case HF_CYCLE_REFUSED:
        return "REFUSED: nothing was touched";
    case HF_CYCLE_STUCK:
        return "STUCK: the way back failed; snapshot and failed database are both kept";
    default:
        return "INTERRUPTED: run `holdfast resume`";
    }
}

static void print_facts(const json_t *report)
{
    const json_t *operator= json_object_get(report, "operator");
    char took[32], size[32], rows[32];

    hf_out_fact("target", "%s (%s)", text_of(report, "target"), text_of(report, "url"));
    hf_out_fact("started", "%s by %s@%s", text_of(report, "started_at"), text_of(operator, "user"),
                text_of(operator, "host"));
    hf_out_fact("took", "%s", took_of(report, took));
    if (json_is_string(json_object_get(report, "snapshot")))
        hf_out_fact(
            "snapshot", "%s, %s rows, %s stored", text_of(report, "snapshot"),
            hf_show_count((uint64_t) json_integer_value(json_object_get(report, "snapshot_rows")), rows),
            hf_show_size((uint64_t) json_integer_value(json_object_get(report, "snapshot_stored_bytes")),
                         size));
    if (json_is_string(json_object_get(report, "failed_database")))
        hf_out_fact("kept", "the failed database, as \"%s\"", text_of(report, "failed_database"));
}

static void print_error(const json_t *report, const char *name, const char *title)
{
    const json_t *error = json_object_get(report, name);

    if (!json_is_object(error))
        return;
    hf_out_fact(title, "%s", text_of(error, "message"));
    if (text_of(error, "hint")[0] != '\0')
        hf_out_fact("hint", "%s", text_of(error, "hint"));
}

static bool was_applied(const json_t *report, const char *name, char took[32])
{
    const json_t *applied;
    size_t i;

    json_array_foreach(json_object_get(report, "applied"), i,
                       applied) if (hf_streq(text_of(applied, "name"), name))
    {
        (void) took_of(applied, took);
        return true;
    }
    return false;
}

/* A command's migrations are not known beforehand, so the two lists may differ. */
static void print_migrations(const json_t *report)
{
    bool failed = hf_streq(text_of(report, "failed_in"), hf_cycle_state_name(HF_CYCLE_MIGRATING));
    const json_t *pending = json_object_get(report, "pending"), *migration;
    char took[32];
    size_t i;

    if (json_array_size(pending) == 0)
        return;
    hf_out("\nMigrations\n");
    json_array_foreach(pending, i, migration)
    {
        const char *name = text_of(migration, "name");

        if (was_applied(report, name, took))
            hf_out_mark(HF_MARK_GOOD, "%s (%s)", name, took);
        else if (failed)
            hf_out_mark(HF_MARK_BAD, "%s", name);
        else
            hf_out_mark(HF_MARK_SKIPPED, "%s", name);
        failed =
            failed && was_applied(report, name, took); /* only the first that is not applied is to blame */
    }
}

static void print_checks(const json_t *report)
{
    const json_t *checks = json_object_get(report, "checks"), *check;
    size_t i;

    if (json_array_size(checks) == 0)
        return;
    hf_out("\nChecks\n");
    json_array_foreach(checks, i, check)
    {
        if (json_is_true(json_object_get(check, "passed")))
            hf_out_mark(HF_MARK_GOOD, "%s: %s", text_of(check, "name"), text_of(check, "seen"));
        else
            hf_out_mark(HF_MARK_BAD, "%s: expected %s, saw %s", text_of(check, "name"),
                        text_of(check, "expected"), text_of(check, "seen"));
    }
}

static void print_phases(const json_t *report)
{
    const json_t *phase;
    char took[32];
    size_t i;

    hf_out("\nTimeline\n");
    json_array_foreach(json_object_get(report, "phases"), i, phase)
    {
        bool last = i + 1 == json_array_size(json_object_get(report, "phases"));

        hf_out("  %s  %-18s %s\n", text_of(phase, "at"), text_of(phase, "state"),
               last ? "" : took_of(phase, took));
    }
}

void hf_cycle_print(const json_t *report)
{
    hf_out("%s\n", verdict(text_of(report, "state")));
    hf_out("cycle %s\n\n", text_of(report, "id"));
    print_error(report, "error", "because");
    print_error(report, "way_back_error", "way back");
    print_facts(report);
    print_migrations(report);
    print_checks(report);
    print_phases(report);
}

void hf_cycle_result(hf_cli *cli, const hf_session *session, const char *cycle)
{
    json_t *report = NULL;
    hf_error error;

    if (hf_deploy_report(session->repository, session->target->name, cycle, &report, &error) != HF_OK) {
        hf_log_error(&error);
        return;
    }
    if (!cli->json)
        hf_cycle_print(report);
    hf_cli_result(cli, json_pack("{s:o}", "cycle", report));
}
