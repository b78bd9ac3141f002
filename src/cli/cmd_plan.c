#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/session.h"
#include "migrations/plan.h"

enum { LINES_SHOWN = 12, MARKDOWN_MAX = 1 << 28 };

static const hf_cli_option options[] = {
    {"markdown", NULL, "as Markdown, for a pull request"},
    {"check", NULL, "exit status 6 if anything is found that no holdfast:allow comment allows"},
    {NULL, NULL, NULL},
};

/* The first lines of a statement, each with its number. */
static void print_sql(const hf_plan_migration *migration, const hf_lint_statement *statement)
{
    const char *at = migration->sql + statement->at, *end = at + statement->len;
    int line = 0;

    for (; at < end && line < LINES_SHOWN; line++) {
        const char *next = memchr(at, '\n', (size_t) (end - at));
        int len = (int) ((next != NULL ? next : end) - at);

        hf_out("  %5d  %.*s\n", statement->line + line, len > 500 ? 500 : len, at);
        at = next != NULL ? next + 1 : end;
    }
    if (at < end)
        hf_out("         ...\n");
}

static void print_effects(const hf_lint_statement *statement)
{
    for (size_t i = 0; i < statement->relations.count; i++) {
        const hf_lint_relation *relation = &statement->relations.items[i];
        HF_AUTO_STR shown = hf_plan_relation_shown(relation);

        if (relation->is_new || relation->lock == HF_LOCK_NONE)
            hf_out("         on %s\n", shown);
        else
            hf_out("         on %s: lock %s\n", shown, hf_lock_name(relation->lock));
    }
    if (statement->rewrites)
        hf_out("         rewrites the table\n");
    else if (statement->scans)
        hf_out("         scans the table\n");
}

static void print_findings(const hf_lint_statement *statement)
{
    for (size_t i = 0; i < statement->findings.count; i++) {
        const hf_lint_finding *finding = &statement->findings.items[i];
        const char *about = finding->about;

        hf_out("  ");
        hf_out_mark(finding->allowed != NULL                       ? HF_MARK_SKIPPED
                    : finding->rule->class_ == HF_RULE_DESTRUCTIVE ? HF_MARK_BAD
                                                                   : HF_MARK_WARNING,
                    "%s (%s)%s%s", finding->rule->name, hf_rule_class_name(finding->rule->class_),
                    about[0] != '\0' ? ": " : "", about);
        hf_out("         ");
        if (finding->allowed != NULL) {
            HF_AUTO_STR text = hf_format("allowed: %s", finding->allowed);
            hf_out_wrapped(9, text);
            continue;
        }
        hf_out_wrapped(9, finding->rule->explanation);
        hf_out("      -> ");
        hf_out_wrapped(9, finding->rule->recipe);
    }
}

static void print_migration(const hf_plan_migration *migration)
{
    hf_out("\n%s\n", migration->name);
    if (migration->statements.count == 0)
        hf_out("         no statements\n");
    for (size_t i = 0; i < migration->statements.count; i++) {
        const hf_lint_statement *statement = &migration->statements.items[i];

        hf_out("\n");
        print_sql(migration, statement);
        print_effects(statement);
        print_findings(statement);
    }
}

static size_t count_findings(const hf_plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < HF_RULE_CLASSES; i++)
        count += plan->findings[i];
    return count;
}

static void print(const hf_plan *plan)
{
    const char *before = "";

    if (plan->unknown) {
        hf_out("target \"%s\": the migrator is a command, so what is pending is not known\n", plan->target);
        return;
    }
    hf_out("target \"%s\", database \"%s\" on %s: %zu pending migration%s\n", plan->target, plan->database,
           plan->host, plan->migrations.count, plan->migrations.count == 1 ? "" : "s");
    for (size_t i = 0; i < plan->migrations.count; i++)
        print_migration(&plan->migrations.items[i]);
    hf_out("\n");
    if (count_findings(plan) > 0) {
        hf_out("findings: ");
        for (size_t i = 0; i < HF_RULE_CLASSES; i++) {
            if (plan->findings[i] == 0)
                continue;
            hf_out("%s%zu %s", before, plan->findings[i], hf_rule_class_name((hf_rule_class) i));
            before = ", ";
        }
        hf_out("\n");
    }
    hf_out("digest: %s\n", plan->digest);
}

static void print_markdown(const hf_plan *plan)
{
    HF_AUTO_BUF text = HF_BUF_MAX(MARKDOWN_MAX);

    hf_plan_markdown(plan, &text);
    hf_out("%s", hf_buf_text(&text));
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    HF_AUTO(hf_session_done) hf_session session = {0};
    HF_AUTO(hf_plan_done) hf_plan plan = {0};

    HF_TRY(hf_cli_not_both(cli, "markdown", "output", error));
    HF_TRY(hf_session_open(cli, HF_NEEDS_DATABASE, &session, error));
    HF_TRY(hf_plan_make(session.target, session.url, &plan, error));
    hf_cli_result(cli, json_pack("{s:o}", "plan", hf_plan_json(&plan)));
    if (hf_cli_has(cli, "markdown"))
        print_markdown(&plan);
    else if (!cli->json)
        print(&plan);
    if (!hf_cli_has(cli, "check") || (!plan.unknown && count_findings(&plan) == 0))
        return HF_OK;
    if (plan.unknown)
        return hf_fail(error, HF_E_CHECKS_FAILED, "what is pending is not known, so nothing can be checked");
    return hf_fail(error, HF_E_CHECKS_FAILED, "the plan has %zu finding%s", count_findings(&plan),
                   count_findings(&plan) == 1 ? "" : "s");
}

const hf_command hf_command_plan = {
    .name = "plan",
    .summary = "show what a deploy would run, with what is dangerous in it, and its digest",
    .details = "Nothing is changed.  Rows and sizes are the server's estimates.  `-- holdfast:allow RULE "
               "reason` above a\n"
               "statement, or behind it, allows what the rule finds there.  `holdfast deploy --approve "
               "DIGEST` deploys\n"
               "exactly this plan.",
    .options = options,
    .run = run,
};
