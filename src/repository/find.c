/*
 * Which snapshot is meant.  An id goes before a label, so that what "holdfast snapshots" prints first always works; "label:" makes
 * clear that a label is meant.  Of several snapshots that would do (latest, a label used again, a time) it is the newest whose pointer and
 * manifest verify; newer ones that do not are passed over, and the caller is told.
 */
#include "repository/find.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "repository/layout.h"
#include "repository/repository.h"

#define LABEL_PREFIX "label:"

bool hf_is_damage(hf_status status)
{
    return status == HF_E_CORRUPT || status == HF_E_NOT_FOUND || status == HF_E_LIMIT ||
           status == HF_E_FORMAT;
}

void hf_snapshot_choice_done(hf_snapshot_choice *choice)
{
    free(choice->id);
    hf_strings_done(&choice->passed_over);
    *choice = (hf_snapshot_choice){0};
}

/* Fill an error that may be NULL with another one. */
static hf_status pass_on(const hf_error *why, hf_error *error)
{
    if (error != NULL)
        *error = *why;
    return why->code;
}

bool hf_snapshot_is_replaced(const hf_snapshot_info *info)
{
    return info->label != NULL && hf_starts_with(info->label, HF_LABEL_REPLACED);
}

/* What candidates have in common; NULL and INT64_MAX: anything. */
typedef struct wish {
    const char *label;
    int64_t until_ms;
} wish;

/* *ret_count counts the candidates, broken ones too; none of them sound: the newest one's damage is the error. */
static hf_status newest_sound(hf_repository *repository, const char *target, const hf_snapshot_list *list,
                              const wish *wanted, hf_snapshot_choice *choice, size_t *ret_count,
                              hf_error *error)
{
    hf_error newest = {0};

    *ret_count = 0;
    for (size_t i = list->count; i-- > 0;) {
        const hf_snapshot_info *info = &list->items[i];
        HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
        hf_error why = {0};

        if (wanted->label == NULL && hf_snapshot_is_replaced(info))
            continue;
        if (info->created_ms > wanted->until_ms ||
            (wanted->label != NULL && !hf_streq(info->label, wanted->label)))
            continue;
        ++*ret_count;
        hf_status status = hf_repository_load(repository, target, info->id, &manifest, &why);
        if (status == HF_OK) {
            choice->id = hf_strdup(info->id);
            return HF_OK;
        }
        if (!hf_is_damage(status))
            return pass_on(&why, error);
        hf_strings_add(&choice->passed_over, why.message);
        if (newest.code == HF_OK)
            newest = why;
    }
    return newest.code == HF_OK ? HF_OK : pass_on(&newest, error);
}

static hf_status find_latest(hf_repository *repository, const char *target, hf_snapshot_choice *choice,
                             hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    size_t count = 0;

    HF_TRY(hf_repository_list(repository, target, &list, error));
    HF_TRY(newest_sound(repository, target, &list, &(wish){.until_ms = INT64_MAX}, choice, &count, error));
    if (count > 0)
        return HF_OK;
    (void) hf_fail(error, HF_E_NOT_FOUND, "target \"%s\" has no snapshot", target);
    (void) hf_hint(error, "take one with `holdfast backup`");
    return HF_E_NOT_FOUND;
}

/* *ret_found is false if no snapshot has the label. */
static hf_status find_label(hf_repository *repository, const char *target, const char *label,
                            hf_snapshot_choice *choice, bool *ret_found, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    size_t count = 0;

    HF_TRY(hf_repository_list(repository, target, &list, error));
    HF_TRY(newest_sound(repository, target, &list, &(wish){.label = label, .until_ms = INT64_MAX}, choice,
                        &count, error));
    *ret_found = count > 0;
    return HF_OK;
}

hf_status hf_repository_find_at(hf_repository *repository, const char *target, int64_t at_ms,
                                hf_snapshot_choice *ret_choice, hf_error *error)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};
    char at[32], oldest[32];
    size_t count = 0;

    HF_TRY(hf_repository_list(repository, target, &list, error));
    HF_TRY(newest_sound(repository, target, &list, &(wish){.until_ms = at_ms}, &choice, &count, error));
    if (count > 0) {
        *ret_choice = choice;
        choice = (hf_snapshot_choice){0};
        return HF_OK;
    }
    if (list.count == 0) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "target \"%s\" has no snapshot", target);
        (void) hf_hint(error, "take one with `holdfast backup`");
        return HF_E_NOT_FOUND;
    }
    (void) hf_fail(error, HF_E_NOT_FOUND,
                   "target \"%s\" has no snapshot taken at or before %s; the oldest is %s, of %s", target,
                   hf_time_format(at_ms, at), list.items[0].id,
                   hf_time_format(list.items[0].created_ms, oldest));
    (void) hf_hint(error, "`holdfast snapshots` lists those that exist");
    return HF_E_NOT_FOUND;
}

/* The ids of a target that begin with a text; the whole id counts alone. */
typedef struct id_search {
    const char *name;
    hf_strings ids;
    bool exact;
} id_search;

static void id_search_done(id_search *search)
{
    hf_strings_done(&search->ids);
}

static hf_status collect_id(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    id_search *search = context;
    HF_AUTO_STR target = NULL;
    HF_AUTO_STR id = NULL;

    (void) bytes;
    (void) error;
    if (hf_split_document_key("snapshots", key, &target, &id) && hf_starts_with(id, search->name)) {
        search->exact |= hf_streq(id, search->name);
        hf_strings_add(&search->ids, id);
    }
    return HF_OK;
}

static hf_status find_id(hf_repository *repository, const char *target, const char *name,
                         hf_snapshot_choice *choice, bool *ret_found, hf_error *error)
{
    HF_AUTO(id_search_done) id_search search = {.name = name};
    HF_AUTO_STR prefix = hf_format("snapshots/%s/", target);

    if (!hf_is_repository_name(name))
        return HF_OK;
    HF_TRY(hf_storage_list(hf_repository_storage(repository), prefix, collect_id, &search, error));
    if (search.ids.count > 1 && !search.exact) {
        (void) hf_fail(error, HF_E_USAGE, "\"%s\" begins the id of more than one snapshot of target \"%s\"",
                       name, target);
        (void) hf_hint(error, "give more of the id; `holdfast snapshots` lists them");
        return HF_E_USAGE;
    }
    *ret_found = search.ids.count > 0;
    if (*ret_found)
        choice->id = hf_strdup(search.exact ? name : search.ids.items[0]);
    return HF_OK;
}

static hf_status choose(hf_repository *repository, const char *target, const char *name,
                        hf_snapshot_choice *choice, hf_error *error)
{
    bool found = false;

    HF_TRY(hf_check_repository_name("target name", target, error));
    if (hf_streq(name, "latest"))
        return find_latest(repository, target, choice, error);
    if (name[0] == '\0')
        return hf_check_repository_name("snapshot id", name, error);
    if (hf_starts_with(name, LABEL_PREFIX)) {
        name += strlen(LABEL_PREFIX);
        HF_TRY(find_label(repository, target, name, choice, &found, error));
        if (!found)
            (void) hf_fail(error, HF_E_NOT_FOUND, "no snapshot of target \"%s\" has the label \"%.200s\"",
                           target, name);
    } else {
        HF_TRY(find_id(repository, target, name, choice, &found, error));
        if (!found)
            HF_TRY(find_label(repository, target, name, choice, &found, error));
        if (!found)
            (void) hf_fail(error, HF_E_NOT_FOUND, "\"%.200s\" is no snapshot of target \"%s\"", name, target);
    }
    if (found)
        return HF_OK;
    (void) hf_hint(error, "`holdfast snapshots` lists those that exist");
    return HF_E_NOT_FOUND;
}

hf_status hf_repository_choose(hf_repository *repository, const char *target, const char *name,
                               hf_snapshot_choice *ret_choice, hf_error *error)
{
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};

    HF_TRY(choose(repository, target, name, &choice, error));
    *ret_choice = choice;
    choice = (hf_snapshot_choice){0};
    return HF_OK;
}

hf_status hf_repository_find(hf_repository *repository, const char *target, const char *name, char **ret_id,
                             hf_error *error)
{
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};

    HF_TRY(choose(repository, target, name, &choice, error));
    *ret_id = HF_TAKE(choice.id);
    return HF_OK;
}
