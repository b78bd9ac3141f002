#include "deploy/drift.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "deploy/drift_history.h"
#include "deploy/scratch.h"
#include "pg/pattern.h"
#include "pg/pg_dump.h"

void hf_drift_done(hf_drift *drift)
{
    hf_archive_free(drift->built);
    hf_archive_free(drift->live);
    free(drift->differences.items);
    for (size_t i = 0; i < drift->causes.count; i++)
        free(drift->causes.items[i].migration);
    free(drift->causes.items);
    free(drift->snapshot);
    hf_strings_done(&drift->warnings);
    *drift = (hf_drift){0};
}

static void forget_owners(hf_archive *archive)
{
    for (size_t i = 0; i < archive->entries.count; i++) {
        free(archive->entries.items[i].owner);
        archive->entries.items[i].owner = hf_strdup("");
    }
}

static hf_status dump(const hf_target_config *target, const char *url, hf_archive **ret_archive,
                      hf_error *error)
{
    HF_AUTO(hf_pg_dump_done) hf_pg_dump program = {0};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "drift"}, &pg, error));
    HF_TRY(hf_pg_dump_find(&target->snapshot.pg_dump, hf_pg_version(pg), &program, error));
    program.timeout_ms = target->snapshot.pg_dump_timeout_ms;
    return hf_pg_dump_schema(&program, url, NULL, NULL, ret_archive, error);
}

/* ---- what does not count ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The lines in order of their bytes, each without the comma at its end. */
static void sort_lines(const char *text, hf_strings *lines)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        HF_AUTO_STR line = hf_strndup(text, len > 0 && text[len - 1] == ',' ? len - 1 : len);

        hf_strings_add(lines, line);
        text += text[len] == '\n' ? len + 1 : len;
    }
    if (lines->count > 1)
        qsort(lines->items, lines->count, sizeof(*lines->items), by_text);
}

static bool same_but_for_order(const char *a, const char *b)
{
    HF_AUTO(hf_strings_done) hf_strings left = {0};
    HF_AUTO(hf_strings_done) hf_strings right = {0};

    sort_lines(a, &left);
    sort_lines(b, &right);
    if (left.count != right.count)
        return false;
    for (size_t i = 0; i < left.count; i++)
        if (!hf_streq(left.items[i], right.items[i]))
            return false;
    return true;
}

static bool is_of_ledger(const hf_entry *entry)
{
    static const char *const ledgers[] = {"_prisma_migrations", "_holdfast_migrations"};
    const char *name = strncmp(entry->tag, "TABLE ", 6) == 0 ? entry->tag + 6 : entry->tag;

    for (size_t i = 0; i < sizeof(ledgers) / sizeof(*ledgers); i++)
        if (hf_starts_with(name, ledgers[i]))
            return true;
    return false;
}

static hf_status parse_patterns(const hf_strings *texts, hf_pattern *patterns, hf_error *error)
{
    for (size_t i = 0; i < texts->count; i++)
        if (!hf_pattern_parse(texts->items[i], &patterns[i])) {
            (void) hf_fail(error, HF_E_USAGE, "\"%s\" is not a pattern for names", texts->items[i]);
            return hf_hint(error, "for example audit.* or public.tmp_*");
        }
    return HF_OK;
}

static bool counts(const hf_schema_difference *item, const hf_pattern *patterns, size_t count)
{
    const hf_entry *entry = item->entry;

    if (is_of_ledger(entry))
        return false;
    if (item->before != NULL && hf_streq(entry->kind, "TABLE") &&
        same_but_for_order(item->before->definition, entry->definition))
        return false;
    for (size_t i = 0; i < count; i++)
        if (hf_pattern_fits(&patterns[i], entry->schema != NULL ? entry->schema : "", entry->tag))
            return false;
    return true;
}

static hf_status drop_ignored(const hf_strings *ignore, hf_schema_differences *list, hf_error *error)
{
    hf_pattern *patterns = hf_alloc((ignore->count + 1) * sizeof(*patterns));
    size_t kept = 0;

    memset(patterns, 0, (ignore->count + 1) * sizeof(*patterns));
    hf_status status = parse_patterns(ignore, patterns, error);
    for (size_t i = 0; status == HF_OK && i < list->count; i++)
        if (counts(&list->items[i], patterns, ignore->count))
            list->items[kept++] = list->items[i];
    if (status == HF_OK)
        list->count = kept;
    for (size_t i = 0; i < ignore->count; i++)
        hf_pattern_done(&patterns[i]);
    free(patterns);
    return status;
}

/* ---- what the migrations make ---- */

/* The names that are built, and a word about those that cannot be. */
static void choose(const hf_migration_list *list, hf_strings *names, hf_strings *warnings)
{
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *item = &list->migrations.items[i];
        const char *why = NULL;

        if (item->state == HF_MIGRATION_APPLIED || item->state == HF_MIGRATION_EDITED)
            hf_strings_add(names, item->name);
        if (item->state == HF_MIGRATION_EDITED)
            why = "was edited after it was applied; the file of today is what was built";
        else if (item->state == HF_MIGRATION_MISSING)
            why = "is applied, and its file is not here; what it made counts as made by hand";
        else if (item->state == HF_MIGRATION_FAILED)
            why = "failed; what it left counts as made by hand";
        if (why != NULL) {
            HF_AUTO_STR warning = hf_format("migration \"%s\" %s", item->name, why);
            hf_strings_add(warnings, warning);
        }
    }
}

/* What each migration did, noted by a connection of its own. */
typedef struct noting {
    hf_drift_history *history;
    hf_pg *pg;
    hf_error error; /* of the first note that could not be taken */
} noting;

static void note(void *context, const char *name, int64_t took_ms)
{
    noting *n = context;

    (void) took_ms;
    if (n->error.code == HF_OK && hf_drift_history_note(n->history, n->pg, name, &n->error) != HF_OK)
        (void) hf_prefix(&n->error, "after migration \"%s\"", name);
}

static hf_status build(const hf_target_config *target, const char *url, const hf_strings *names,
                       hf_drift_history *history, hf_drift *drift, hf_error *error)
{
    HF_AUTO(hf_scratch_done) hf_scratch scratch = {0};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_scratch_make(target, url, &scratch, error));
    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = scratch.url, .purpose = "drift"}, &pg, error));
    noting n = {.history = history, .pg = pg};
    const hf_migrations_events events = {.context = &n, .end = note};
    if (hf_migrations_apply_only(&target->migrations, scratch.url, names, &events, &drift->migrations,
                                 error) != HF_OK)
        return hf_prefix(error, "the migrations cannot be built in a scratch database");
    if (n.error.code != HF_OK) {
        if (error != NULL)
            *error = n.error;
        return n.error.code;
    }
    hf_pg_freep(&pg);
    return dump(target, scratch.url, &drift->built, error);
}

/* For each difference, whether a migration did not run here or somebody's hands made it. */
static hf_status find_causes(const char *url, hf_drift_history *history, hf_drift *drift, hf_error *error)
{
    HF_AUTO_PG pg = NULL;

    if (drift->differences.count == 0)
        return HF_OK;
    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "drift"}, &pg, error));
    HF_TRY(hf_drift_history_judge(history, pg, error));
    for (size_t i = 0; i < drift->differences.count; i++) {
        hf_drift_cause *cause = HF_APPEND_NEW(&drift->causes);

        cause->migration =
            hf_strdup(hf_drift_history_cause(history, drift->differences.items[i].entry, &cause->not_run));
    }
    return HF_OK;
}

hf_status hf_drift_build(const hf_target_config *target, const char *url, const hf_strings *names,
                         const hf_strings *ignore, hf_drift *drift, hf_error *error)
{
    HF_AUTO(hf_drift_history_done) hf_drift_history history = hf_drift_history_new();

    HF_TRY(dump(target, url, &drift->live, error));
    HF_TRY(build(target, url, names, &history, drift, error));
    forget_owners(drift->built);
    forget_owners(drift->live);
    hf_compare_schemas(drift->built, drift->live, &drift->differences);
    HF_TRY(drop_ignored(ignore, &drift->differences, error));
    return find_causes(url, &history, drift, error);
}

hf_status hf_drift_from(const hf_target_config *target, const char *url, hf_repository *repository,
                        const hf_manifest *manifest, const hf_strings *ignore, hf_drift *ret_drift,
                        hf_error *error)
{
    HF_AUTO(hf_drift_done) hf_drift drift = {.snapshot = hf_strdup(manifest->id)};

    HF_TRY(hf_compare_load_archive(repository, manifest, &drift.built, error));
    HF_TRY(dump(target, url, &drift.live, error));
    hf_compare_schemas(drift.built, drift.live, &drift.differences);
    HF_TRY(drop_ignored(ignore, &drift.differences, error));
    if (hf_manifest_is_filtered(manifest))
        hf_strings_add(&drift.warnings, "the snapshot is filtered: what it leaves out counts as added");
    *ret_drift = drift;
    drift = (hf_drift){0};
    return HF_OK;
}

hf_status hf_drift_look(const hf_target_config *target, const char *url, const hf_strings *ignore,
                        hf_drift *ret_drift, hf_error *error)
{
    HF_AUTO(hf_drift_done) hf_drift drift = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    HF_AUTO(hf_strings_done) hf_strings names = {0};

    HF_TRY(hf_migrations_status(&target->migrations, url, false, &list, error));
    choose(&list, &names, &drift.warnings);
    HF_TRY(hf_drift_build(target, url, &names, ignore, &drift, error));

    *ret_drift = drift;
    drift = (hf_drift){0};
    return HF_OK;
}
