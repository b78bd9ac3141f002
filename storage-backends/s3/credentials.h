/*
 * Keys for S3: from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), else from the shared
 * credentials file (AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials).  A profile that the configuration names goes
 * before the environment; AWS_PROFILE, else "default", names the one to fall back on.
 */
#ifndef HF_STORAGE_S3_CREDENTIALS_H
#define HF_STORAGE_S3_CREDENTIALS_H

#include "base/error.h"

typedef struct hf_s3_credentials {
    char *access_key;
    char *secret_key;
    char *session_token; /* NULL: none */
} hf_s3_credentials;

/* profile NULL: none was configured.  The secrets are kept out of the log from here on.  HF_E_STORAGE_DENIED: none found. */
HF_MUST_CHECK hf_status hf_s3_credentials_find(const char *profile, hf_s3_credentials *ret_credentials,
                                               hf_error *error);
void hf_s3_credentials_done(hf_s3_credentials *credentials);

#endif
