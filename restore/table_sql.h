/*
 * A table's statements, as pg_dump wrote them, for another name.
 *
 * pg_dump qualifies every name, and puts the table's own in a fixed place of each statement.  A statement is taken only if it begins as expected,
 * with exactly that name there; the name is replaced and the rest stays as it is.  No other statement is ever given out, so none can reach the live table.
 */
#ifndef HF_RESTORE_TABLE_SQL_H
#define HF_RESTORE_TABLE_SQL_H

#include "pg/archive.h"

typedef struct hf_relation {
    const char *schema;
    const char *name;
} hf_relation;

/* The tables that the definition of a TABLE entry inherits from, "schema" and "name" in turn. */
HF_MUST_CHECK hf_status hf_table_sql_parents(const hf_entry *entry, hf_strings *ret_names, hf_error *error);

/*
 * What makes the table of a TABLE entry as `to`, with `parents` (as many as hf_table_sql_parents() gave) in the place of those it inherits from: CREATE TABLE, and what it
 * says about its columns.  HF_E_UNSUPPORTED for a definition that is not understood.
 */
HF_MUST_CHECK hf_status hf_table_sql_create(const hf_entry *entry, hf_relation to, const hf_relation *parents,
                                            hf_strings *ret_statements, hf_error *error);

/* What sets a column's default, of a DEFAULT entry; NULL if it takes values from a sequence, and then *ret_column names it. */
HF_MUST_CHECK hf_status hf_table_sql_default(const hf_entry *entry, hf_relation from, hf_relation to,
                                             char **ret_statement, char **ret_column, hf_error *error);

/* The column that a SEQUENCE entry makes an identity, or NULL if it is no such entry of that table.  The caller owns it. */
char *hf_table_sql_identity(const hf_entry *entry, hf_relation from);

/*
 * The name of the primary key, unique constraint or unique index that a CONSTRAINT or INDEX entry makes on the table; NULL if it
 * is something else.  The caller owns it.
 */
char *hf_table_sql_key(const hf_entry *entry, hf_relation from);

/* What makes it on `to`, under another name.  Only for entries for which hf_table_sql_key() gave one.  The caller owns it. */
char *hf_table_sql_make_key(const hf_entry *entry, hf_relation from, hf_relation to, const char *name);

#endif
