/* The requests on single objects and listings that the driver is made of.  error is never NULL here. */
#ifndef HF_STORAGE_S3_OBJECTS_H
#define HF_STORAGE_S3_OBJECTS_H

#include "storage-backends/s3/client.h"

HF_MUST_CHECK hf_status hf_s3_put(hf_s3_client *client, const char *key, const void *data, size_t len,
                                  hf_error *error);
HF_MUST_CHECK hf_status hf_s3_stat(hf_s3_client *client, const char *key, uint64_t *ret_bytes,
                                   hf_error *error);
HF_MUST_CHECK hf_status hf_s3_remove(hf_s3_client *client, const char *key, hf_error *error);

/* In batches, where the service takes them; each on its own otherwise. */
HF_MUST_CHECK hf_status hf_s3_remove_many(hf_s3_client *client, const hf_strings *keys, hf_error *error);

/* Append what begins with prefix, in the service's order; keys without the client's prefix.  ret_told may be NULL. */
HF_MUST_CHECK hf_status hf_s3_list(hf_s3_client *client, const char *prefix, hf_s3_entries *entries,
                                   hf_s3_told *ret_told, hf_error *error);

#endif
