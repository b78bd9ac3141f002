/*
 * An S3 bucket as a driver sees it: signed requests, and answers turned into errors.
 *
 * Three things are put right within a call by signing again: a clock that is off (by the server's Date, when it says that the
 * time is skewed), a region that nobody told (by the region that the server names), and temporary keys that have ended.
 */
#ifndef HF_STORAGE_S3_CLIENT_H
#define HF_STORAGE_S3_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "storage-backends/backend.h"
#include "storage-backends/s3/http.h"
#include "storage-backends/s3/keys.h"
#include "storage-backends/s3/reply.h"

typedef struct hf_s3_client {
    hf_s3_http *http;
    hf_s3_keys *keys;
    char *bucket;
    char *prefix;    /* "" or "a/b/": before every key */
    char *scheme;    /* "https://" */
    char *authority; /* "host:port" of the endpoint; NULL: Amazon's of the region */
    bool path_style;
    bool region_given;
    pthread_mutex_t mutex;
    char region[64];                 /* guarded by mutex */
    _Atomic int64_t clock_offset_ms; /* server minus ours */
    _Atomic bool no_batches;         /* the service refused one */
} hf_s3_client;

typedef struct hf_s3_call {
    const char *method;
    const char *key;   /* without the prefix; NULL: the bucket itself */
    const char *query; /* encoded and sorted; NULL: none */
    const void *body;
    size_t body_len;
    bool with_md5;                 /* Content-MD5, as well as the digest that is always signed */
    bool only_new;                 /* If-None-Match: * */
    const hf_storage_range *range; /* of what GET reads: none of it, where 416 is answered; NULL: all */
    int64_t timeout_ms;            /* for all of it; 0: none but the stall's */
    hf_buf *content;
    const char *doing; /* "read": for messages */
} hf_s3_call;

/* What a 2xx answer told. */
typedef struct hf_s3_told {
    long status;
    int64_t length;  /* or -1 */
    int64_t date_ms; /* or 0 */
} hf_s3_told;

/* Parse the URL and the options, find the keys.  Nothing is sent. */
HF_MUST_CHECK hf_status hf_s3_client_new(const hf_storage_options *options, hf_s3_client **ret_client,
                                         hf_error *error);
void hf_s3_client_free(hf_s3_client *client);

/* ret_told may be NULL; error may not. */
HF_MUST_CHECK hf_status hf_s3_client_call(hf_s3_client *client, const hf_s3_call *call, hf_s3_told *ret_told,
                                          hf_error *error);

/* What an answer other than 2xx means; trouble NULL: its body is no S3 error. */
hf_status hf_s3_explain(const hf_s3_client *client, const hf_s3_call *call, const hf_s3_answer *answer,
                        const hf_s3_error *trouble, hf_error *error);

#endif
