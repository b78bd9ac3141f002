#include "repository/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/find.h"
#include "repository/layout.h"

#define FOLDER "inventory/"
#define INVENTORY_MAX (64u << 20)
#define TRIES 100 /* others who seal snapshots at the same time */

void hf_inventory_done(hf_inventory *inventory)
{
    for (size_t i = 0; i < inventory->snapshots.count; i++) {
        free(inventory->snapshots.items[i].target);
        free(inventory->snapshots.items[i].id);
    }
    free(inventory->snapshots.items);
    *inventory = (hf_inventory){0};
}

bool hf_inventory_has(const hf_inventory *inventory, const char *target, const char *id)
{
    for (size_t i = inventory->snapshots.count; i > 0; i--)
        if (hf_streq(inventory->snapshots.items[i - 1].id, id) &&
            hf_streq(inventory->snapshots.items[i - 1].target, target))
            return true;
    return false;
}

static void add_name(hf_inventory *inventory, const char *target, const char *id)
{
    HF_PUSH(&inventory->snapshots, ((hf_snapshot_name){.target = hf_strdup(target), .id = hf_strdup(id)}));
}

static char *key_of(uint64_t number)
{
    return hf_format(FOLDER "%llu.json", (unsigned long long) number);
}

/* ---- one document ---- */

/* Its stored text, which the caller owns. */
static char *write_text(const hf_inventory *inventory)
{
    char digest[HF_SHA256_HEX];
    json_t *snapshots = json_array();
    HF_AUTO_JSON json = json_pack("{s:i, s:I, s:o}", "format", HF_REPOSITORY_FORMAT, "next",
                                  (json_int_t) inventory->next, "snapshots", snapshots);

    for (size_t i = 0; i < inventory->snapshots.count; i++)
        json_array_append_new(snapshots, json_pack("[s, s]", inventory->snapshots.items[i].target,
                                                   inventory->snapshots.items[i].id));
    hf_canonical_digest(json, NULL, digest);
    (void) json_object_set_new(json, "digest", json_string(digest));

    HF_AUTO_STR text = hf_canonical_json(json);

    return hf_format("%s\n", text);
}

static void read_names(const hf_reader *root, hf_inventory *inventory)
{
    const json_t *snapshots = hf_read_array(root, "snapshots", INVENTORY_MAX);

    for (size_t i = 0; i < json_array_size(snapshots) && root->reading->status == HF_OK; i++) {
        hf_reader item = hf_reader_item(root, "snapshots", snapshots, i);
        const char *target = hf_read_text_at(&item, 0, "target"), *id = hf_read_text_at(&item, 1, "id");

        if (!hf_is_repository_name(target) || !hf_is_repository_name(id))
            hf_reader_fail(&item, "id", "is not the name of a snapshot");
        else
            add_name(inventory, target, id);
    }
}

static hf_status read_text(const char *key, const hf_buf *text, hf_inventory *ret_inventory, hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_inventory_done) hf_inventory inventory = {0};
    hf_reading reading = {.what = key, .error = error};
    char digest[HF_SHA256_HEX];

    HF_TRY(hf_parse_document(reading.what, text, &json, error));
    hf_reader root = hf_reader_root(&reading, json);

    HF_TRY(hf_read_format(&root));
    hf_canonical_digest(root.json, "digest", digest);
    if (!hf_streq(hf_read_text(&root, "digest"), digest))
        hf_reader_fail(&root, "digest", "is not that of the document: it was changed");
    inventory.next = hf_read_u64(&root, "next", HF_NUMBER_MAX);
    read_names(&root, &inventory);
    HF_TRY(reading.status);
    *ret_inventory = inventory;
    inventory = (hf_inventory){0};
    return HF_OK;
}

static hf_status read_document(hf_repository *repository, uint64_t number, hf_inventory *ret_inventory,
                               hf_error *error)
{
    HF_AUTO_STR key = key_of(number);
    HF_AUTO_BUF text = HF_BUF_MAX(INVENTORY_MAX);

    HF_TRY(hf_document_get(repository, key, &text, error));
    return read_text(key, &text, ret_inventory, error);
}

/* ---- the row ---- */

/* 0 for a key that is none of the row. */
static uint64_t number_of(const char *key)
{
    const unsigned long long number = strtoull(key + strlen(FOLDER), NULL, 10);
    HF_AUTO_STR proper = key_of(number);

    return hf_streq(key, proper) && number < HF_NUMBER_MAX ? number : 0;
}

static hf_status collect_highest(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    uint64_t *highest = context;
    const uint64_t number = number_of(key);

    (void) bytes;
    (void) error;
    if (number > *highest)
        *highest = number;
    return HF_OK;
}

static hf_status is_there(hf_repository *repository, uint64_t number, bool *ret_there, hf_error *error)
{
    HF_AUTO_STR key = key_of(number);
    uint64_t bytes = 0;
    hf_status status = hf_storage_stat(hf_repository_storage(repository), key, &bytes, error);

    *ret_there = status == HF_OK;
    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

/* The row goes on with a number, and has no gap: find its last one; what is before that number if it does not go on. */
static hf_status find_last(hf_repository *repository, uint64_t next, uint64_t *ret_last, hf_error *error)
{
    uint64_t last = next - 1, step = 1;
    bool there = true;

    for (;;) {
        HF_TRY(is_there(repository, last + step, &there, error));
        if (!there)
            break;
        last += step;
        step *= 2;
    }
    for (uint64_t absent = last + step; absent - last > 1;) {
        const uint64_t middle = last + (absent - last) / 2;

        HF_TRY(is_there(repository, middle, &there, error));
        if (there)
            last = middle;
        else
            absent = middle;
    }
    *ret_last = last;
    return HF_OK;
}

/* Without the first document only a listing tells where the row may end; where there is none, it begins. */
static hf_status read_first(hf_repository *repository, hf_inventory *ret_first, hf_error *error)
{
    uint64_t highest = 0;
    hf_status status = read_document(repository, 1, ret_first, error);

    if (status == HF_OK && ret_first->next > 1)
        return HF_OK;
    if (status != HF_OK && status != HF_E_NOT_FOUND && !hf_is_damage(status))
        return status;
    hf_inventory_done(ret_first);
    HF_TRY(hf_storage_list(hf_repository_storage(repository), FOLDER, collect_highest, &highest, error));
    ret_first->next = highest > 1 ? highest : highest + 1;
    return HF_OK;
}

hf_status hf_inventory_read(hf_repository *repository, hf_inventory *ret_inventory, hf_error *error)
{
    HF_AUTO(hf_inventory_done) hf_inventory first = {0};
    uint64_t last = 0;

    if (hf_repository_is_write_only(repository))
        return HF_OK;
    HF_TRY(read_first(repository, &first, error));
    HF_TRY(find_last(repository, first.next, &last, error));
    if (last < first.next) {
        *ret_inventory = first;
        first = (hf_inventory){0};
        return HF_OK;
    }

    hf_status status = read_document(repository, last, ret_inventory, error);

    if (status != HF_OK && status != HF_E_NOT_FOUND && !hf_is_damage(status))
        return status;
    ret_inventory->next = last + 1;
    return HF_OK;
}

static hf_status put_next(hf_repository *repository, const char *target, const char *id, hf_error *error)
{
    HF_AUTO(hf_inventory_done) hf_inventory inventory = {0};

    HF_TRY(hf_inventory_read(repository, &inventory, error));
    if (hf_inventory_has(&inventory, target, id))
        return HF_OK;
    HF_AUTO_STR key = key_of(inventory.next);

    add_name(&inventory, target, id);
    inventory.next++;
    HF_AUTO_STR text = write_text(&inventory);

    if (strlen(text) > INVENTORY_MAX)
        return hf_fail(error, HF_E_LIMIT, "the repository has more snapshots than the format allows");
    HF_FAULT("repository.before_inventory", error);
    return hf_document_put_new(repository, key, text, error);
}

hf_status hf_inventory_add(hf_repository *repository, const char *target, const char *id, hf_error *error)
{
    hf_status status = hf_repository_is_write_only(repository) ? HF_OK : HF_E_EXISTS;

    for (int i = 0; i < TRIES && status == HF_E_EXISTS; i++)
        status = put_next(repository, target, id, error);
    return status;
}

typedef struct older {
    uint64_t next;
    hf_strings keys;
} older;

static void older_done(older *list)
{
    hf_strings_done(&list->keys);
}

static hf_status collect_older(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    older *list = context;
    const uint64_t number = number_of(key);

    (void) bytes;
    (void) error;
    if (number > 1 && number < list->next)
        hf_strings_add(&list->keys, key);
    return HF_OK;
}

/* With what a renewal left that was killed. */
static hf_status remove_older(hf_repository *repository, uint64_t next, hf_error *error)
{
    HF_AUTO(older_done) older list = {.next = next};
    hf_storage *storage = hf_repository_storage(repository);

    HF_TRY(hf_storage_list(storage, FOLDER, collect_older, &list, error));
    return list.keys.count > 0 ? hf_storage_remove_many(storage, &list.keys, error) : HF_OK;
}

hf_status hf_inventory_renew(hf_repository *repository, const hf_snapshot_list *snapshots, hf_error *error)
{
    HF_AUTO(hf_inventory_done) hf_inventory before = {0};
    HF_AUTO(hf_inventory_done) hf_inventory now = {0};
    HF_AUTO_STR key = key_of(1);

    HF_TRY(hf_inventory_read(repository, &before, error));
    for (size_t i = 0; i < snapshots->count; i++)
        add_name(&now, snapshots->items[i].target, snapshots->items[i].id);
    now.next = before.next > 1 ? before.next : 2;
    HF_AUTO_STR text = write_text(&now);

    HF_FAULT("gc.before_inventory", error);
    HF_TRY(hf_document_put(repository, key, text, error));
    HF_FAULT("gc.after_inventory", error);
    return remove_older(repository, now.next, error);
}
