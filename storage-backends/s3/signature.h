/*
 * AWS Signature Version 4: pure computation over a request that somebody else sends.
 *
 * The path and the query are signed exactly as they are sent, so both are encoded once, by hf_s3_encode(), and never
 * again.  Every header of the list is signed; which ones that are is the caller's choice (host and all x-amz-*).
 */
#ifndef HF_STORAGE_S3_SIGNATURE_H
#define HF_STORAGE_S3_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct hf_s3_header {
    const char *name; /* lower case */
    const char *value;
} hf_s3_header;

typedef struct hf_s3_signing {
    const char *method;
    const char *path;            /* encoded, from the first slash */
    const char *query;           /* encoded, sorted, without '?'; "" for none */
    const hf_s3_header *headers; /* sorted by name */
    size_t header_count;
    const char *payload_sha256; /* of the body, hexadecimal */
    const char *amz_date;       /* "20130524T000000Z", also a header */
    const char *region;
    const char *service; /* "s3" */
    const char *access_key;
    const char *secret_key;
} hf_s3_signing;

#define HF_S3_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* RFC 3986: everything but letters, digits and -._~ becomes %XX in upper case; a slash stays if keep_slash. */
void hf_s3_encode(hf_buf *out, const char *text, bool keep_slash);

/* The steps, each into an empty buffer; the last is the value of the Authorization header. */
void hf_s3_canonical_request(const hf_s3_signing *signing, hf_buf *out);
void hf_s3_string_to_sign(const hf_s3_signing *signing, hf_buf *out);
void hf_s3_authorization(const hf_s3_signing *signing, hf_buf *out);

#endif
