/* The kinds of statements: which relations each locks, and what it breaks. */
#ifndef HF_MIGRATIONS_LINT_STATEMENTS_H
#define HF_MIGRATIONS_LINT_STATEMENTS_H

#include "migrations/lint_state.h"

/* Look at the statement under way: its tree {"Kind": {...}}.  Its kind as people call it; the caller owns it. */
char *hf_lint_statement_look(hf_lint *lint, const json_t *tree);

/* One that has no tree: its text, and the parser's message. */
char *hf_lint_text_look(hf_lint *lint, const char *text, size_t len, const char *problem);

/* The statement under way cannot run in a transaction: a finding if its file holds another one. */
void hf_lint_needs_own_file(hf_lint *lint, const char *what);

/* A look at one kind each, given the content of its node.  In lint_table.c: */
void hf_lint_create_table(hf_lint *lint, const json_t *tree);
void hf_lint_alter_table(hf_lint *lint, const json_t *tree);

/* In lint_rows.c; the first one finds INSERT, UPDATE, DELETE and MERGE wherever they stand in a tree. */
void hf_lint_look_at_changes(hf_lint *lint, const json_t *tree);
void hf_lint_select(hf_lint *lint, const json_t *tree);
void hf_lint_change(hf_lint *lint, const json_t *tree);
void hf_lint_create_table_as(hf_lint *lint, const json_t *tree);
void hf_lint_create_view(hf_lint *lint, const json_t *tree);
void hf_lint_copy(hf_lint *lint, const json_t *tree);
void hf_lint_truncate(hf_lint *lint, const json_t *tree);
bool hf_lint_is_ledger(const char *name); /* the migrator's own table */

/* In lint_drop.c: */
void hf_lint_drop(hf_lint *lint, const json_t *tree);
void hf_lint_drop_database(hf_lint *lint, const json_t *tree);
void hf_lint_drop_owned(hf_lint *lint, const json_t *tree);
void hf_lint_drop_role(hf_lint *lint, const json_t *tree);
void hf_lint_rename(hf_lint *lint, const json_t *tree);
void hf_lint_move(hf_lint *lint, const json_t *tree);

#endif
