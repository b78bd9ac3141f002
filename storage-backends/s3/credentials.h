/*
 * Keys for S3 that stand somewhere: in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), or in the
 * shared credentials file (AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials).
 */
#ifndef HF_STORAGE_S3_CREDENTIALS_H
#define HF_STORAGE_S3_CREDENTIALS_H

#include "base/error.h"

typedef struct hf_s3_credentials {
    char *access_key;
    char *secret_key;
    char *session_token; /* NULL: none */
} hf_s3_credentials;

void hf_s3_credentials_done(hf_s3_credentials *credentials);

/* HF_E_NOT_FOUND if the environment holds none. */
HF_MUST_CHECK hf_status hf_s3_credentials_of_environment(hf_s3_credentials *ret_credentials, hf_error *error);

/* HF_E_STORAGE_DENIED if the file has no such profile, or no keys in it; HF_E_NOT_FOUND if there is no file. */
HF_MUST_CHECK hf_status hf_s3_credentials_of_file(const char *profile, hf_s3_credentials *ret_credentials,
                                                  hf_error *error);

/*
 * Take what was found, wherever, if it can be keys: it becomes part of a header.  The secrets are kept out of the log from here on.
 * HF_E_USAGE otherwise, and found is done with.
 */
HF_MUST_CHECK hf_status hf_s3_credentials_accept(hf_s3_credentials *found, const char *where,
                                                 hf_s3_credentials *ret_credentials, hf_error *error);

#endif
