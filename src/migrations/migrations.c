#include "migrations/migrations.h"

#include "migrations/folder.h"
#include "migrations/profiles.h"

/* NULL: not a folder. */
static const hf_folder_kind *const folders[] = {
    [HF_MIGRATIONS_NONE] = NULL,
    [HF_MIGRATIONS_PRISMA] = &hf_folder_prisma,
    [HF_MIGRATIONS_SQL] = &hf_folder_sql,
    [HF_MIGRATIONS_COMMAND] = NULL,
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
        free(list->migrations.items[i].at);
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
    hf_error local;
    hf_error *failure = error != NULL ? error : &local;

    if (folders[config->kind] != NULL) {
        HF_TRY(hf_folder_status(folders[config->kind], config, url, &list, failure));
    } else if (config->kind == HF_MIGRATIONS_COMMAND) {
        HF_TRY(hf_migrator_check(config, url, failure));
        list.unknown = hf_profile_of(config) == NULL;
        if (!list.unknown)
            HF_TRY(hf_profile_status(config, url, &list, failure));
    }
    if (for_deploy && list.obstacle.code != HF_OK) {
        *failure = list.obstacle;
        return failure->code;
    }
    *ret_list = list;
    list = (hf_migration_list){0};
    return HF_OK;
}

static hf_status apply(const hf_migrations_config *config, const char *url, const hf_strings *only,
                       const hf_migrations_events *events, size_t *ret_applied, hf_error *error)
{
    size_t applied = 0;
    hf_status status = HF_OK;
    hf_error local;
    hf_error *failure = error != NULL ? error : &local;

    if (folders[config->kind] != NULL)
        status = hf_folder_apply(folders[config->kind], config, url, only, events, &applied, failure);
    else if (config->kind == HF_MIGRATIONS_COMMAND)
        status = hf_migrator_run(config, url, events, &applied, failure);
    *ret_applied = applied;
    return status;
}

hf_status hf_migrations_apply(const hf_migrations_config *config, const char *url,
                              const hf_migrations_events *events, size_t *ret_applied, hf_error *error)
{
    return apply(config, url, NULL, events, ret_applied, error);
}

hf_status hf_migrations_check_ledger(const hf_migrations_config *config, hf_error *error)
{
    if (folders[config->kind] != NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "%s",
                   config->kind == HF_MIGRATIONS_NONE
                       ? "this target has no migrations"
                       : "these migrations are run by a command, which keeps its own ledger");
    return hf_hint(error, "only migrations of kind prisma or sql have a ledger that holdfast writes; of a "
                          "command with a \"profile\" it can read "
                          "what is pending");
}

hf_status hf_migrations_apply_only(const hf_migrations_config *config, const char *url,
                                   const hf_strings *only, const hf_migrations_events *events,
                                   size_t *ret_applied, hf_error *error)
{
    HF_TRY(hf_migrations_check_ledger(config, error));
    return apply(config, url, only, events, ret_applied, error);
}

hf_status hf_migrations_resolve(const hf_migrations_config *config, const char *url, const char *name,
                                bool applied, hf_error *error)
{
    hf_error local;

    HF_TRY(hf_migrations_check_ledger(config, error));
    return hf_folder_resolve(folders[config->kind], config, url, name, applied,
                             error != NULL ? error : &local);
}

hf_status hf_migrations_baseline(const hf_migrations_config *config, const char *url, const hf_strings *names,
                                 hf_error *error)
{
    hf_error local;

    HF_TRY(hf_migrations_check_ledger(config, error));
    return hf_folder_baseline(folders[config->kind], config, url, names, error != NULL ? error : &local);
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
