#include "cli/cycles.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/output.h"

const char *hf_report_text(const json_t *report, const char *name)
{
    const char *text = json_string_value(json_object_get(report, name));

    return text == NULL ? "" : text;
}

static const char *headline(const char *state)
{
    static const struct {
        const char *state, *text;
    } lines[] = {
        {"deployed", "deployed: migrated and verified"},
        {"rolled_back", "ROLLED BACK: the database is as the snapshot has it, row for row"},
        {"refused", "refused: nothing was touched"},
        {"stuck", "STUCK: the way back failed; snapshot and failed database are both intact"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (hf_streq(lines[i].state, state))
            return lines[i].text;
    return "not ended: `holdfast resume` brings it to an end, unless it is still under way";
}

static void print_error(const json_t *report, const char *name, const char *title)
{
    const json_t *error = json_object_get(report, name);

    if (!json_is_object(error))
        return;
    /* The message has the SQLSTATE in it where there is one. */
    hf_out_fact(title, "%s", hf_report_text(error, "message"));
    if (hf_report_text(error, "hint")[0] != '\0')
        hf_out_fact("", "%s", hf_report_text(error, "hint"));
}

static void print_names(const json_t *list, const char *title)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        const char *name = json_is_string(item) ? json_string_value(item) : hf_report_text(item, "name");
        const json_t *took = json_object_get(item, "took_ms");
        char text[32];

        if (json_is_integer(took))
            hf_out_fact(i == 0 ? title : "", "%s  %s", name,
                        hf_show_duration(json_integer_value(took), text));
        else
            hf_out_fact(i == 0 ? title : "", "%s", name);
    }
}

static void print_approval(const json_t *approval)
{
    const char *how = hf_report_text(approval, "how");
    size_t i;
    json_t *item;

    if (!json_is_true(json_object_get(approval, "approved")))
        return;
    hf_out_fact("approved", "plan %s%s", hf_report_text(approval, "digest"),
                hf_streq(how, "terminal") ? ", at the terminal" : "");
    json_array_foreach(json_object_get(approval, "by"), i, item)
        hf_out_fact("", "by %s at %s", hf_report_text(item, "name"), hf_report_text(item, "at"));
}

static void print_checks(const json_t *report)
{
    const json_t *results = json_object_get(json_object_get(report, "checks"), "results");
    size_t i;
    json_t *item;

    if (json_array_size(results) > 0)
        hf_out("\nchecks\n");
    json_array_foreach(results, i, item)
    {
        bool passed = json_is_true(json_object_get(item, "passed"));
        bool warn = hf_streq(hf_report_text(item, "severity"), "warn");

        hf_out("  ");
        hf_out_mark(passed ? HF_MARK_GOOD
                    : warn ? HF_MARK_WARNING
                           : HF_MARK_BAD,
                    "%s", hf_report_text(item, "name"));
        if (!passed)
            hf_out("          expected  %s\n          seen      %s\n", hf_report_text(item, "expected"),
                   hf_report_text(item, "seen"));
    }
}

static void print_phases(const json_t *report)
{
    static const char *const titles[] = {"phase", "at", "took"};
    HF_AUTO(hf_grid_done) hf_grid grid = {.titles = titles, .align = "llr", .columns = 3};
    size_t i;
    json_t *item;
    char text[32];

    json_array_foreach(json_object_get(report, "phases"), i, item)
    {
        const json_t *took = json_object_get(item, "took_ms");

        hf_grid_cell(&grid, "%s", hf_report_text(item, "state"));
        hf_grid_cell(&grid, "%s", hf_report_text(item, "at"));
        hf_grid_cell(&grid, "%s",
                     json_is_integer(took) ? hf_show_duration(json_integer_value(took), text) : "");
    }
    hf_out("\n");
    hf_grid_print(&grid, 2);
}

void hf_print_cycle(const json_t *report)
{
    const json_t *who = json_object_get(report, "operator");
    char text[32];

    hf_out("%s\n\n", headline(hf_report_text(report, "state")));
    hf_out_fact("cycle", "%s of %s, state %s", hf_report_text(report, "id"), hf_report_text(report, "target"),
                hf_report_text(report, "state"));
    print_error(report, "error", "why");
    print_error(report, "way_back_error", "way back");
    if (hf_report_text(report, "snapshot")[0] != '\0')
        hf_out_fact("snapshot", "%s", hf_report_text(report, "snapshot"));
    if (hf_report_text(report, "failed_database")[0] != '\0')
        hf_out_fact("kept", "the failed database, as %s", hf_report_text(report, "failed_database"));
    print_approval(json_object_get(report, "approval"));
    print_names(json_object_get(report, "applied"), "applied");
    if (json_array_size(json_object_get(report, "applied")) == 0)
        print_names(json_object_get(report, "pending"), "pending");
    if (json_is_object(who))
        hf_out_fact("operator", "%s%s%s", hf_report_text(who, "user"),
                    hf_report_text(who, "user")[0] == '\0' ? "" : "@", hf_report_text(who, "host"));
    hf_out_fact("took", "%s", hf_show_duration(json_integer_value(json_object_get(report, "took_ms")), text));
    print_checks(report);
    print_phases(report);
}

hf_status hf_show_ended_cycle(hf_cli *cli, const hf_session *session, const char *cycle, hf_status status)
{
    json_t *report = NULL;
    hf_error error = {0};

    if (cycle == NULL) {
        if (status == HF_OK) /* resume let clients in again after a swap outside of a cycle */
            hf_cli_result(cli, json_pack("{s:n}", "cycle"));
        return status;
    }
    if (hf_deploy_report(session->repository, session->target->name, cycle, &report, &error) != HF_OK) {
        hf_log_error(&error);
        hf_cli_result(cli, json_pack("{s:{s:s}}", "cycle", "id", cycle));
        return status;
    }
    hf_cli_result(cli, json_pack("{s:o}", "cycle", report));
    if (!cli->json)
        hf_print_cycle(report);
    return status;
}
