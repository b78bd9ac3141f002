/* A plan as text. */
#include <string.h>

#include "base/text.h"
#include "cli/output.h"
#include "cli/plan_output.h"

enum { LINES_SHOWN = 12 };

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

size_t hf_plan_findings(const hf_plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < HF_RULE_CLASSES; i++)
        count += plan->findings[i];
    return plan->base == NULL ? count : count + plan->base->edited.count + plan->base->removed.count;
}

static void print_base(const hf_plan *plan)
{
    const hf_plan_base *base = plan->base;

    hf_out("target \"%s\", on an empty database after the %zu migration%s of %.12s (%s): %zu more\n",
           plan->target, base->migrations, base->migrations == 1 ? "" : "s", base->commit, base->revision,
           plan->migrations.count);
    for (size_t i = 0; i < base->edited.count; i++)
        hf_out_mark(HF_MARK_BAD, "%s is in the base, and was edited: a database that has it will not change",
                    base->edited.items[i]);
    for (size_t i = 0; i < base->removed.count; i++)
        hf_out_mark(HF_MARK_BAD,
                    "%s is in the base, and was removed: a database that has it keeps what it made",
                    base->removed.items[i]);
}

void hf_plan_print(const hf_plan *plan)
{
    const char *before = "";

    if (plan->unknown) {
        hf_out("target \"%s\": the migrator is a command, so what is pending is not known\n", plan->target);
        return;
    }
    if (plan->base != NULL)
        print_base(plan);
    else
        hf_out("target \"%s\", database \"%s\" on %s: %zu pending migration%s\n", plan->target,
               plan->database, plan->host, plan->migrations.count, plan->migrations.count == 1 ? "" : "s");
    for (size_t i = 0; i < plan->migrations.count; i++)
        print_migration(&plan->migrations.items[i]);
    hf_out("\n");
    if (hf_plan_findings(plan) > 0) {
        hf_out("findings: ");
        for (size_t i = 0; i < HF_RULE_CLASSES; i++) {
            if (plan->findings[i] == 0)
                continue;
            hf_out("%s%zu %s", before, plan->findings[i], hf_rule_class_name((hf_rule_class) i));
            before = ", ";
        }
        hf_out("\n");
    }
    if (plan->base == NULL)
        hf_out("digest: %s\n", plan->digest);
}
