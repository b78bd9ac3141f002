#include "deploy/plan_brief.h"

#include "migrations/plan.h"

#define FINDINGS_MAX 50 /* of one migration */
#define MIGRATIONS_MAX 500

static json_t *migration_json(const hf_plan_migration *migration)
{
    json_t *findings = json_array();
    size_t more = 0;

    for (size_t i = 0; i < migration->statements.count; i++) {
        const hf_lint_statement *statement = &migration->statements.items[i];

        for (size_t k = 0; k < statement->findings.count; k++) {
            const hf_lint_finding *finding = &statement->findings.items[k];

            if (json_array_size(findings) == FINDINGS_MAX)
                more++;
            else
                json_array_append_new(
                    findings, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s?}", "rule", finding->rule->name,
                                        "class", hf_rule_class_name(finding->rule->class_), "about",
                                        finding->about, "line", statement->line, "explanation",
                                        finding->rule->explanation, "allowed", finding->allowed));
        }
    }
    return json_pack("{s:s, s:I, s:o, s:I}", "name", migration->name, "statements",
                     (json_int_t) migration->statements.count, "findings", findings, "more",
                     (json_int_t) more);
}

hf_status hf_plan_brief(const hf_target_config *target, const char *url, json_t **ret_brief, hf_error *error)
{
    HF_AUTO(hf_plan_done) hf_plan plan = {0};
    json_t *migrations = json_array();
    hf_status status = hf_plan_make(target, url, &plan, error);

    if (status != HF_OK) {
        json_decref(migrations);
        return status;
    }
    for (size_t i = 0; i < plan.migrations.count && i < MIGRATIONS_MAX; i++)
        json_array_append_new(migrations, migration_json(&plan.migrations.items[i]));
    *ret_brief = json_pack("{s:s?, s:b, s:o}", "digest", plan.unknown ? NULL : plan.digest, "destructive",
                           plan.destructive, "migrations", migrations);
    return HF_OK;
}
