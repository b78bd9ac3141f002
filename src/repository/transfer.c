#include "repository/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "repository/document.h"

void hf_transfer_done(hf_transfer *transfer)
{
    free(transfer->target);
    free(transfer->id);
    *transfer = (hf_transfer){0};
}

hf_status hf_transfer_object(hf_repository *repository, hf_zstd *zstd, int level, bool check_existing,
                             const hf_buf *content, hf_mapped_object *object, bool *ret_new, hf_error *error)
{
    HF_AUTO_BUF back = HF_BUF_MAX(content->len);

    HF_FAULT("transfer.before_object", error);
    HF_TRY(hf_repository_put_object(repository, zstd, level, check_existing, content->data, content->len,
                                    &object->to, ret_new, error));
    return *ret_new ? hf_repository_get_object(repository, zstd, &object->to, &back, error) : HF_OK;
}

static void forget_stored(hf_table *table)
{
    table->stored_bytes = 0;
    for (size_t i = 0; i < table->chunks.count; i++)
        table->chunks.items[i].object.stored_bytes = 0;
}

/* Without what is a repository's own affair: the sizes of frames, and whether it is pinned. */
static char *essence(hf_manifest *manifest)
{
    manifest->pinned = false;
    manifest->schema.stored_bytes = 0;
    for (size_t i = 0; i < manifest->tables.count; i++)
        forget_stored(&manifest->tables.items[i]);
    forget_stored(&manifest->large_objects.objects);
    forget_stored(&manifest->large_objects.pieces);
    HF_AUTO_JSON json = hf_manifest_to_json(manifest);
    return json != NULL ? hf_canonical_json(json) : NULL;
}

/* Both manifests are spoilt. */
static hf_status compare(hf_manifest *mine, hf_manifest *theirs, hf_error *error)
{
    HF_AUTO_STR here = essence(mine);
    HF_AUTO_STR there = essence(theirs);

    if (here != NULL && hf_streq(here, there))
        return HF_OK;
    return hf_fail(error, HF_E_EXISTS, "target \"%s\" has another snapshot with the id \"%s\"", mine->target,
                   mine->id);
}

hf_status hf_transfer_seal(hf_repository *repository, const hf_object_map *map, hf_manifest *manifest,
                           hf_transfer *ret_transfer, hf_error *error)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *existing = NULL;

    hf_object_map_apply(map, manifest);
    hf_status status = hf_repository_load(repository, manifest->target, manifest->id, &existing, error);

    if (status == HF_OK)
        status = compare(existing, manifest, error);
    else if (status == HF_E_NOT_FOUND)
        status = hf_repository_seal(repository, manifest, error);
    HF_TRY(status);

    ret_transfer->existed = existing != NULL;
    ret_transfer->target = hf_strdup(manifest->target);
    ret_transfer->id = hf_strdup(manifest->id);
    ret_transfer->objects = map->count;
    return HF_OK;
}
