#include "storage-backends/s3/keys.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "storage-backends/s3/services.h"

#define MARGIN_MS 300000
#define AGAIN_MS 30000 /* after a renewal that failed */
#define STALL_MS 10000

struct hf_s3_keys {
    const hf_s3_service *service; /* NULL: the keys are fixed */
    hf_s3_http *http;             /* for the service */
    pthread_mutex_t mutex;
    hf_s3_credentials credentials; /* from here on guarded by mutex, but for fixed ones */
    bool have;
    int64_t renew_ms, end_ms; /* monotonic */
};

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static void use_service(hf_s3_keys *keys, const hf_s3_service *service)
{
    keys->service = service;
    keys->http = hf_s3_http_new(variable("AWS_CA_BUNDLE"), STALL_MS);
}

static hf_status nowhere(hf_error *error)
{
    (void) hf_fail(error, HF_E_STORAGE_DENIED, "there are no keys for S3");
    return hf_hint(error,
                   "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials");
}

static hf_status choose(hf_s3_keys *keys, const char *profile, hf_error *error)
{
    const char *named = profile != NULL ? profile : variable("AWS_PROFILE");
    hf_status status =
        profile != NULL ? HF_E_NOT_FOUND : hf_s3_credentials_of_environment(&keys->credentials, error);

    if (status != HF_E_NOT_FOUND)
        return status;
    if (profile == NULL && hf_s3_web_identity.is_configured()) {
        use_service(keys, &hf_s3_web_identity);
        return HF_OK;
    }
    status = hf_s3_credentials_of_file(named != NULL ? named : "default", &keys->credentials, error);
    if (named != NULL && status == HF_E_NOT_FOUND) {
        error->code = HF_E_STORAGE_DENIED;
        return hf_hint(error, "AWS_SHARED_CREDENTIALS_FILE tells where it is, if not there");
    }
    if (named != NULL || (status != HF_E_NOT_FOUND && status != HF_E_STORAGE_DENIED))
        return status;

    const hf_s3_service *service = hf_s3_container.is_configured()  ? &hf_s3_container
                                   : hf_s3_metadata.is_configured() ? &hf_s3_metadata
                                                                    : NULL;
    if (service == NULL)
        return status == HF_E_NOT_FOUND ? nowhere(error) : status;
    use_service(keys, service);
    return HF_OK;
}

static void keys_freep(hf_s3_keys **keys)
{
    hf_s3_keys_free(*keys);
}

hf_status hf_s3_keys_new(const char *profile, hf_s3_keys **ret_keys, hf_error *error)
{
    HF_AUTO(keys_freep) hf_s3_keys *keys = hf_alloc(sizeof(*keys));

    (void) pthread_mutex_init(&keys->mutex, NULL);
    HF_TRY(choose(keys, profile, error));
    *ret_keys = HF_TAKE(keys);
    return HF_OK;
}

void hf_s3_keys_free(hf_s3_keys *keys)
{
    if (keys == NULL)
        return;
    hf_s3_credentials_done(&keys->credentials);
    hf_s3_http_free(keys->http);
    (void) pthread_mutex_destroy(&keys->mutex);
    free(keys);
}

static void take(hf_s3_keys *keys, hf_s3_lease *lease)
{
    const int64_t now = hf_monotonic_ms(), left = lease->lifetime_ms > 0 ? lease->lifetime_ms : 0;
    const int64_t margin = left / 2 < MARGIN_MS ? left / 2 : MARGIN_MS;

    hf_s3_credentials_done(&keys->credentials);
    keys->credentials = lease->credentials;
    keys->end_ms = left > INT64_MAX - now ? INT64_MAX : now + left;
    keys->renew_ms = keys->end_ms == INT64_MAX ? INT64_MAX : keys->end_ms - margin;
    keys->have = true;
}

/* The mutex is held: the others wait, since they need the answer too. */
static hf_status renew(hf_s3_keys *keys, const char *region, hf_error *error)
{
    const int64_t now = hf_monotonic_ms();
    hf_s3_lease lease = {0};

    if (keys->have && now < keys->renew_ms)
        return HF_OK;
    hf_status status = keys->service->ask(keys->http, region, &lease, error);

    if (status == HF_OK) {
        take(keys, &lease);
        return HF_OK;
    }
    if (keys->have && now < keys->end_ms) {
        keys->renew_ms = now + AGAIN_MS;
        return HF_OK;
    }
    /* It was asked only because nothing else is there: no such service is no passing failure. */
    if (!keys->have && keys->service == &hf_s3_metadata && status == HF_E_STORAGE) {
        (void) hf_fail(
            error, HF_E_STORAGE_DENIED,
            "there are no keys for S3: none in the environment, none in the credentials file, and no "
            "instance metadata");
        return hf_hint(
            error, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials");
    }
    (void) hf_prefix(error, "cannot get keys for S3 from %s", keys->service->name);
    return status;
}

hf_status hf_s3_keys_get(hf_s3_keys *keys, const char *region, hf_s3_credentials *ret_credentials,
                         hf_error *error)
{
    hf_status status = HF_OK;

    (void) pthread_mutex_lock(&keys->mutex);
    if (keys->service != NULL)
        status = renew(keys, region, error);
    if (status == HF_OK)
        *ret_credentials = (hf_s3_credentials){.access_key = hf_strdup(keys->credentials.access_key),
                                               .secret_key = hf_strdup(keys->credentials.secret_key),
                                               .session_token = hf_strdup(keys->credentials.session_token)};
    (void) pthread_mutex_unlock(&keys->mutex);
    return status;
}

bool hf_s3_keys_renew(hf_s3_keys *keys, const char *access_key)
{
    bool renewed = false;

    (void) pthread_mutex_lock(&keys->mutex);
    if (keys->service != NULL) {
        if (hf_streq(keys->credentials.access_key, access_key))
            keys->renew_ms = keys->end_ms = 0;
        renewed = true;
    }
    (void) pthread_mutex_unlock(&keys->mutex);
    return renewed;
}
