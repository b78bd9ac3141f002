/*
 * What an S3 service answers in XML: errors, pages of a listing, keys of a role.  The bytes come from outside: they are bounded by
 * their buffer, and a document with a DTD, or of another kind, is refused.
 */
#ifndef HF_STORAGE_S3_REPLY_H
#define HF_STORAGE_S3_REPLY_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "storage-backends/s3/credentials.h"

typedef struct hf_s3_error {
    char code[64]; /* "NoSuchKey"; never empty */
    char message[256];
    char region[64];      /* where the bucket is, or "" */
    char server_time[40]; /* with RequestTimeTooSkewed, or "" */
} hf_s3_error;

/* True if the body is an error of S3, or of STS. */
bool hf_s3_error_read(const hf_buf *body, hf_s3_error *ret_error);

typedef struct hf_s3_entry {
    char *key;
    uint64_t bytes;
    int64_t modified_ms; /* 0 if not told */
} hf_s3_entry;

typedef HF_VECTOR(hf_s3_entry) hf_s3_entries;
void hf_s3_entries_done(hf_s3_entries *entries);

/*
 * Append a page's entries.  ret_next: the token that asks for the next page, NULL for the last; the caller owns it.
 * HF_E_USAGE if this is no listing, HF_E_UNSUPPORTED if it goes on without saying how.
 */
HF_MUST_CHECK hf_status hf_s3_page_read(const hf_buf *body, hf_s3_entries *entries, char **ret_next,
                                        hf_error *error);

/* The keys (whole ones) that the answer to a batch of removals says were not removed.  False if it is no such answer. */
bool hf_s3_batch_read(const hf_buf *body, hf_strings *kept);

/* The keys in STS's answer; the caller owns both, ret_expiration may become NULL.  False if it holds none. */
bool hf_s3_role_read(const hf_buf *body, hf_s3_credentials *ret_credentials, char **ret_expiration);

#endif
