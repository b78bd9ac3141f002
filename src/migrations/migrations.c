#include "migrations/migrations.h"

#include "migrations/kind.h"

static const hf_migrations_ops *const kinds[] = {
    [HF_MIGRATIONS_NONE] = NULL,
    [HF_MIGRATIONS_PRISMA] = &hf_migrations_prisma,
    [HF_MIGRATIONS_SQL] = &hf_migrations_sql,
    [HF_MIGRATIONS_COMMAND] = &hf_migrations_command,
};

static const char *const state_names[] = {
    [HF_MIGRATION_PENDING] = "pending", [HF_MIGRATION_APPLIED] = "applied",
    [HF_MIGRATION_FAILED] = "failed",   [HF_MIGRATION_ROLLED_BACK] = "rolled back",
    [HF_MIGRATION_EDITED] = "edited",   [HF_MIGRATION_MISSING] = "missing",
};

const char *hf_migration_state_name(hf_migration_state state)
{
    return state_names[state];
}

void hf_migration_list_done(hf_migration_list *list)
{
    for (size_t i = 0; i < list->migrations.count; i++) {
        free(list->migrations.items[i].name);
        free(list->migrations.items[i].path);
        free(list->migrations.items[i].logs);
    }
    free(list->migrations.items);
    *list = (hf_migration_list){0};
}

bool hf_migration_is_pending(const hf_migration *migration)
{
    return migration->path != NULL &&
           (migration->state == HF_MIGRATION_PENDING || migration->state == HF_MIGRATION_ROLLED_BACK);
}

size_t hf_migration_list_pending(const hf_migration_list *list)
{
    size_t pending = 0;

    for (size_t i = 0; i < list->migrations.count; i++)
        pending += hf_migration_is_pending(&list->migrations.items[i]);
    return pending;
}

const hf_migration *hf_migration_list_find_state(const hf_migration_list *list, hf_migration_state state)
{
    for (size_t i = 0; i < list->migrations.count; i++)
        if (list->migrations.items[i].state == state)
            return &list->migrations.items[i];
    return NULL;
}

hf_migration *hf_migration_list_add(hf_migration_list *list, const char *name, const char *path,
                                    hf_migration_state state, const char *logs)
{
    hf_migration *migration = HF_APPEND_NEW(&list->migrations);

    migration->name = hf_strdup(name);
    migration->path = hf_strdup(path);
    migration->state = state;
    migration->logs = hf_strdup(logs);
    return migration;
}

hf_status hf_migrations_status(const hf_migrations_config *config, const char *url, bool for_deploy,
                               hf_migration_list *ret_list, hf_error *error)
{
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};

    if (kinds[config->kind] != NULL)
        HF_TRY(kinds[config->kind]->status(config, url, for_deploy, &list, error));

    *ret_list = list;
    list = (hf_migration_list){0};
    return HF_OK;
}

hf_status hf_migrations_apply(const hf_migrations_config *config, const char *url,
                              const hf_migrations_events *events, size_t *ret_applied, hf_error *error)
{
    size_t applied = 0;
    hf_status status = HF_OK;

    if (kinds[config->kind] != NULL)
        status = kinds[config->kind]->apply(config, url, events, &applied, error);
    *ret_applied = applied;
    return status;
}

void hf_migrations_tell_begin(const hf_migrations_events *events, const char *name)
{
    if (events != NULL && events->begin != NULL)
        events->begin(events->context, name);
}

void hf_migrations_tell_end(const hf_migrations_events *events, const char *name, int64_t took_ms)
{
    if (events != NULL && events->end != NULL)
        events->end(events->context, name, took_ms);
}

void hf_migrations_tell_output(const hf_migrations_events *events, const char *text)
{
    if (events != NULL && events->output != NULL)
        events->output(events->context, text);
}
