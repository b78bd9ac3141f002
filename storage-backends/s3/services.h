/*
 * Temporary keys for S3 from a service beside the program, each by its own protocol:
 *
 *   web identity   a token file (AWS_WEB_IDENTITY_TOKEN_FILE) is exchanged for the keys of a role (AWS_ROLE_ARN) at STS
 *   container      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI names the agent's address
 *   metadata       that of an EC2 instance, version 2 only
 */
#ifndef HF_STORAGE_S3_SERVICES_H
#define HF_STORAGE_S3_SERVICES_H

#include "storage-backends/s3/credentials.h"
#include "storage-backends/s3/http.h"

typedef struct hf_s3_lease {
    hf_s3_credentials credentials;
    int64_t
        lifetime_ms; /* from now on, by the service's clock where it tells it; 0 or less: over; INT64_MAX: for good */
} hf_s3_lease;

typedef struct hf_s3_service {
    const char *name; /* "the instance metadata": for messages */
    bool (*is_configured)(void);
    hf_status (*ask)(hf_s3_http *http, const char *region, hf_s3_lease *ret_lease, hf_error *error);
} hf_s3_service;

/*
 * All have to be asked with a hf_s3_http of their own.  Errors: HF_E_STORAGE if there is no answer, or one that may be another next time;
 * HF_E_STORAGE_DENIED if the service refuses or has none; HF_E_USAGE if a variable cannot be used.
 */
extern const hf_s3_service hf_s3_web_identity, hf_s3_container, hf_s3_metadata;

#endif
