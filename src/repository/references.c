#include "repository/references.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repository/find.h"
#include "repository/layout.h"

void hf_references_done(hf_references *references)
{
    free(references->names.items);
    *references = (hf_references){0};
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(hf_object_name));
}

void hf_references_sort(hf_references *references)
{
    hf_object_name *items = references->names.items;
    size_t kept = 0;

    if (references->names.count > 1)
        qsort(items, references->names.count, sizeof(*items), compare);
    for (size_t i = 0; i < references->names.count; i++)
        if (kept == 0 || compare(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    references->names.count = references->distinct = kept;
}

static hf_status add(void *context, const hf_object_ref *object, const char *what, hf_error *error)
{
    hf_references *references = context;
    hf_object_name name;

    (void) what;
    if (!hf_unhex(object->name, name.bytes, sizeof(name.bytes)))
        return hf_fail(error, HF_E_CORRUPT, "\"%s\" is not the name of an object", object->name);
    HF_PUSH(&references->names, name);
    return HF_OK;
}

hf_status hf_references_add(hf_references *references, const hf_object_ref *manifest_object,
                            const hf_manifest *manifest, hf_error *error)
{
    HF_TRY(add(references, manifest_object, NULL, error));
    HF_TRY(hf_manifest_each_object(manifest, add, references, error));
    references->snapshots++;
    /* Snapshots share most objects: memory is a few times what is distinct. */
    if (references->names.count > 4 * references->distinct)
        hf_references_sort(references);
    return HF_OK;
}

static hf_status unreadable(const hf_snapshot_info *info, const char *why, hf_error *error)
{
    (void) hf_fail(error, HF_E_CORRUPT, "what snapshot \"%s\" of target \"%s\" needs is not known: %s",
                   info->id, info->target, why);
    return hf_hint(error,
                   "put its files back from a copy; or, if it is not wanted any more, remove "
                   "\"snapshots/%s/%s.json\" from the repository",
                   info->target, info->id);
}

/* Has it been removed since it was listed?  Then its manifest may be gone too. */
static bool is_gone(hf_repository *repository, const hf_snapshot_info *info)
{
    HF_AUTO_STR key = hf_snapshot_key(info->target, info->id);
    uint64_t bytes = 0;

    return hf_storage_stat(hf_repository_storage(repository), key, &bytes, NULL) == HF_E_NOT_FOUND;
}

static hf_status collect_snapshot(hf_repository *repository, const hf_snapshot_info *info,
                                  hf_references *references, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    hf_error why = {0};

    hf_status status = info->broken == NULL
                           ? hf_repository_load(repository, info->target, info->id, &manifest, &why)
                           : hf_fail(&why, HF_E_CORRUPT, "%s", info->broken);
    if (status == HF_OK)
        return hf_references_add(references, &info->manifest, manifest, error);
    if (hf_is_damage(status) && is_gone(repository, info))
        return HF_OK;
    if (hf_is_damage(status))
        return unreadable(info, why.message, error);
    if (error != NULL)
        *error = why;
    return status;
}

hf_status hf_references_collect(hf_repository *repository, const hf_snapshot_list *snapshots,
                                hf_references *references,
                                hf_status (*between)(void *context, hf_error *error), void *context,
                                hf_error *error)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        if (between != NULL)
            HF_TRY(between(context, error));
        HF_TRY(collect_snapshot(repository, &snapshots->items[i], references, error));
    }
    hf_references_sort(references);
    return HF_OK;
}

bool hf_references_have_name(const hf_references *references, const char *digits)
{
    hf_object_name name;

    return references->names.count > 0 && hf_unhex(digits, name.bytes, sizeof(name.bytes)) &&
           bsearch(&name, references->names.items, references->names.count, sizeof(name), compare) != NULL;
}

bool hf_references_have(const hf_references *references, const char *key, bool *ret_is_object)
{
    const char *name = hf_object_of_key(key);

    *ret_is_object = name != NULL;
    return name != NULL && hf_references_have_name(references, name);
}
