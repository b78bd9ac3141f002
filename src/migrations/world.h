/*
 * The database's relations as a plan's statements find and leave them: what sql/plan_facts.sql told, changed as the statements
 * would change it.  Everything is JSON; what a plan makes itself has "new": true.
 */
#ifndef HF_MIGRATIONS_WORLD_H
#define HF_MIGRATIONS_WORLD_H

#include <jansson.h>
#include <stdbool.h>

/* The relation that a RangeVar {"schemaname", "relname"} means, or NULL.  Borrowed. */
json_t *hf_world_find(json_t *world, const json_t *range);

/* The same for a list of String nodes: [schema,] name. */
json_t *hf_world_find_names(json_t *world, const json_t *names);

/* The table that an index of this name belongs to, or NULL; *ret_unique is set where it is found. */
json_t *hf_world_table_of_index(json_t *world, const json_t *names, bool *ret_unique);

/* A new relation of this name.  Borrowed. */
json_t *hf_world_add(json_t *world, const json_t *range, const char *kind);

/* A statement changes the search path: from here on, names without a schema may mean others than was looked up. */
void hf_world_change_path(json_t *world);
bool hf_world_has_other_path(const json_t *world);

void hf_world_drop(json_t *relation); /* no longer found */

json_t *hf_world_column(const json_t *relation, const char *name); /* or NULL; borrowed */
json_t *hf_world_constraint(const json_t *relation, const char *name);

/* Add a new column as a ColumnDef tells; its JSON is borrowed. */
json_t *hf_world_add_column(json_t *relation, const json_t *definition);
void hf_world_remove_column(json_t *relation, const char *name);
void hf_world_add_constraint(json_t *relation, const char *name, const char *kind, bool valid,
                             const char *definition);

/* Whether a valid CHECK says that the column is not null. */
bool hf_world_is_checked_not_null(const json_t *relation, const char *column);

bool hf_world_is_new(const json_t *thing);                          /* false for NULL */
const char *hf_world_text(const json_t *thing, const char *member); /* "" when there is none */

/* Words of a list of String nodes: the last one, and the one before it or NULL. */
const char *hf_world_last_name(const json_t *names);
const char *hf_world_schema_name(const json_t *names);

#endif
