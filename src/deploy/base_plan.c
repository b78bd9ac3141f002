#include "deploy/base_plan.h"

#include "base/text.h"
#include "deploy/revision.h"
#include "deploy/scratch.h"

static void folder_done(char **path)
{
    if (*path != NULL)
        hf_revision_remove(*path);
    hf_freep(path);
}

/* What the branch did to migrations that the base has. */
static void note_changes(const hf_migration_list *list, hf_plan_base *base)
{
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *item = &list->migrations.items[i];

        if (item->state == HF_MIGRATION_EDITED)
            hf_strings_add(&base->edited, item->name);
        else if (item->state == HF_MIGRATION_MISSING)
            hf_strings_add(&base->removed, item->name);
        base->migrations += !hf_migration_is_pending(item);
    }
}

/* An empty database tells nothing about rows. */
static void forget_sizes(hf_plan *plan)
{
    for (size_t i = 0; i < plan->migrations.count; i++)
        for (size_t k = 0; k < plan->migrations.items[i].statements.count; k++) {
            hf_lint_statement *statement = &plan->migrations.items[i].statements.items[k];

            for (size_t r = 0; r < statement->relations.count; r++)
                statement->relations.items[r].rows = -1;
        }
    plan->digest[0] = plan->schema[0] = plan->system_identifier[0] = '\0';
}

static hf_status apply_base(const hf_target_config *target, const char *folder, const char *url,
                            hf_error *error)
{
    hf_migrations_config config = target->migrations; /* borrows */
    size_t applied = 0;

    config.directory = (char *) folder;
    if (hf_migrations_apply(&config, url, NULL, &applied, error) != HF_OK)
        return hf_prefix(error, "the migrations of the base");
    return HF_OK;
}

static hf_status apply_branch(const hf_target_config *target, const char *url, hf_plan_base *base,
                              hf_error *error)
{
    if (hf_migrations_apply(&target->migrations, url, NULL, &base->applied, error) != HF_OK)
        return hf_prefix(error, "the migrations of the branch");
    return HF_OK;
}

hf_status hf_base_plan_make(const hf_target_config *target, const char *url, const char *revision,
                            hf_plan *ret_plan, hf_error *error)
{
    HF_AUTO(hf_scratch_done) hf_scratch scratch = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    HF_AUTO(folder_done) char *folder = NULL;
    HF_AUTO_STR commit = NULL;

    HF_TRY(hf_migrations_check_ledger(&target->migrations, error));
    HF_TRY(hf_revision_extract(target->migrations.directory, revision, &folder, &commit, error));
    HF_TRY(hf_scratch_make(target, url, &scratch, error));
    HF_TRY(apply_base(target, folder, scratch.url, error));
    HF_TRY(hf_migrations_status(&target->migrations, scratch.url, false, &list, error));
    HF_TRY(hf_plan_make(target, scratch.url, ret_plan, error));
    forget_sizes(ret_plan);
    ret_plan->base = hf_alloc(sizeof(*ret_plan->base));
    ret_plan->base->revision = hf_strdup(revision);
    ret_plan->base->commit = HF_TAKE(commit);
    note_changes(&list, ret_plan->base);
    return apply_branch(target, scratch.url, ret_plan->base, error);
}
