/*
 * The lint: what the statements of migrations would do, to which relations and under which lock, and which rules (rules.def)
 * they break.
 *
 * It reads the parser's trees and a description of the database (sql/plan_facts.sql); it asks no server.  The migrations of
 * a plan go through one hf_lint in their order, so that what an earlier statement made is known as new.
 */
#ifndef HF_MIGRATIONS_LINT_H
#define HF_MIGRATIONS_LINT_H

#include <jansson.h>

#include "base/memory.h"
#include "migrations/rules.h"
#include "pg/statements.h"

/* PostgreSQL's table-level locks, weakest first. */
typedef enum hf_lock {
    HF_LOCK_NONE,
    HF_LOCK_ACCESS_SHARE,
    HF_LOCK_ROW_SHARE,
    HF_LOCK_ROW_EXCLUSIVE,
    HF_LOCK_SHARE_UPDATE_EXCLUSIVE,
    HF_LOCK_SHARE,
    HF_LOCK_SHARE_ROW_EXCLUSIVE,
    HF_LOCK_EXCLUSIVE,
    HF_LOCK_ACCESS_EXCLUSIVE
} hf_lock;
const char *hf_lock_name(hf_lock lock); /* "ACCESS EXCLUSIVE"; "" for none */

typedef struct hf_lint_finding {
    const hf_rule *rule;
    char *about;   /* what it is about: a name, a column with its types */
    char *allowed; /* the reason that a holdfast:allow comment gives, or NULL */
} hf_lint_finding;

typedef struct hf_lint_relation {
    char *name;     /* "public.orders" */
    bool known;     /* the database has it; else rows and bytes say nothing */
    bool is_new;    /* made by the plan itself */
    int64_t rows;   /* as the statistics say; -1: they are not known, and neither are the bytes */
    uint64_t bytes; /* of the table without its indexes; of all partitions */
    hf_lock lock;
} hf_lint_relation;

typedef struct hf_lint_statement {
    size_t at, len; /* in the migration's text */
    int line;
    char *kind;   /* "ALTER TABLE"; "" when it is not known */
    hf_lock lock; /* the strongest one on a relation that is not new */
    bool rewrites, scans;
    HF_VECTOR(hf_lint_relation) relations;
    HF_VECTOR(hf_lint_finding) findings;
} hf_lint_statement;

typedef HF_VECTOR(hf_lint_statement) hf_lint_statements;
void hf_lint_statements_done(hf_lint_statements *statements);

/* Add the names that the statements mention to three arrays: relations {"schema", "name"}, functions and types (texts). */
void hf_lint_mentions(const hf_statements *statements, json_t *relations, json_t *functions, json_t *types);

typedef struct hf_lint hf_lint;

/* facts: as sql/plan_facts.sql gives them; changed as the migrations go by, and freed with it. */
hf_lint *hf_lint_new(json_t *facts);
void hf_lint_free(hf_lint *lint);
void hf_lint_freep(hf_lint **lint);

/* The next migration: its text and the statements read from it. */
void hf_lint_file(hf_lint *lint, const char *sql, const hf_statements *statements,
                  hf_lint_statements *ret_statements);

#endif
