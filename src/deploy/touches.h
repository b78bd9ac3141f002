/*
 * Which tables' rows the pending migrations may change, told before they run: what differs elsewhere from the snapshot afterwards was written by
 * somebody else.
 *
 * It errs on the safe side: a statement touches every table whose name stands anywhere in it; one that changes rows also those
 * behind foreign keys, views and partitions of these.  Triggers, functions and dynamic SQL may change anything.
 */
#ifndef HF_DEPLOY_TOUCHES_H
#define HF_DEPLOY_TOUCHES_H

#include <jansson.h>

#include "config/config.h"
#include "migrations/migrations.h"

/* The fact `touches`: {tables: [{schema, name}], unknown: why they are not all, or null}.  The caller owns it. */
json_t *hf_touches_look(const hf_migrations_config *config, const char *url, const hf_migration_list *list);

/* Why the difference of a table may be a migration's, or NULL: none touches it.  The caller owns it. */
char *hf_touches_why(const json_t *touches, const char *schema, const char *name);

#endif
