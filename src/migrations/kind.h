/*
 * Inside the folder: what a kind of migrations provides, and the list they all fill.
 */
#ifndef HF_MIGRATIONS_KIND_H
#define HF_MIGRATIONS_KIND_H

#include "migrations/migrations.h"

typedef struct hf_migrations_ops {
    /* Contracts as hf_migrations_status() and hf_migrations_apply(); the list is empty before. */
    hf_status (*status)(const hf_migrations_config *config, const char *url, bool for_deploy,
                        hf_migration_list *list, hf_error *error);
    hf_status (*apply)(const hf_migrations_config *config, const char *url,
                       const hf_migrations_events *events, size_t *applied, hf_error *error);
} hf_migrations_ops;

extern const hf_migrations_ops hf_migrations_prisma;
extern const hf_migrations_ops hf_migrations_sql;
extern const hf_migrations_ops hf_migrations_command;

/* Append a migration; `path` and `logs` may be NULL.  The address is valid until the next one is added. */
hf_migration *hf_migration_list_add(hf_migration_list *list, const char *name, const char *path,
                                    hf_migration_state state, const char *logs);

/* The first one in `state`, or NULL. */
const hf_migration *hf_migration_list_find_state(const hf_migration_list *list, hf_migration_state state);

/* Still to be applied: pending, or rolled back with its file there. */
bool hf_migration_is_pending(const hf_migration *migration);

void hf_migrations_tell_begin(const hf_migrations_events *events, const char *name);
void hf_migrations_tell_end(const hf_migrations_events *events, const char *name, int64_t took_ms);
void hf_migrations_tell_output(const hf_migrations_events *events, const char *text);

#endif
