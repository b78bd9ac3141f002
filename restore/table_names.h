/* Which tables of a snapshot are meant, and what they are to be called beside the live ones. */
#ifndef HF_RESTORE_TABLE_NAMES_H
#define HF_RESTORE_TABLE_NAMES_H

#include "base/memory.h"
#include "repository/manifest.h"

/* As given: --table PATTERN --as NAME. */
typedef struct hf_table_choice {
    const char *pattern;
    const char *as; /* NULL: "<schema>.<table>__restored" */
} hf_table_choice;

typedef struct hf_table_wish {
    const hf_table *table; /* borrowed from the manifest */
    char *schema;          /* what it becomes */
    char *name;
} hf_table_wish;

typedef HF_VECTOR(hf_table_wish) hf_table_wishes;
void hf_table_wishes_done(hf_table_wishes *wishes);

/*
 * "schema.table" or "table" (in any schema); * and ? stand for any text and any character, a part in double quotes for itself.  Letters
 * keep their case.  NAME is "schema.table" or "table" (the schema stays), and * in it stands for the table's name.  HF_E_NOT_FOUND: a pattern that
 * fits no table; HF_E_USAGE: a malformed one, or two tables for one name.
 */
HF_MUST_CHECK hf_status hf_table_wishes_find(const hf_manifest *manifest, const hf_table_choice *choices,
                                             size_t count, hf_table_wishes *ret_wishes, hf_error *error);

#endif
