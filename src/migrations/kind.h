/*
 * Inside the folder: what a command provides (folder.h has the others), and the list they all fill.
 */
#ifndef HF_MIGRATIONS_KIND_H
#define HF_MIGRATIONS_KIND_H

#include "migrations/migrations.h"

/* Of a command: contracts as hf_migrations_status() and hf_migrations_apply(). */
HF_MUST_CHECK hf_status hf_migrator_check(const hf_migrations_config *config, const char *url,
                                          hf_error *error);
HF_MUST_CHECK hf_status hf_migrator_run(const hf_migrations_config *config, const char *url,
                                        const hf_migrations_events *events, size_t *applied, hf_error *error);

/* Append a migration; `path` and `logs` may be NULL.  The address is valid until the next one is added. */
hf_migration *hf_migration_list_add(hf_migration_list *list, const char *name, const char *path,
                                    hf_migration_state state, const char *logs);

/* The first one in `state`, or NULL. */
const hf_migration *hf_migration_list_find_state(const hf_migration_list *list, hf_migration_state state);

void hf_migrations_tell_begin(const hf_migrations_events *events, const char *name);
void hf_migrations_tell_end(const hf_migrations_events *events, const char *name, int64_t took_ms);
void hf_migrations_tell_output(const hf_migrations_events *events, const char *text);

#endif
