/*
 * HTTP exchanges over libcurl for S3: a pool of handles that keep their connections, used by several threads.  One
 * exchange is one request; nothing is tried again here, but by libcurl where a kept connection turns out to be dead.
 */
#ifndef HF_STORAGE_S3_HTTP_H
#define HF_STORAGE_S3_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

typedef struct hf_s3_http hf_s3_http;

/* stall_ms: a request that moves no byte for so long is given up.  ca_file NULL: the system's certificates. */
hf_s3_http *hf_s3_http_new(const char *ca_file, int64_t stall_ms);
void hf_s3_http_free(hf_s3_http *http);

typedef struct hf_s3_exchange {
    const char *method;
    const char *url;           /* sent as it is */
    const hf_strings *headers; /* "name: value" */
    const void *body;          /* of PUT and POST */
    size_t body_len;
    int64_t timeout_ms; /* for all of it; 0: none */
    int64_t connect_ms; /* 0: 10 s */
    bool direct;        /* past any proxy */
    hf_buf *content;    /* gets the body of a 2xx answer */
} hf_s3_exchange;

typedef struct hf_s3_answer {
    long status;
    int64_t length;         /* Content-Length, or -1 */
    int64_t date_ms;        /* the server's clock, or 0 */
    int64_t retry_after_ms; /* or 0 */
    char content_type[64];
    char region[64]; /* x-amz-bucket-region, or "" */
    hf_buf trouble;  /* the body where content does not get it, cut at 64 KiB */
} hf_s3_answer;

/*
 * Any answer is HF_OK.  HF_E_STORAGE: none came, or not all of it; whether the request was carried out is not known then.
 * HF_E_USAGE: the server's certificate is not trusted.  HF_E_LIMIT: content was too small.  The caller frees trouble.
 */
HF_MUST_CHECK hf_status hf_s3_http_exchange(hf_s3_http *http, const hf_s3_exchange *exchange,
                                            hf_s3_answer *ret_answer, hf_error *error);
void hf_s3_answer_done(hf_s3_answer *answer);

#endif
