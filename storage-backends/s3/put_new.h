/*
 * A put that of several takers exactly one wins, on services of which many ignore, refuse or race on a conditional PUT.
 *
 * A taker puts a claim beside the key ("<folder>/.hf-tmp-new:<name>:<token>", which no key can name) and lists the claims.
 * Only one that sees no other's claim, and after that no value, puts the value, and it keeps its claim until the value
 * is there.  Of two takers at least one sees the other's claim, since each puts before it lists; whoever sees one takes
 * its own back and claims again only when there is no other, or, if its token is the smallest, waits for the others.  The put itself carries If-None-Match: *
 * where the service knows that, which alone decides where claims cannot be listed.
 *
 * What this needs of the service: a listing that shows what was put before it (Amazon's, Ceph's, MinIO's do).  A taker
 * that is killed leaves a claim; others wait until it is 30 s old by the service's clock, and then remove it.  A taker gives up 10 s
 * after its claim and cuts its put off after 10 more, so a live one's claim never gets that old.
 */
#ifndef HF_STORAGE_S3_PUT_NEW_H
#define HF_STORAGE_S3_PUT_NEW_H

#include "storage-backends/s3/client.h"

typedef struct hf_s3_taker {
    char id[33]; /* random; with the value it makes the token, so that a repeated put knows its own claim */
    _Atomic bool unconditional; /* the service refused If-None-Match */
} hf_s3_taker;

/* HF_E_EXISTS if there is a value; error is not NULL. */
HF_MUST_CHECK hf_status hf_s3_put_new(hf_s3_client *client, hf_s3_taker *taker, const char *key,
                                      const void *data, size_t len, hf_error *error);

#endif
