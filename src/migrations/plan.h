/*
 * The plan of a deploy: the pending migrations, statement by statement, with what the lint finds, and one digest over
 * everything that an approval is about.
 *
 * The digest is the SHA-256 of: the target's name and database, the server's system identifier, the schema as pg_dump
 * writes it, and name and SQL of each pending migration in their order.  Sizes and findings do not count.
 */
#ifndef HF_MIGRATIONS_PLAN_H
#define HF_MIGRATIONS_PLAN_H

#include <jansson.h>

#include "base/buffer.h"
#include "config/config.h"
#include "migrations/lint.h"
#include "migrations/migrations.h"
#include "stream/digest.h"

typedef struct hf_plan_migration {
    char *name;
    char *sql;
    hf_lint_statements statements;
} hf_plan_migration;

/* Of a plan whose pending migrations are those that a branch has beside a base's (deploy/base_plan.h). */
typedef struct hf_plan_base {
    char *revision; /* as it was asked for */
    char *commit;
    size_t migrations;          /* that the base has */
    size_t applied;             /* of the branch's, by the trial */
    hf_strings edited, removed; /* migrations of the base that the branch changed, or lacks */
} hf_plan_base;

typedef struct hf_plan {
    char *target, *database, *host;
    bool unknown; /* the migrator is a command: what is pending cannot be told, and there is no digest */
    HF_VECTOR(hf_plan_migration) migrations;
    size_t findings[HF_RULE_CLASSES]; /* that no comment allows */
    bool destructive; /* a destructive finding, whatever a comment allows, or unknown: see deploy.approval */
    char system_identifier[32]; /* "" where the server does not tell */
    char schema[HF_SHA256_HEX];
    char digest[HF_SHA256_HEX];
    hf_plan_base *base; /* NULL: what is pending is so in the target; else there are no sizes and no digest */
} hf_plan;
void hf_plan_done(hf_plan *plan);

/*
 * Make the plan; only reads.  Errors are those of hf_migrations_status() for a deploy, and of pg_dump; HF_E_LOCKED when a
 * relation is locked exclusively for longer than snapshot.lock_timeout.
 */
HF_MUST_CHECK hf_status hf_plan_make(const hf_target_config *target, const char *url, hf_plan *ret_plan,
                                     hf_error *error);

json_t *hf_plan_json(const hf_plan *plan); /* the caller owns it */

/* As Markdown for a pull request. */
void hf_plan_markdown(const hf_plan *plan, hf_buf *out);

/* "orders (about 1,200 rows, 16 MiB)", "orders (new)"; for text and Markdown.  The caller owns it. */
char *hf_plan_relation_shown(const hf_lint_relation *relation);

size_t hf_plan_statement_findings(const hf_lint_statement *statement); /* that no comment allows */

#endif
