/*
 * Snapshots: sealing, listing and loading them; find.c tells which one is meant.
 *
 * Sealing has one commit point, the put of the pointer.  A kill before it leaves objects that nothing names (garbage);
 * a kill after it leaves the snapshot, whole.  Everything that reads trusts nothing: the pointer carries its own digest,
 * the pointer names the manifest by digest, and the manifest names the objects by digest.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/find.h"
#include "repository/inventory.h"
#include "repository/layout.h"
#include "repository/pointer.h"
#include "repository/presence.h"
#include "repository/proof.h"
#include "repository/repository.h"

#define POINTER_MAX (1u << 20)
#define MANIFEST_LEVEL 6 /* written once and small beside the rows */

/* Put the manifest as an object and read it back. */
static hf_status put_manifest(hf_repository *repository, const hf_manifest *manifest,
                              hf_object_ref *ret_object, hf_error *error)
{
    HF_AUTO_JSON json = hf_manifest_to_json(manifest);
    HF_AUTO(hf_manifest_freep) hf_manifest *understood = NULL;
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    bool is_new = false;

    if (json == NULL)
        return hf_fail(error, HF_E_UNSUPPORTED, "a name or text in the snapshot is not valid UTF-8");

    /* A manifest that loading would refuse must never be sealed. */
    hf_status status = hf_manifest_from_json(json, &understood, error);

    if (status != HF_OK) {
        (void) hf_prefix(error, "the snapshot contradicts itself");
        return status;
    }

    HF_AUTO_STR text = hf_canonical_json(json);
    size_t len = strlen(text);
    HF_AUTO_BUF content = HF_BUF_MAX(len);

    if (len > HF_MANIFEST_RAW_MAX)
        return hf_fail(error, HF_E_LIMIT, "the manifest of %zu bytes is larger than the format allows", len);

    HF_TRY(hf_repository_put_object(repository, zstd, MANIFEST_LEVEL, true, text, len, ret_object, &is_new,
                                    error));
    if (hf_repository_is_write_only(repository))
        return HF_OK;
    return hf_repository_get_object(repository, zstd, ret_object, &content, error);
}

/* A gc that took us for dead may remove what the snapshot needs. */
static hf_status require_presence(hf_repository *repository, hf_error *error)
{
    hf_presence *presence = hf_repository_presence(repository);

    return presence != NULL ? hf_presence_check(presence, true, error) : HF_OK;
}

hf_status hf_repository_seal(hf_repository *repository, const hf_manifest *manifest, hf_error *error)
{
    hf_object_ref object = {0};

    HF_TRY(hf_check_repository_name("target name", manifest->target, error));
    HF_TRY(hf_check_repository_name("snapshot id", manifest->id, error));

    HF_FAULT("repository.before_manifest", error);
    HF_TRY(put_manifest(repository, manifest, &object, error));

    HF_AUTO_STR key = hf_snapshot_key(manifest->target, manifest->id);
    HF_AUTO_STR text = hf_pointer_write(manifest, &object);
    HF_AUTO_BUF stored = HF_BUF_MAX(POINTER_MAX);

    if (strlen(text) > POINTER_MAX)
        return hf_fail(error, HF_E_LIMIT, "the label of snapshot \"%s\" is too long", manifest->id);

    HF_TRY(hf_inventory_add(repository, manifest->target, manifest->id, error));
    HF_TRY(require_presence(repository, error));
    HF_FAULT("repository.before_pointer", error);
    /* Without reading, a pointer that is in the way after a lost reply could not be told from our own. */
    if (hf_repository_is_write_only(repository))
        return hf_document_put(repository, key, text, error);
    HF_TRY(hf_document_put_new(repository, key, text, error));
    HF_FAULT("repository.after_pointer", error);

    /* A gc removes our document before it looks which pointers there are: either it saw this one, or we see that. */
    hf_status status = require_presence(repository, error);
    if (status == HF_E_BUSY)
        HF_TRY(hf_storage_remove(hf_repository_storage(repository), key, error));
    HF_TRY(status);

    HF_TRY(hf_document_get(repository, key, &stored, error));
    if (!hf_streq(hf_buf_text(&stored), text))
        return hf_fail(error, HF_E_CORRUPT, "\"%s\" reads back differently from what was written", key);

    return HF_OK;
}

/* HF_E_NOT_FOUND: no such pointer.  On other failures ret_info names the snapshot, to be listed as broken. */
static hf_status read_pointer(hf_repository *repository, const char *target, const char *id,
                              hf_snapshot_info *ret_info, hf_error *error)
{
    HF_AUTO_STR key = hf_snapshot_key(target, id);
    HF_AUTO_BUF text = HF_BUF_MAX(POINTER_MAX);
    hf_status status = hf_document_get(repository, key, &text, error);

    if (status == HF_OK)
        return hf_pointer_read(target, id, &text, ret_info, error);

    if (status == HF_E_LIMIT || status == HF_E_CORRUPT) {
        ret_info->id = hf_strdup(id);
        ret_info->target = hf_strdup(target);
    }
    return status;
}

/* The time that an id begins with ("20261121T073002Z"), so that a broken pointer is listed in its place; else 0. */
static int64_t time_of_id(const char *id)
{
    int64_t time_ms = 0;

    if (strlen(id) < 16)
        return 0;

    HF_AUTO_STR text =
        hf_format("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9, id + 11, id + 13);

    return hf_time_parse(text, &time_ms, NULL) == HF_OK ? time_ms : 0;
}

typedef HF_VECTOR(hf_snapshot_name) snapshot_names;

static void snapshot_names_done(snapshot_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i].target);
        free(names->items[i].id);
    }
    free(names->items);
}

static hf_status collect_name(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    snapshot_names *names = context;
    hf_snapshot_name name;

    (void) bytes;
    (void) error;
    if (hf_split_document_key("snapshots", key, &name.target, &name.id))
        HF_PUSH(names, name);
    return HF_OK;
}

static hf_status list_names(hf_repository *repository, const char *target, snapshot_names *ret_names,
                            hf_error *error)
{
    if (target != NULL)
        HF_TRY(hf_check_repository_name("target name", target, error));

    HF_AUTO_STR prefix = target != NULL ? hf_format("snapshots/%s/", target) : hf_strdup("snapshots/");

    return hf_storage_list(hf_repository_storage(repository), prefix, collect_name, ret_names, error);
}

/* Add one snapshot to a list, marked if pointer or manifest are not there as they should be. */
static hf_status list_snapshot(hf_repository *repository, const hf_snapshot_name *name, bool is_listed,
                               hf_snapshot_list *list, hf_error *error)
{
    HF_AUTO(hf_snapshot_info_done) hf_snapshot_info info = {0};
    hf_error why = {0};
    hf_status status = read_pointer(repository, name->target, name->id, &info, &why);

    if (status == HF_E_NOT_FOUND)
        return HF_OK; /* removed, since it was listed or since the inventory was renewed */
    if (status == HF_OK)
        status = hf_repository_stat_object(repository, &info.manifest, &why);
    else if (hf_is_damage(status))
        info.created_ms = time_of_id(name->id);

    if (status != HF_OK && !hf_is_damage(status)) {
        if (error != NULL)
            *error = why;
        return status;
    }

    if (status != HF_OK)
        info.broken = hf_strdup(why.message);
    info.unlisted = !is_listed;
    HF_PUSH(list, info);
    info = (hf_snapshot_info){0};
    return HF_OK;
}

static int compare_snapshots(const void *a, const void *b)
{
    const hf_snapshot_info *left = a;
    const hf_snapshot_info *right = b;

    if (left->created_ms != right->created_ms)
        return left->created_ms < right->created_ms ? -1 : 1;

    int order = strcmp(left->id, right->id);

    return order != 0 ? order : strcmp(left->target, right->target);
}

static int compare_names(const void *a, const void *b)
{
    const hf_snapshot_name *left = a, *right = b;
    const int order = strcmp(left->id, right->id);

    return order != 0 ? order : strcmp(left->target, right->target);
}

/* What the listing left out, but not the inventory. */
static hf_status add_unlisted(hf_repository *repository, const char *target, const snapshot_names *listed,
                              hf_snapshot_list *list, hf_error *error)
{
    HF_AUTO(hf_inventory_done) hf_inventory inventory = {0};

    HF_TRY(hf_inventory_read(repository, &inventory, error));
    for (size_t i = 0; i < inventory.snapshots.count; i++) {
        const hf_snapshot_name *name = &inventory.snapshots.items[i];

        if ((target == NULL || hf_streq(name->target, target)) &&
            (listed->count == 0 ||
             bsearch(name, listed->items, listed->count, sizeof(*name), compare_names) == NULL))
            HF_TRY(list_snapshot(repository, name, false, list, error));
    }
    return HF_OK;
}

hf_status hf_repository_list(hf_repository *repository, const char *target, hf_snapshot_list *ret_list,
                             hf_error *error)
{
    HF_AUTO(snapshot_names_done) snapshot_names names = {0};
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    HF_TRY(list_names(repository, target, &names, error));
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), compare_names);
    for (size_t i = 0; i < names.count; i++)
        HF_TRY(list_snapshot(repository, &names.items[i], true, &list, error));
    HF_TRY(add_unlisted(repository, target, &names, &list, error));

    if (list.count > 1)
        qsort(list.items, list.count, sizeof(*list.items), compare_snapshots);

    *ret_list = list;
    list = (hf_snapshot_list){0};
    return HF_OK;
}

static hf_status check_belongs(const hf_snapshot_info *info, const hf_manifest *manifest, hf_error *error)
{
    if (!hf_streq(info->id, manifest->id) || !hf_streq(info->target, manifest->target) ||
        info->created_ms != manifest->created_ms)
        return hf_fail(error, HF_E_CORRUPT, "its manifest is that of snapshot \"%s\" of target \"%s\"",
                       manifest->id, manifest->target);

    return HF_OK;
}

static hf_status load_manifest(hf_repository *repository, const hf_snapshot_info *info,
                               hf_manifest **ret_manifest, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO_BUF text = HF_BUF_MAX(HF_MANIFEST_RAW_MAX);
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    hf_status status = hf_repository_get_object(repository, zstd, &info->manifest, &text, error);

    if (status != HF_OK) {
        (void) hf_prefix(error, "its manifest cannot be read");
        return status;
    }

    HF_TRY(hf_parse_document("the manifest", &text, &json, error));
    HF_TRY(hf_manifest_from_json(json, &manifest, error));
    HF_TRY(check_belongs(info, manifest, error));

    /* Pinning changes after the sealing, and only in the pointer. */
    manifest->pinned = info->pinned;
    *ret_manifest = HF_TAKE(manifest);
    return HF_OK;
}

hf_status hf_repository_load(hf_repository *repository, const char *target, const char *id,
                             hf_manifest **ret_manifest, hf_error *error)
{
    HF_AUTO(hf_snapshot_info_done) hf_snapshot_info info = {0};
    hf_error why = {0};

    HF_TRY(hf_check_repository_name("target name", target, error));
    HF_TRY(hf_check_repository_name("snapshot id", id, error));

    hf_status status = read_pointer(repository, target, id, &info, &why);

    if (status == HF_E_NOT_FOUND) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "\"%s\" is no snapshot of target \"%s\"", id, target);
        (void) hf_hint(error, "`holdfast snapshots` lists those that exist");
        return HF_E_NOT_FOUND;
    }
    if (status == HF_OK)
        status = load_manifest(repository, &info, ret_manifest, &why);
    if (status == HF_OK)
        return HF_OK;

    if (error != NULL)
        *error = why;
    if (!hf_is_damage(status) || status == HF_E_FORMAT) {
        (void) hf_prefix(error, "snapshot \"%s\" of target \"%s\"", id, target);
        return status;
    }

    if (error != NULL)
        error->code = HF_E_CORRUPT;
    (void) hf_prefix(error, "snapshot \"%s\" of target \"%s\" is broken", id, target);
    (void) hf_hint(error, "other snapshots are unaffected: `holdfast snapshots`");
    return HF_E_CORRUPT;
}

hf_status hf_repository_pin(hf_repository *repository, const char *target, const char *id, bool pinned,
                            bool *ret_changed, hf_error *error)
{
    HF_AUTO_STR key = hf_snapshot_key(target, id);
    HF_AUTO_BUF text = HF_BUF_MAX(POINTER_MAX);
    HF_AUTO(hf_snapshot_info_done) hf_snapshot_info info = {0};
    HF_AUTO_STR changed = NULL;

    HF_TRY(hf_document_get(repository, key, &text, error));
    HF_TRY(hf_pointer_read(target, id, &text, &info, error));
    *ret_changed = info.pinned != pinned;
    if (!*ret_changed)
        return HF_OK;
    HF_TRY(hf_pointer_pin(&text, pinned, &changed, error));
    HF_FAULT("repository.before_pin", error);
    HF_TRY(hf_document_put(repository, key, changed, error));
    HF_FAULT("repository.after_pin", error);
    return HF_OK;
}

hf_status hf_repository_remove_snapshot(hf_repository *repository, const char *target, const char *id,
                                        hf_error *error)
{
    HF_AUTO_STR key = hf_snapshot_key(target, id);

    HF_FAULT("prune.before_pointer", error);
    HF_TRY(hf_storage_remove(hf_repository_storage(repository), key, error));
    HF_FAULT("prune.after_pointer", error);
    HF_TRY(hf_proof_remove(repository, target, id, error));
    HF_FAULT("prune.after_proof", error);
    return HF_OK;
}
