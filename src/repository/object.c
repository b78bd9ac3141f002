/*
 * Objects: immutable bytes, one zstd frame each, named by the SHA-256 (in an encrypted repository the HMAC) of what was
 * compressed; in an encrypted repository the frame is sealed.
 *
 * A put of the storage is all or nothing, so a kill leaves the object whole or absent.  An object that no manifest names
 * is garbage, never damage.  The size of a frame is no part of the name: the same bytes compressed at another level make
 * another frame of the same object.
 */
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "repository/layout.h"
#include "repository/repository.h"
#include "repository/vault.h"

/* No frame that zstd makes of so many bytes is larger, sealed or not. */
static size_t stored_max(uint64_t raw_bytes)
{
    return (size_t) (raw_bytes + raw_bytes / 128 + (64u << 10));
}

/* What is under the key is not the object: say so in terms of the object, whatever noticed it. */
static hf_status broken_object(hf_error *error, const char *name)
{
    if (error == NULL)
        return HF_E_CORRUPT;

    error->code = HF_E_CORRUPT;
    (void) hf_prefix(error, "object \"%s\" is broken", name);
    return HF_E_CORRUPT;
}

static hf_status missing_object(hf_error *error, const char *name)
{
    return hf_fail(error, HF_E_CORRUPT, "object \"%s\" is missing", name);
}

/* Open the stored value in place, and decompress it into ret_data, whose maximum is what the object may have.  raw_bytes: what it must have, or NULL. */
static hf_status unpack_object(const hf_vault *vault, hf_zstd *zstd, const char *name,
                               const uint64_t *raw_bytes, hf_buf *stored, hf_buf *ret_data, hf_error *error)
{
    char actual[HF_SHA256_HEX];
    hf_status status = hf_vault_open_object(vault, name, stored, error);

    if (status == HF_OK)
        status = hf_zstd_decompress(zstd, stored->data, stored->len, ret_data, error);
    if (status == HF_E_CORRUPT || status == HF_E_LIMIT)
        return broken_object(error, name);
    HF_TRY(status);

    if (raw_bytes != NULL && ret_data->len != *raw_bytes)
        return hf_fail(error, HF_E_CORRUPT, "object \"%s\" is broken: it has %zu bytes instead of %llu", name,
                       ret_data->len, (unsigned long long) *raw_bytes);

    HF_TRY(hf_vault_name(vault, ret_data->data, ret_data->len, actual, error));
    if (strcmp(actual, name) != 0)
        return hf_fail(error, HF_E_CORRUPT, "object \"%s\" is broken: its content has another digest", name);

    return HF_OK;
}

/* HF_E_NOT_FOUND, or HF_E_LIMIT: what is stored is longer than any frame of so many bytes.  ret_stored may be NULL. */
static hf_status fetch(hf_repository *repository, hf_zstd *zstd, const char *name, const uint64_t *raw_bytes,
                       hf_buf *ret_data, uint64_t *ret_stored, hf_error *error)
{
    char key[HF_OBJECT_KEY_SIZE];
    const size_t max = ret_data->max;
    HF_AUTO_BUF stored = HF_BUF_MAX(stored_max(raw_bytes != NULL ? *raw_bytes : max));

    hf_object_key(name, key);
    HF_TRY(hf_storage_get(hf_repository_storage(repository), key, &stored, error));
    if (ret_stored != NULL)
        *ret_stored = stored.len;

    /* A frame that claims more than the manifest says is refused before it is unpacked. */
    if (raw_bytes != NULL)
        ret_data->max = (size_t) *raw_bytes;
    hf_status status =
        unpack_object(hf_repository_vault(repository), zstd, name, raw_bytes, &stored, ret_data, error);

    ret_data->max = max;
    if (status != HF_OK)
        hf_buf_clear(ret_data);
    return status;
}

hf_status hf_repository_read_object(hf_repository *repository, hf_zstd *zstd, const char *name,
                                    hf_buf *ret_data, hf_error *error)
{
    return fetch(repository, zstd, name, NULL, ret_data, NULL, error);
}

hf_status hf_repository_get_object(hf_repository *repository, hf_zstd *zstd, const hf_object_ref *object,
                                   hf_buf *ret_data, hf_error *error)
{
    if (object->raw_bytes > ret_data->max || object->raw_bytes > HF_OBJECT_RAW_MAX)
        return hf_fail(error, HF_E_LIMIT, "object \"%s\" has %llu bytes, more than is allowed here",
                       object->name, (unsigned long long) object->raw_bytes);

    hf_status status = fetch(repository, zstd, object->name, &object->raw_bytes, ret_data, NULL, error);

    if (status == HF_E_NOT_FOUND)
        return missing_object(error, object->name);
    if (status == HF_E_LIMIT)
        return broken_object(error, object->name);
    return status;
}

hf_status hf_repository_stat_object(hf_repository *repository, const hf_object_ref *object, hf_error *error)
{
    char key[HF_OBJECT_KEY_SIZE];
    uint64_t bytes = 0;

    hf_object_key(object->name, key);
    hf_status status = hf_storage_stat(hf_repository_storage(repository), key, &bytes, error);

    if (status == HF_E_NOT_FOUND)
        return missing_object(error, object->name);
    HF_TRY(status);

    if (bytes != object->stored_bytes)
        return hf_fail(error, HF_E_CORRUPT, "object \"%s\" is broken: %llu bytes are stored instead of %llu",
                       object->name, (unsigned long long) bytes, (unsigned long long) object->stored_bytes);

    return HF_OK;
}

/* Is a sound object there already?  Fills stored_bytes if so. */
static hf_status look_into_object(hf_repository *repository, hf_zstd *zstd, hf_object_ref *object,
                                  bool *ret_found, hf_error *error)
{
    HF_AUTO_BUF content = HF_BUF_MAX((size_t) object->raw_bytes);
    hf_error why = {0};
    hf_status status =
        fetch(repository, zstd, object->name, &object->raw_bytes, &content, &object->stored_bytes, &why);

    *ret_found = status == HF_OK;
    if (status == HF_OK || status == HF_E_NOT_FOUND || status == HF_E_CORRUPT || status == HF_E_LIMIT)
        return HF_OK;
    if (error != NULL)
        *error = why;
    return status;
}

/*
 * The same, unchecked: anything that is not empty counts.  A file system that lost power can leave an empty file, but not
 * half of a renamed one that was fsynced.
 */
hf_status hf_repository_find_object(hf_repository *repository, hf_object_ref *object, bool *ret_found,
                                    hf_error *error)
{
    char key[HF_OBJECT_KEY_SIZE];

    hf_object_key(object->name, key);
    hf_status status = hf_storage_stat(hf_repository_storage(repository), key, &object->stored_bytes, error);

    *ret_found = status == HF_OK && object->stored_bytes > 0;
    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

hf_status hf_repository_put_object(hf_repository *repository, hf_zstd *zstd, int level, bool check_existing,
                                   const void *data, size_t len, hf_object_ref *ret_object, bool *ret_new,
                                   hf_error *error)
{
    char key[HF_OBJECT_KEY_SIZE];
    const hf_vault *vault = hf_repository_vault(repository);
    hf_object_ref object = {.raw_bytes = len};
    bool found = false;

    if (len > HF_OBJECT_RAW_MAX)
        return hf_fail(error, HF_E_LIMIT, "an object of %zu bytes is larger than the format allows (%u)", len,
                       HF_OBJECT_RAW_MAX);

    HF_TRY(hf_vault_name(vault, data, len, object.name, error));
    if (!hf_repository_is_write_only(repository))
        HF_TRY(check_existing ? look_into_object(repository, zstd, &object, &found, error)
                              : hf_repository_find_object(repository, &object, &found, error));

    if (!found) {
        HF_AUTO_BUF stored = HF_BUF_MAX(stored_max(len));

        HF_TRY(hf_zstd_compress(zstd, level, data, len, &stored, error));
        HF_TRY(hf_vault_seal_object(vault, object.name, &stored, error));
        HF_FAULT("repository.before_object", error);
        hf_object_key(object.name, key);
        HF_TRY(hf_storage_put(hf_repository_storage(repository), key, stored.data, stored.len, error));
        object.stored_bytes = stored.len;
    }

    *ret_object = object;
    *ret_new = !found;
    return HF_OK;
}
