/*
 * Storage: named immutable-ish bytes on one backend, for users (drivers see backend.h).
 *
 * Keys are relative paths of [A-Za-z0-9._:-] segments joined by '/', at most 512 bytes, no empty, "." or ".." segment.
 * A put is all or nothing, visible and durable when it returns, and replaces what was there.  Every function may be
 * called from several threads at once.  Errors: HF_E_NOT_FOUND, HF_E_EXISTS, HF_E_STORAGE (transient),
 * HF_E_STORAGE_FULL, HF_E_STORAGE_DENIED, HF_E_LIMIT, HF_E_CORRUPT; messages name the key.  A service that is not what
 * the options say (no such bucket, another region, not S3) is HF_E_USAGE.
 */
#ifndef HF_STORAGE_H
#define HF_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

typedef struct hf_storage hf_storage;

typedef enum hf_s3_addressing {
    HF_S3_ADDRESSING_AUTO,
    HF_S3_ADDRESSING_PATH,
    HF_S3_ADDRESSING_HOST
} hf_s3_addressing;

/* All but url may be left out. */
typedef struct hf_storage_options {
    const char *url;
    struct {
        const char *endpoint; /* "https://host:port"; NULL: Amazon's of the region */
        const char *region;   /* NULL or "auto": AWS_REGION, else what the service says, else us-east-1 */
        hf_s3_addressing
            addressing;      /* where the bucket's name goes; auto: into the host name at Amazon's only */
        const char *ca_file; /* certificates to trust instead of the system's */
        const char *profile; /* of the shared credentials file */
        int64_t stall_ms;    /* a request that moves no byte for so long is given up; 0: 30 s */
    } s3;
} hf_storage_options;

/*
 * Open the backend that the URL names: "file:///absolute/folder" or "s3://bucket/prefix".  Nothing is created or sent; a
 * missing folder is an empty storage.  Transient failures of S3 are tried again (retry/).  HF_E_USAGE for an unknown scheme
 * or a malformed URL, HF_E_STORAGE_DENIED if there are no keys for S3.
 */
HF_MUST_CHECK hf_status hf_storage_open_with(const hf_storage_options *options, hf_storage **ret_storage,
                                             hf_error *error);

/* The same with no options. */
HF_MUST_CHECK hf_status hf_storage_open(const char *url, hf_storage **ret_storage, hf_error *error);
void hf_storage_free(hf_storage *storage);
void hf_storage_freep(hf_storage **storage);

const char *hf_storage_url(const hf_storage *storage); /* borrowed; without credentials */

HF_MUST_CHECK hf_status hf_storage_put(hf_storage *storage, const char *key, const void *data, size_t len,
                                       hf_error *error);

/* Like put, but HF_E_EXISTS if the key is there already; of two at once exactly one succeeds. */
HF_MUST_CHECK hf_status hf_storage_put_new(hf_storage *storage, const char *key, const void *data, size_t len,
                                           hf_error *error);

/* Replace ret_data's content by the whole value; HF_E_LIMIT if it is larger than ret_data->max. */
HF_MUST_CHECK hf_status hf_storage_get(hf_storage *storage, const char *key, hf_buf *ret_data,
                                       hf_error *error);

/*
 * The same for up to len bytes (at least 1) from offset on: fewer where the value ends before, none where it ends before
 * offset.  HF_E_LIMIT if ret_data->max is smaller than len.
 */
HF_MUST_CHECK hf_status hf_storage_get_range(hf_storage *storage, const char *key, uint64_t offset,
                                             size_t len, hf_buf *ret_data, hf_error *error);

HF_MUST_CHECK hf_status hf_storage_stat(hf_storage *storage, const char *key, uint64_t *ret_bytes,
                                        hf_error *error);

typedef struct hf_storage_entry {
    const char *key;
    uint64_t bytes;
    int64_t modified_ms; /* when it was put, by the clock of the storage; 0: not told */
} hf_storage_entry;

typedef hf_status (*hf_storage_on_entry)(void *context, const hf_storage_entry *entry, hf_error *error);

/*
 * Call on_entry for every key that begins with prefix, in byte order; a failing on_entry ends the listing.  Times of one storage
 * can be compared with each other; with a clock of ours only for ages of hours.
 */
HF_MUST_CHECK hf_status hf_storage_list_entries(hf_storage *storage, const char *prefix,
                                                hf_storage_on_entry on_entry, void *context, hf_error *error);

/* The same, where times do not matter. */
HF_MUST_CHECK hf_status hf_storage_list(hf_storage *storage, const char *prefix,
                                        hf_status (*on_key)(void *context, const char *key, uint64_t bytes,
                                                            hf_error *error),
                                        void *context, hf_error *error);

/* Removing what is not there is no error. */
HF_MUST_CHECK hf_status hf_storage_remove(hf_storage *storage, const char *key, hf_error *error);

/* The same for many, in as few requests as the backend can; after an error some are removed. */
HF_MUST_CHECK hf_status hf_storage_remove_many(hf_storage *storage, const hf_strings *keys, hf_error *error);

typedef struct hf_storage_swept {
    uint64_t count, bytes;
} hf_storage_swept;

/* Remove what puts that were killed more than older_ms ago left behind: temporary files, or claims.  Adds to *swept. */
HF_MUST_CHECK hf_status hf_storage_sweep(hf_storage *storage, int64_t older_ms, hf_storage_swept *swept,
                                         hf_error *error);

/* Bytes free for new data, or UINT64_MAX when the backend cannot tell. */
HF_MUST_CHECK hf_status hf_storage_free_bytes(hf_storage *storage, uint64_t *ret_bytes, hf_error *error);

#endif
