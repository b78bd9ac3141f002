/* A plan as JSON and as Markdown. */
#include <string.h>

#include "base/text.h"
#include "migrations/plan.h"

#define SQL_SHOWN_MAX 8000 /* bytes of a statement in Markdown */

char *hf_plan_relation_shown(const hf_lint_relation *relation)
{
    char rows[32], bytes[32];

    if (relation->is_new)
        return hf_format("%s (new)", relation->name);
    if (!relation->known)
        return hf_format("%s (not known)", relation->name);
    if (relation->rows < 0)
        return hf_strdup(relation->name);
    return hf_format("%s (about %s row%s, %s)", relation->name,
                     hf_show_count((uint64_t) relation->rows, rows), relation->rows == 1 ? "" : "s",
                     hf_show_size(relation->bytes, bytes));
}

static json_t *relations_json(const hf_lint_statement *statement)
{
    json_t *array = json_array();

    for (size_t i = 0; i < statement->relations.count; i++) {
        const hf_lint_relation *relation = &statement->relations.items[i];
        bool measured = relation->known && !relation->is_new && relation->rows >= 0;
        json_t *object = json_pack("{s:s, s:b, s:b, s:s}", "name", relation->name, "known", relation->known,
                                   "new", relation->is_new, "lock", hf_lock_name(relation->lock));

        json_object_set_new(object, "rows", measured ? json_integer(relation->rows) : json_null());
        json_object_set_new(object, "bytes",
                            measured ? json_integer((json_int_t) relation->bytes) : json_null());
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *findings_json(const hf_lint_statement *statement)
{
    json_t *array = json_array();

    for (size_t i = 0; i < statement->findings.count; i++) {
        const hf_lint_finding *finding = &statement->findings.items[i];

        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "rule", finding->rule->name,
                                               "class", hf_rule_class_name(finding->rule->class_), "about",
                                               finding->about, "explanation", finding->rule->explanation,
                                               "recipe", finding->rule->recipe, "allowed", finding->allowed));
    }
    return array;
}

static json_t *statement_json(const hf_plan_migration *migration, const hf_lint_statement *statement)
{
    return json_pack("{s:i, s:s, s:s%, s:s, s:b, s:b, s:o, s:o}", "line", statement->line, "kind",
                     statement->kind, "sql", migration->sql + statement->at, statement->len, "lock",
                     hf_lock_name(statement->lock), "rewrites", statement->rewrites, "scans",
                     statement->scans, "relations", relations_json(statement), "findings",
                     findings_json(statement));
}

static json_t *names_json(const hf_strings *names)
{
    json_t *array = json_array();

    for (size_t i = 0; i < names->count; i++)
        json_array_append_new(array, json_string(names->items[i]));
    return array;
}

static json_t *base_json(const hf_plan_base *base)
{
    if (base == NULL)
        return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "revision", base->revision, "commit", base->commit,
                     "migrations", (json_int_t) base->migrations, "applied", (json_int_t) base->applied,
                     "edited", names_json(&base->edited), "removed", names_json(&base->removed));
}

json_t *hf_plan_json(const hf_plan *plan)
{
    json_t *migrations = json_array(), *counts = json_object();

    for (size_t i = 0; i < plan->migrations.count; i++) {
        const hf_plan_migration *migration = &plan->migrations.items[i];
        json_t *statements = json_array();

        for (size_t k = 0; k < migration->statements.count; k++)
            json_array_append_new(statements, statement_json(migration, &migration->statements.items[k]));
        json_array_append_new(migrations,
                              json_pack("{s:s, s:o}", "name", migration->name, "statements", statements));
    }
    for (size_t i = 0; i < HF_RULE_CLASSES; i++)
        json_object_set_new(counts, hf_rule_class_name((hf_rule_class) i),
                            json_integer((json_int_t) plan->findings[i]));
    const bool has_digest = !plan->unknown && plan->base == NULL;
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:b, s:s?, s:s?, s:s?, s:o}", "target", plan->target,
                     "database", plan->database, "unknown", plan->unknown, "migrations", migrations,
                     "findings", counts, "destructive", plan->destructive, "system_identifier",
                     plan->system_identifier[0] != '\0' ? plan->system_identifier : NULL, "schema",
                     has_digest ? plan->schema : NULL, "digest", has_digest ? plan->digest : NULL, "base",
                     base_json(plan->base));
}

/* ---- Markdown ---- */

/* A fence longer than any run of backticks in the text. */
static void add_code(hf_buf *out, const char *sql, size_t len)
{
    size_t longest = 2, run = 0, shown = len;

    for (size_t i = 0; i < len; i++) {
        run = sql[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    if (shown > SQL_SHOWN_MAX)
        for (shown = SQL_SHOWN_MAX; shown > 0 && ((unsigned char) sql[shown] & 0xC0) == 0x80;)
            shown--;
    for (size_t i = 0; i <= longest; i++)
        hf_buf_putc(out, '`');
    hf_buf_puts(out, "sql\n");
    hf_buf_append(out, sql, shown);
    hf_buf_printf(out, "%s\n", shown < len ? "\n-- ... and more" : "");
    for (size_t i = 0; i <= longest; i++)
        hf_buf_putc(out, '`');
    hf_buf_puts(out, "\n\n");
}

/* Names and reasons come from the files: nothing in them may become markup. */
static void add_plain(hf_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("\\`*_[]<>|#~&!@", *c) != NULL)
            hf_buf_putc(out, '\\');
        hf_buf_putc(out, *c == '\n' || *c == '\r' ? ' ' : *c);
    }
}

static void add_effects(hf_buf *out, const hf_lint_statement *statement)
{
    const char *separator = "";

    if (statement->relations.count == 0 && statement->lock == HF_LOCK_NONE)
        return;
    for (size_t i = 0; i < statement->relations.count; i++) {
        HF_AUTO_STR shown = hf_plan_relation_shown(&statement->relations.items[i]);

        hf_buf_puts(out, separator);
        add_plain(out, shown);
        separator = ", ";
    }
    if (statement->lock != HF_LOCK_NONE)
        hf_buf_printf(out, "; lock %s", hf_lock_name(statement->lock));
    hf_buf_puts(out, statement->rewrites ? "; **rewrites the table**"
                     : statement->scans  ? "; scans the table"
                                         : "");
    hf_buf_puts(out, "\n\n");
}

static void add_findings(hf_buf *out, const hf_lint_statement *statement)
{
    for (size_t i = 0; i < statement->findings.count; i++) {
        const hf_lint_finding *finding = &statement->findings.items[i];

        hf_buf_printf(out, "- %s **%s** (%s)",
                      finding->allowed != NULL ? "allowed:" : ":warning:", finding->rule->name,
                      hf_rule_class_name(finding->rule->class_));
        if (finding->about[0] != '\0') {
            hf_buf_putc(out, ' ');
            add_plain(out, finding->about);
        }
        if (finding->allowed != NULL) {
            hf_buf_puts(out, ": ");
            add_plain(out, finding->allowed);
            hf_buf_putc(out, '\n');
            continue;
        }
        hf_buf_puts(out, ": ");
        add_plain(out, finding->rule->explanation);
        hf_buf_puts(out, ".  \n  Safe way: ");
        add_plain(out, finding->rule->recipe);
        hf_buf_puts(out, ".\n");
    }
    if (statement->findings.count > 0)
        hf_buf_putc(out, '\n');
}

static void add_migration(hf_buf *out, const hf_plan_migration *migration)
{
    hf_buf_puts(out, "### ");
    add_plain(out, migration->name);
    hf_buf_puts(out, "\n\n");
    if (migration->statements.count == 0)
        hf_buf_puts(out, "No statements.\n\n");
    for (size_t i = 0; i < migration->statements.count; i++) {
        const hf_lint_statement *statement = &migration->statements.items[i];

        hf_buf_printf(out, "Line %d:\n\n", statement->line);
        add_code(out, migration->sql + statement->at, statement->len);
        add_effects(out, statement);
        add_findings(out, statement);
    }
}

static void add_names(hf_buf *out, const hf_strings *names, const char *what)
{
    for (size_t i = 0; i < names->count; i++) {
        hf_buf_puts(out, "- :warning: ");
        add_plain(out, names->items[i]);
        hf_buf_printf(out, " %s\n", what);
    }
    if (names->count > 0)
        hf_buf_putc(out, '\n');
}

static void add_base(hf_buf *out, const hf_plan_base *base)
{
    hf_buf_printf(out, "On an empty database, after the %zu migration%s of `", base->migrations,
                  base->migrations == 1 ? "" : "s");
    hf_buf_printf(out, "%.12s`.\n\n", base->commit);
    add_names(out, &base->edited,
              "is in the base, and was **edited**: a database that has it will not change");
    add_names(out, &base->removed,
              "is in the base, and was **removed**: a database that has it keeps what it made");
}

void hf_plan_markdown(const hf_plan *plan, hf_buf *out)
{
    hf_buf_puts(out, "## Migrations for ");
    add_plain(out, plan->target);
    hf_buf_puts(out, "\n\n");
    if (plan->unknown) {
        hf_buf_puts(out, "The migrator is a command; what is pending is not known.\n");
        return;
    }
    if (plan->base != NULL)
        add_base(out, plan->base);
    if (plan->migrations.count == 0)
        hf_buf_puts(out, "Nothing is pending.\n\n");
    else {
        hf_buf_printf(out, "%zu pending;", plan->migrations.count);
        for (size_t i = 0; i < HF_RULE_CLASSES; i++)
            hf_buf_printf(out, " %zu %s%s", plan->findings[i], hf_rule_class_name((hf_rule_class) i),
                          i + 1 < HF_RULE_CLASSES ? "," : ".\n\n");
    }
    for (size_t i = 0; i < plan->migrations.count; i++)
        add_migration(out, &plan->migrations.items[i]);
    if (plan->base == NULL)
        hf_buf_printf(out, "Digest: `%s`\n", plan->digest);
}
