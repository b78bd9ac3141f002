/* Every kind of statement but CREATE and ALTER TABLE: which relations it locks, and what it breaks. */
#ifndef HF_MIGRATIONS_LINT_STATEMENTS_H
#define HF_MIGRATIONS_LINT_STATEMENTS_H

#include "migrations/lint_state.h"

/* Look at the statement under way: its tree {"Kind": {...}}.  Its kind as people call it; the caller owns it. */
char *hf_lint_statement_look(hf_lint *lint, const json_t *tree);

/* One that has no tree: its text, and the parser's message. */
char *hf_lint_text_look(hf_lint *lint, const char *text, size_t len, const char *problem);

#endif
