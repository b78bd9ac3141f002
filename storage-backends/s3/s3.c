/*
 * The S3 driver: one object a key, under a prefix in one bucket.
 *
 * A put is one PUT request, which is all or nothing by S3's nature; the digest of what is sent is part of the signature, so a
 * server never takes harmed bytes for ours.  A listing is collected and sorted before the first key is handed out, because
 * not every service sorts by bytes.  Multipart uploads, ETags and versions are not needed and not used.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage-backends/backend.h"
#include "storage-backends/s3/objects.h"
#include "storage-backends/s3/put_new.h"

typedef struct s3 {
    hf_storage storage;
    hf_s3_client *client;
    hf_s3_taker taker;
} s3;

static hf_status s3_put(hf_storage *storage, const char *key, const void *data, size_t len, bool only_new,
                        hf_error *error)
{
    s3 *self = (s3 *) storage;
    hf_error unused;

    error = error != NULL ? error : &unused;
    if (only_new)
        return hf_s3_put_new(self->client, &self->taker, key, data, len, error);
    HF_FAULT("storage.s3.before_put", error);
    HF_TRY(hf_s3_put(self->client, key, data, len, error));
    HF_FAULT("storage.s3.after_put", error);
    return HF_OK;
}

static hf_status s3_get(hf_storage *storage, const char *key, const hf_storage_range *range, hf_buf *ret_data,
                        hf_error *error)
{
    hf_s3_told told = {0};
    hf_error unused;

    error = error != NULL ? error : &unused;
    HF_TRY(hf_s3_client_call(
        ((s3 *) storage)->client,
        &(hf_s3_call){.method = "GET", .key = key, .range = range, .content = ret_data, .doing = "read"},
        &told, error));
    if (range != NULL && (ret_data->len > range->len || (told.status == 200 && range->offset > 0)))
        return hf_fail(error, HF_E_UNSUPPORTED, "the service does not read parts of objects: \"%s\"", key);
    return HF_OK;
}

static hf_status s3_stat(hf_storage *storage, const char *key, uint64_t *ret_bytes, hf_error *error)
{
    hf_error unused;

    return hf_s3_stat(((s3 *) storage)->client, key, ret_bytes, error != NULL ? error : &unused);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const hf_s3_entry *) a)->key, ((const hf_s3_entry *) b)->key);
}

/* Like the temporary files of the folder driver: claims of put_new. */
static bool is_hidden(const char *key)
{
    const char *slash = strrchr(key, '/');

    return hf_starts_with(slash != NULL ? slash + 1 : key, HF_TMP_PREFIX);
}

static hf_status s3_list(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry, void *context,
                         hf_error *error)
{
    HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
    hf_error unused;
    const char *last = NULL;

    error = error != NULL ? error : &unused;
    HF_TRY(hf_s3_list(((s3 *) storage)->client, prefix, &entries, NULL, error));
    if (entries.count > 0)
        qsort(entries.items, entries.count, sizeof(*entries.items), by_key);
    for (size_t i = 0; i < entries.count; i++) {
        const hf_s3_entry *entry = &entries.items[i];

        if (is_hidden(entry->key) || hf_streq(entry->key, last))
            continue;
        last = entry->key;
        HF_TRY(on_entry(
            context,
            &(hf_storage_entry){.key = entry->key, .bytes = entry->bytes, .modified_ms = entry->modified_ms},
            error));
    }
    return HF_OK;
}

static hf_status s3_sweep(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept, hf_error *error)
{
    hf_s3_client *client = ((s3 *) storage)->client;
    HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
    hf_s3_told told = {0};
    hf_error unused;

    error = error != NULL ? error : &unused;
    HF_TRY(hf_s3_list(client, "", &entries, &told, error));
    for (size_t i = 0; i < entries.count; i++) {
        const hf_s3_entry *entry = &entries.items[i];

        if (!is_hidden(entry->key) || entry->modified_ms == 0 || told.date_ms == 0 ||
            told.date_ms - entry->modified_ms <= older_ms)
            continue;
        HF_TRY(hf_s3_remove(client, entry->key, error));
        swept->count++;
        swept->bytes += entry->bytes;
    }
    return HF_OK;
}

static hf_status s3_remove(hf_storage *storage, const char *key, hf_error *error)
{
    hf_error unused;

    return hf_s3_remove(((s3 *) storage)->client, key, error != NULL ? error : &unused);
}

static hf_status s3_remove_many(hf_storage *storage, const hf_strings *keys, hf_error *error)
{
    hf_error unused;

    return hf_s3_remove_many(((s3 *) storage)->client, keys, error != NULL ? error : &unused);
}

static void s3_free(hf_storage *storage)
{
    s3 *self = (s3 *) storage;

    hf_s3_client_free(self->client);
    free(self);
}

static const hf_storage_ops s3_ops = {
    .name = "s3",
    .put = s3_put,
    .get = s3_get,
    .stat = s3_stat,
    .list = s3_list,
    .remove = s3_remove,
    .remove_many = s3_remove_many,
    .sweep = s3_sweep,
    .free = s3_free,
};

hf_status hf_storage_s3_new(const hf_storage_options *options, hf_storage **ret_storage, hf_error *error)
{
    hf_s3_client *client = NULL;

    HF_TRY(hf_s3_client_new(options, &client, error));

    s3 *self = hf_alloc(sizeof(*self));
    size_t prefix_len = strlen(client->prefix);

    self->client = client;
    self->storage.ops = &s3_ops;
    self->storage.url = hf_format("s3://%s%s%.*s", client->bucket, prefix_len > 0 ? "/" : "",
                                  prefix_len > 0 ? (int) prefix_len - 1 : 0, client->prefix);
    hf_random_hex(16, self->taker.id);
    *ret_storage = &self->storage;
    return HF_OK;
}
