/* What ALTER COLUMN ... TYPE means for the rows, by the two types. */
#ifndef HF_MIGRATIONS_TYPES_H
#define HF_MIGRATIONS_TYPES_H

#include <jansson.h>
#include <stdbool.h>

typedef struct hf_sql_type {
    const char *name; /* as in pg_type ("int4", "varchar"); borrowed */
    bool is_array;
    int modifiers[2]; /* as written: varchar(20), numeric(10,2) */
    int count;
} hf_sql_type;

/* Of a parsed TypeName, or of a column {"type", "typmod"} as sql/plan_facts.sql gives it. */
hf_sql_type hf_sql_type_of_tree(const json_t *type_name);
hf_sql_type hf_sql_type_of_column(const json_t *column);

bool hf_sql_type_same(const hf_sql_type *a, const hf_sql_type *b);

/* Whether every value of `from` fits `to` unharmed. */
bool hf_sql_type_widens(const hf_sql_type *from, const hf_sql_type *to);

/* Whether PostgreSQL rewrites the table (without USING); utc: the session's time zone is UTC.  True when in doubt. */
bool hf_sql_type_rewrites(const hf_sql_type *from, const hf_sql_type *to, bool utc);

#endif
