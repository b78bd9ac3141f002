/* One lint under way, for the files lint*.c. */
#ifndef HF_MIGRATIONS_LINT_STATE_H
#define HF_MIGRATIONS_LINT_STATE_H

#include "migrations/lint.h"
#include "migrations/world.h"

/* Something dropped or added in the file under way, for probable renames. */
typedef struct hf_lint_trace {
    size_t statement;
    char *relation, *name; /* of a column; name NULL: the relation itself */
    json_t *shape;         /* the column's type, or the relation's columns */
    bool dropped;
} hf_lint_trace;

struct hf_lint {
    json_t *world;

    /* the file under way */
    hf_lint_statements *statements;
    size_t current; /* in statements; a finding goes there */
    size_t count;   /* statements in the file */
    bool has_ddl;   /* a strong lock on a relation that is not new */
    bool in_transaction;
    size_t begun_at;
    json_t *enum_values;  /* added by ALTER TYPE in this file: {value: true} */
    json_t *not_valid;    /* constraints added NOT VALID in this file: {name: true} */
    json_t *changed_rows; /* statements that change many rows: [number] */
    HF_VECTOR(hf_lint_trace) traces;
};

/* A finding about the statement under way, once a rule and text. */
void hf_lint_find(hf_lint *lint, int rule, const char *fmt, ...) HF_PRINTF(3, 4);

/* The statement under way locks this relation.  Gives what is known of it, or NULL; the name is a RangeVar. */
json_t *hf_lint_touch(hf_lint *lint, const json_t *range, hf_lock lock);

/* The same for a relation that was found already; `names` (String nodes) are shown when it was not. */
void hf_lint_touch_found(hf_lint *lint, const json_t *relation, const json_t *names, hf_lock lock);

void hf_lint_rewrites(hf_lint *lint, const json_t *relation); /* nothing for a new one */
void hf_lint_scans(hf_lint *lint, const json_t *relation);

void hf_lint_trace_column(hf_lint *lint, const json_t *relation, const json_t *column, bool dropped);
void hf_lint_trace_relation(hf_lint *lint, const json_t *relation, bool dropped);

#endif
