/* What S3's refusals mean, as one table; what it does not hold follows from the HTTP status. */
#include <string.h>

#include "base/text.h"
#include "storage-backends/s3/client.h"

typedef struct meaning {
    const char *code;
    hf_status status;
    const char *hint;
} meaning;

static const meaning meanings[] = {
    {"NoSuchKey", HF_E_NOT_FOUND, NULL},
    {"NoSuchBucket", HF_E_USAGE,
     "holdfast makes no buckets: create it, or correct the name in repository.url; a service that knows the "
     "bucket "
     "only in the path wants repository.s3.path_style: true"},
    {"InvalidBucketName", HF_E_USAGE, "correct the bucket's name in repository.url"},
    {"AccessDenied", HF_E_STORAGE_DENIED,
     "the key needs s3:GetObject, s3:PutObject and s3:DeleteObject on the bucket's objects, and "
     "s3:ListBucket on "
     "the bucket"},
    {"SignatureDoesNotMatch", HF_E_STORAGE_DENIED,
     "the secret key does not belong to the access key; look at AWS_SECRET_ACCESS_KEY or the credentials "
     "file"},
    {"InvalidAccessKeyId", HF_E_STORAGE_DENIED,
     "the service does not know this access key; look at AWS_ACCESS_KEY_ID, the profile and the endpoint"},
    {"ExpiredToken", HF_E_STORAGE_DENIED, "fetch new temporary keys"},
    {"InvalidToken", HF_E_STORAGE_DENIED,
     "the session token does not belong to the keys; look at AWS_SESSION_TOKEN"},
    {"RequestTimeTooSkewed", HF_E_STORAGE_DENIED, "set this machine's clock"},
    {"AuthorizationHeaderMalformed", HF_E_USAGE, "set repository.s3.region to the bucket's region"},
    {"PermanentRedirect", HF_E_USAGE, "set repository.s3.region and endpoint to those of the bucket"},
    {"TemporaryRedirect", HF_E_USAGE, "set repository.s3.region and endpoint to those of the bucket"},
    {"InvalidRegion", HF_E_USAGE, "set repository.s3.region to the bucket's region"},
    {"PreconditionFailed", HF_E_EXISTS, NULL},
    {"QuotaExceeded", HF_E_STORAGE_FULL,
     "raise the quota of the bucket or its owner, or remove old snapshots"},
    {"InsufficientStorage", HF_E_STORAGE_FULL, "the service has no room left"},
    {"XMinioStorageFull", HF_E_STORAGE_FULL, "the service has no room left"},
    {"EntityTooLarge", HF_E_LIMIT, "choose a smaller snapshot.chunk_size"},
    {"NotImplemented", HF_E_UNSUPPORTED, NULL},
    /* Harmed on the way, or a moment's trouble: try again. */
    {"BadDigest", HF_E_STORAGE, NULL},
    {"XAmzContentSHA256Mismatch", HF_E_STORAGE, NULL},
    {"IncompleteBody", HF_E_STORAGE, NULL},
    {"RequestTimeout", HF_E_STORAGE, NULL},
    {"OperationAborted", HF_E_STORAGE, NULL},
    {"ConditionalRequestConflict", HF_E_STORAGE, NULL},
    {"SlowDown", HF_E_STORAGE, "the service asks for fewer requests; a smaller snapshot.jobs makes fewer"},
    {"ServiceUnavailable", HF_E_STORAGE, NULL},
    {"InternalError", HF_E_STORAGE, NULL},
};

static hf_status by_http_status(long status)
{
    if (status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505 && status != 507))
        return HF_E_STORAGE;
    if (status == 404)
        return HF_E_NOT_FOUND;
    if (status == 412 || status == 304) /* If-None-Match: * does not hold */
        return HF_E_EXISTS;
    if (status == 501)
        return HF_E_UNSUPPORTED;
    if (status == 507)
        return HF_E_STORAGE_FULL;
    return HF_E_STORAGE_DENIED;
}

static const meaning *find(const char *code)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
        if (hf_streq(meanings[i].code, code))
            return &meanings[i];
    }
    return NULL;
}

/* Only HEAD is answered without a body by a service that is S3; and a gateway in front of one fails in its own words. */
static hf_status explain_without_body(const hf_s3_client *client, const hf_s3_call *call,
                                      const hf_s3_answer *answer, hf_error *error)
{
    const hf_status status = by_http_status(answer->status);

    if (status == HF_E_STORAGE || status == HF_E_STORAGE_FULL || hf_streq(call->method, "HEAD") ||
        (answer->trouble.len == 0 &&
         (answer->status == 404 || answer->status == 412 || answer->status == 304))) {
        (void) hf_fail(error, status, "the service answered with status %ld", answer->status);
        return status;
    }
    (void) hf_fail(error, HF_E_USAGE, "\"%s%s\" answers with status %ld, and not like an S3 service",
                   client->scheme, client->authority != NULL ? client->authority : "", answer->status);
    (void) hf_hint(
        error, "repository.s3.endpoint must be the address of the S3 interface itself, not of a console or "
               "a web server");
    return HF_E_USAGE;
}

hf_status hf_s3_explain(const hf_s3_client *client, const hf_s3_call *call, const hf_s3_answer *answer,
                        const hf_s3_error *trouble, hf_error *error)
{
    if (trouble == NULL)
        return explain_without_body(client, call, answer, error);

    const meaning *known = find(trouble->code);
    const hf_status status = known != NULL ? known->status : by_http_status(answer->status);

    if (hf_streq(trouble->code, "NoSuchBucket"))
        (void) hf_fail(error, status, "there is no bucket \"%s\"", client->bucket);
    else
        (void) hf_fail(error, status, "the service answered %s (%ld)%s%s", trouble->code, answer->status,
                       trouble->message[0] != '\0' ? ": " : "", trouble->message);
    if (known != NULL && known->hint != NULL)
        (void) hf_hint(error, "%s", known->hint);
    return status;
}
