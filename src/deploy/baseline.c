#include "deploy/baseline.h"

#include "base/text.h"
#include "deploy/scratch.h"
#include "pg/connection.h"

void hf_baseline_done(hf_baseline *baseline)
{
    hf_strings_done(&baseline->names);
    hf_drift_done(&baseline->drift);
    *baseline = (hf_baseline){0};
}

static hf_status choose(const hf_migration_list *list, const char *until, hf_strings *names, hf_error *error)
{
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *item = &list->migrations.items[i];

        if (item->state != HF_MIGRATION_PENDING) {
            (void) hf_fail(error, HF_E_EXISTS, "the ledger knows migration \"%s\" already, as %s", item->name,
                           hf_migration_state_name(item->state));
            return hf_hint(error, "a baseline is for a database without a ledger; correct single rows with "
                                  "\"holdfast migrations resolve\"");
        }
        if (until == NULL || names->count == 0 || !hf_streq(names->items[names->count - 1], until))
            hf_strings_add(names, item->name);
    }
    if (names->count == 0 || (until != NULL && !hf_streq(names->items[names->count - 1], until))) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "there is no migration \"%s\"", until != NULL ? until : "*");
        return hf_hint(error, "\"holdfast migrations status\" lists them");
    }
    return HF_OK;
}

/* What no migration needs, or what only other rights than a copy's maker has could make. */
static bool is_left_out(const hf_entry *entry)
{
    static const char *const kinds[] = {"ACL",         "DEFAULT ACL",  "COMMENT",       "SECURITY LABEL",
                                        "PUBLICATION", "SUBSCRIPTION", "EVENT TRIGGER", "PUBLICATION TABLE"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (hf_streq(entry->kind, kinds[i]))
            return true;
    return (hf_streq(entry->kind, "SCHEMA") && hf_streq(entry->tag, "public")) || !hf_entry_is_schema(entry);
}

static hf_status load(const hf_archive *archive, const char *url, hf_error *error)
{
    const hf_pg_options options = {.url = url, .purpose = "baseline", .exact_text = true};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(&options, &pg, error));
    HF_TRY(hf_pg_exec(pg, "SET check_function_bodies = off", error));
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];

        if (is_left_out(entry) || entry->definition[0] == '\0')
            continue;
        if (hf_pg_exec(pg, entry->definition, error) != HF_OK)
            return hf_prefix(error, "the copy of %s \"%s\"", entry->kind, entry->tag);
    }
    return HF_OK;
}

static hf_status try_on_a_copy(const hf_target_config *target, const char *url, hf_baseline *baseline,
                               hf_error *error)
{
    HF_AUTO(hf_scratch_done) hf_scratch copy = {0};

    HF_TRY(hf_scratch_make(target, url, &copy, error));
    HF_TRY(load(baseline->drift.live, copy.url, error));
    HF_TRY(hf_migrations_baseline(&target->migrations, copy.url, &baseline->names, error));
    return hf_migrations_apply(&target->migrations, copy.url, NULL, &baseline->tried, error);
}

hf_status hf_baseline_run(const hf_target_config *target, const char *url, const char *until, bool dry_run,
                          hf_baseline *ret_baseline, hf_error *error)
{
    static const hf_strings nothing = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    hf_error local;
    hf_error *failure = error != NULL ? error : &local;

    HF_TRY(hf_migrations_status(&target->migrations, url, false, &list, failure));
    HF_TRY(choose(&list, until, &ret_baseline->names, failure));
    HF_TRY(hf_drift_build(target, url, &ret_baseline->names, &nothing, &ret_baseline->drift, failure));
    if (ret_baseline->drift.differences.count > 0) {
        (void) hf_fail(failure, HF_E_DIFFERENT,
                       "%zu object%s not as these migrations make %s, so the ledger was left alone",
                       ret_baseline->drift.differences.count,
                       ret_baseline->drift.differences.count == 1 ? " is" : "s are",
                       ret_baseline->drift.differences.count == 1 ? "it" : "them");
        return hf_hint(failure, "make them equal, or give --until the last migration that the database has");
    }
    if (try_on_a_copy(target, url, ret_baseline, failure) != HF_OK)
        return hf_prefix(failure, "tried on a copy, and the ledger was left alone");
    if (dry_run)
        return HF_OK;
    HF_TRY(hf_migrations_baseline(&target->migrations, url, &ret_baseline->names, failure));
    ret_baseline->written = true;
    return HF_OK;
}
