/*
 * The keys that requests are signed with, from the first of these that there is:
 *
 *   1. the profile that the configuration names       5. the profile "default" of the shared credentials file
 *   2. the environment                                6. a container's agent
 *   3. a role, by a web identity                      7. the instance metadata, unless AWS_EC2_METADATA_DISABLED
 *   4. the profile in AWS_PROFILE
 *
 * Those of 3, 6 and 7 are temporary: they are asked for with the first request, and anew 5 minutes before they expire (when half their
 * time has passed, if that is later).  Where that fails, the old ones are used while they last.
 */
#ifndef HF_STORAGE_S3_KEYS_H
#define HF_STORAGE_S3_KEYS_H

#include "storage-backends/s3/credentials.h"

typedef struct hf_s3_keys hf_s3_keys;

/* Find out where the keys are; profile NULL: none is configured.  Nothing is sent.  HF_E_STORAGE_DENIED: nowhere. */
HF_MUST_CHECK hf_status hf_s3_keys_new(const char *profile, hf_s3_keys **ret_keys, hf_error *error);
void hf_s3_keys_free(hf_s3_keys *keys);

/* A copy of those that hold now, for the caller to be done with.  Thread-safe.  Errors as those of services.h. */
HF_MUST_CHECK hf_status hf_s3_keys_get(hf_s3_keys *keys, const char *region,
                                       hf_s3_credentials *ret_credentials, hf_error *error);

/* Those with this access key were refused: true if the next get asks for others. */
bool hf_s3_keys_renew(hf_s3_keys *keys, const char *access_key);

#endif
