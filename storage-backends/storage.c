#include "storage-backends/storage.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/file.h"
#include "base/text.h"
#include "storage-backends/backend.h"

#define KEY_MAX 512
#define SEGMENT_MAX 255 /* what a file name may be long */
#define FILE_SCHEME "file://"
#define S3_SCHEME "s3://"

static bool is_key_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
}

/* Why a segment cannot be part of a key, or NULL. */
static const char *segment_fault(const char *segment, size_t len)
{
    if (len == 0)
        return "it has an empty part";
    if (len > SEGMENT_MAX)
        return "a part of it is too long";
    if (segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.')))
        return "it has a \".\" or \"..\" part";
    if (hf_starts_with(segment, HF_TMP_PREFIX))
        return "a part of it is named like a temporary file";

    for (size_t i = 0; i < len; i++) {
        if (!is_key_char(segment[i]))
            return "it has a character other than letters, digits and ._:-/";
    }

    return NULL;
}

/* Why a text cannot be a key, or NULL.  A prefix may end anywhere in one, so its last part is only looked at loosely. */
static const char *key_fault(const char *key, bool is_prefix)
{
    if (strnlen(key, KEY_MAX + 1) > KEY_MAX)
        return "it is longer than 512 bytes";

    for (const char *segment = key;;) {
        const char *slash = strchr(segment, '/');

        if (slash == NULL && is_prefix) {
            for (const char *c = segment; *c != '\0'; c++) {
                if (!is_key_char(*c))
                    return "it has a character other than letters, digits and ._:-/";
            }
            return NULL;
        }

        const char *fault =
            segment_fault(segment, slash != NULL ? (size_t) (slash - segment) : strlen(segment));

        if (fault != NULL || slash == NULL)
            return fault;
        segment = slash + 1;
    }
}

static hf_status check_key(const char *key, hf_error *error)
{
    const char *fault = key != NULL ? key_fault(key, false) : "it is missing";

    if (fault != NULL)
        return hf_fail(error, HF_E_USAGE, "storage key \"%.600s\" is not valid: %s", key != NULL ? key : "",
                       fault);

    return HF_OK;
}

static hf_status open_local(const char *url, hf_storage **ret_storage, hf_error *error)
{
    /* The path is taken as it stands, without percent-decoding: what one types is the folder one gets. */
    HF_AUTO_STR path = hf_strdup(url + strlen(FILE_SCHEME));
    size_t len = strlen(path);

    while (len > 0 && path[len - 1] == '/')
        path[--len] = '\0';

    if (path[0] != '/') {
        (void) hf_fail(error, HF_E_USAGE, "the repository's URL \"%s\" does not name an absolute folder",
                       url);
        (void) hf_hint(error, "write it as file:///absolute/folder, with three slashes");
        return HF_E_USAGE;
    }

    return hf_storage_local_new(path, ret_storage, error);
}

hf_status hf_storage_open_with(const hf_storage_options *options, hf_storage **ret_storage, hf_error *error)
{
    const char *url = options->url;
    const char *scheme_end = url != NULL ? strstr(url, "://") : NULL;

    if (scheme_end != NULL && hf_starts_with(url, FILE_SCHEME))
        return open_local(url, ret_storage, error);

    if (scheme_end != NULL && hf_starts_with(url, S3_SCHEME)) {
        hf_storage *s3 = NULL;

        HF_TRY(hf_storage_s3_new(options, &s3, error));
        *ret_storage = hf_storage_retry_new(s3, hf_retry_default());
        return HF_OK;
    }

    /* What is not understood is not shown either: it may hold a password. */
    if (scheme_end == NULL)
        (void) hf_fail(error, HF_E_USAGE, "the repository's URL has no scheme");
    else
        (void) hf_fail(error, HF_E_USAGE, "the repository's URL has an unknown scheme \"%.*s\"",
                       scheme_end - url > 32 ? 32 : (int) (scheme_end - url), url);
    (void) hf_hint(error, "write it as file:///absolute/folder or s3://bucket/prefix");
    return HF_E_USAGE;
}

hf_status hf_storage_open(const char *url, hf_storage **ret_storage, hf_error *error)
{
    return hf_storage_open_with(&(hf_storage_options){.url = url}, ret_storage, error);
}

void hf_storage_free(hf_storage *storage)
{
    if (storage == NULL)
        return;

    free(storage->url);
    storage->ops->free(storage);
}

void hf_storage_freep(hf_storage **storage)
{
    hf_storage_free(*storage);
    *storage = NULL;
}

const char *hf_storage_url(const hf_storage *storage)
{
    return storage->url;
}

hf_status hf_storage_put(hf_storage *storage, const char *key, const void *data, size_t len, hf_error *error)
{
    HF_TRY(check_key(key, error));
    return storage->ops->put(storage, key, data, len, false, error);
}

hf_status hf_storage_put_new(hf_storage *storage, const char *key, const void *data, size_t len,
                             hf_error *error)
{
    HF_TRY(check_key(key, error));
    return storage->ops->put(storage, key, data, len, true, error);
}

hf_status hf_storage_get(hf_storage *storage, const char *key, hf_buf *ret_data, hf_error *error)
{
    HF_TRY(check_key(key, error));
    hf_buf_clear(ret_data);
    return storage->ops->get(storage, key, NULL, ret_data, error);
}

hf_status hf_storage_get_range(hf_storage *storage, const char *key, uint64_t offset, size_t len,
                               hf_buf *ret_data, hf_error *error)
{
    HF_TRY(check_key(key, error));
    if (len == 0 || offset > UINT64_MAX - len)
        return hf_fail(error, HF_E_USAGE, "no bytes of \"%s\" are asked for", key);
    if (len > ret_data->max)
        return hf_fail(error, HF_E_LIMIT, "%zu bytes of \"%s\" are asked for, at most %zu are expected", len,
                       key, ret_data->max);
    hf_buf_clear(ret_data);
    return storage->ops->get(storage, key, &(hf_storage_range){.offset = offset, .len = len}, ret_data,
                             error);
}

hf_status hf_storage_stat(hf_storage *storage, const char *key, uint64_t *ret_bytes, hf_error *error)
{
    HF_TRY(check_key(key, error));
    return storage->ops->stat(storage, key, ret_bytes, error);
}

hf_status hf_storage_list_entries(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry,
                                  void *context, hf_error *error)
{
    const char *fault = key_fault(prefix, true);

    if (fault != NULL)
        return hf_fail(error, HF_E_USAGE, "storage prefix \"%.600s\" is not valid: %s", prefix, fault);

    return storage->ops->list(storage, prefix, on_entry, context, error);
}

typedef struct key_listing {
    hf_status (*on_key)(void *context, const char *key, uint64_t bytes, hf_error *error);
    void *context;
} key_listing;

static hf_status pass_key(void *context, const hf_storage_entry *entry, hf_error *error)
{
    const key_listing *list = context;

    return list->on_key(list->context, entry->key, entry->bytes, error);
}

hf_status hf_storage_list(hf_storage *storage, const char *prefix,
                          hf_status (*on_key)(void *context, const char *key, uint64_t bytes,
                                              hf_error *error),
                          void *context, hf_error *error)
{
    key_listing list = {.on_key = on_key, .context = context};

    return hf_storage_list_entries(storage, prefix, pass_key, &list, error);
}

hf_status hf_storage_remove(hf_storage *storage, const char *key, hf_error *error)
{
    HF_TRY(check_key(key, error));
    return storage->ops->remove(storage, key, error);
}

hf_status hf_storage_sweep(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept, hf_error *error)
{
    return storage->ops->sweep(storage, older_ms, swept, error);
}

hf_status hf_storage_remove_many(hf_storage *storage, const hf_strings *keys, hf_error *error)
{
    for (size_t i = 0; i < keys->count; i++)
        HF_TRY(check_key(keys->items[i], error));
    if (storage->ops->remove_many != NULL)
        return keys->count > 0 ? storage->ops->remove_many(storage, keys, error) : HF_OK;
    for (size_t i = 0; i < keys->count; i++)
        HF_TRY(storage->ops->remove(storage, keys->items[i], error));
    return HF_OK;
}

hf_status hf_storage_free_bytes(hf_storage *storage, uint64_t *ret_bytes, hf_error *error)
{
    if (storage->ops->free_bytes == NULL) {
        *ret_bytes = UINT64_MAX;
        return HF_OK;
    }

    return storage->ops->free_bytes(storage, ret_bytes, error);
}
