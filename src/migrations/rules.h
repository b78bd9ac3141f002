/*
 * The rules of the lint: one table.  The README lists them, with what other linters call the same; a test compares.
 */
#ifndef HF_MIGRATIONS_RULES_H
#define HF_MIGRATIONS_RULES_H

#include <stddef.h>

typedef enum hf_rule_class {
    HF_RULE_DESTRUCTIVE, /* data or what protects it goes, or nobody can tell that it does not; deploy.approval asks */
    HF_RULE_BREAKING, /* the running application's SQL stops working */
    HF_RULE_BLOCKING, /* others wait while a table is rewritten, scanned or indexed under a lock */
    HF_RULE_FAILING,  /* it will fail, or may */
    HF_RULE_SESSION,  /* disturbs the migrator's transaction or session */
    HF_RULE_CLASSES
} hf_rule_class;

typedef struct hf_rule {
    const char *name;
    hf_rule_class class_;
    const char *explanation; /* one sentence */
    const char *recipe;      /* the safe way */
} hf_rule;

enum {
#define HF_RULE(id, name, class_, explanation, recipe) HF_RULE_##id,
#include "migrations/rules.def"
#undef HF_RULE
    HF_RULES
};

extern const hf_rule hf_rules[HF_RULES];

const char *hf_rule_class_name(hf_rule_class class_);      /* "destructive", ... */
const hf_rule *hf_rule_find(const char *name, size_t len); /* or NULL */

#endif
