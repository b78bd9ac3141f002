#include "storage-backends/s3/client.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "storage-backends/s3/signature.h"
#include "stream/digest.h"

#define SKEW_MIN_MS 60000 /* a refusal for a smaller difference has another cause */
#define URL_MAX (16u << 10)

/* What is signed and sent for one try of a call. */
typedef struct attempt {
    char region[64];
    char amz_date[32];
    char host[512];
    hf_s3_credentials credentials;
    hf_buf path, url;
    hf_strings headers;
    int64_t signed_ms;
} attempt;

static void attempt_done(attempt *a)
{
    hf_s3_credentials_done(&a->credentials);
    hf_buf_done(&a->path);
    hf_buf_done(&a->url);
    hf_strings_done(&a->headers);
}

static void address(hf_s3_client *client, const hf_s3_call *call, attempt *a)
{
    (void) pthread_mutex_lock(&client->mutex);
    (void) snprintf(a->region, sizeof(a->region), "%s", client->region);
    (void) pthread_mutex_unlock(&client->mutex);

    HF_AUTO_STR authority =
        client->authority != NULL
            ? hf_strdup(client->authority)
            : hf_format("s3.%s.amazonaws.com%s", a->region, hf_starts_with(a->region, "cn-") ? ".cn" : "");

    (void) snprintf(a->host, sizeof(a->host), "%s%s%s", client->path_style ? "" : client->bucket,
                    client->path_style ? "" : ".", authority);
    hf_buf_putc(&a->path, '/');
    if (client->path_style) {
        hf_s3_encode(&a->path, client->bucket, false);
        hf_buf_putc(&a->path, '/');
    }
    if (call->key != NULL) {
        hf_s3_encode(&a->path, client->prefix, true);
        hf_s3_encode(&a->path, call->key, true);
    }
    hf_buf_printf(&a->url, "%s%s%s%s%s", client->scheme, a->host, hf_buf_text(&a->path),
                  call->query != NULL ? "?" : "", call->query != NULL ? call->query : "");
}

static void add_header(attempt *a, const char *name, const char *value)
{
    HF_AUTO_STR line = hf_format("%s: %s", name, value);

    hf_strings_add(&a->headers, line);
}

/* In base64, as Content-MD5 has it; "" where OpenSSL has no MD5. */
static void md5_of(const void *data, size_t len, char out[32])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (EVP_Digest(data, len, digest, &size, EVP_md5(), NULL) == 1 && size == 16)
        (void) EVP_EncodeBlock((unsigned char *) out, digest, (int) size);
}

static void sign(hf_s3_client *client, const hf_s3_call *call, const char *payload, attempt *a)
{
    HF_AUTO_BUF authorization = HF_BUF_MAX(8u << 10);
    const char *token = a->credentials.session_token;

    a->signed_ms = hf_now_ms() + atomic_load(&client->clock_offset_ms);
    (void) hf_time_compact(a->signed_ms, a->amz_date);

    char md5[32] = "";

    if (call->with_md5)
        md5_of(call->body, call->body_len, md5);

    const bool has_md5 = md5[0] != '\0';
    const hf_s3_header all[] = {{"content-md5", md5},
                                {"host", a->host},
                                {"x-amz-content-sha256", payload},
                                {"x-amz-date", a->amz_date},
                                {"x-amz-security-token", token}};
    const hf_s3_header *headers = has_md5 ? all : all + 1;
    const size_t count = 3 + (size_t) (token != NULL) + (size_t) has_md5;
    const hf_s3_signing signing = {.method = call->method,
                                   .path = hf_buf_text(&a->path),
                                   .query = call->query != NULL ? call->query : "",
                                   .headers = headers,
                                   .header_count = count,
                                   .payload_sha256 = payload,
                                   .amz_date = a->amz_date,
                                   .region = a->region,
                                   .service = "s3",
                                   .access_key = a->credentials.access_key,
                                   .secret_key = a->credentials.secret_key};

    hf_s3_authorization(&signing, &authorization);
    for (size_t i = 0; i < count; i++)
        add_header(a, headers[i].name, headers[i].value);
    add_header(a, "authorization", hf_buf_text(&authorization));
    if (call->only_new)
        add_header(a, "if-none-match", "*");
    if (call->range != NULL) {
        HF_AUTO_STR bytes = hf_format("bytes=%llu-%llu", (unsigned long long) call->range->offset,
                                      (unsigned long long) (call->range->offset + call->range->len - 1));

        add_header(a, "range", bytes);
    }
    hf_strings_add(&a->headers, "expect:");
    if (hf_streq(call->method, "PUT"))
        add_header(a, "content-type", "application/octet-stream");
}

/* Take the server's clock for ours if that is what it refused; true if it is worth another try. */
static bool correct_clock(hf_s3_client *client, const attempt *a, const hf_s3_answer *answer,
                          const hf_s3_error *trouble)
{
    int64_t server_ms = answer->date_ms;

    if (answer->status != 403 && answer->status != 400)
        return false;
    if (trouble != NULL && !hf_streq(trouble->code, "RequestTimeTooSkewed"))
        return false;
    if (trouble != NULL && server_ms == 0 && hf_time_parse(trouble->server_time, &server_ms, NULL) != HF_OK)
        return false;
    if (server_ms == 0 || llabs(server_ms - a->signed_ms) < SKEW_MIN_MS)
        return false;
    atomic_store(&client->clock_offset_ms, server_ms - hf_now_ms());
    return true;
}

/* Take over the region that the server names, unless the configuration names one. */
static bool correct_region(hf_s3_client *client, const attempt *a, const hf_s3_answer *answer,
                           const hf_s3_error *trouble)
{
    const char *region = trouble != NULL && trouble->region[0] != '\0' ? trouble->region : answer->region;

    if (client->region_given || region[0] == '\0' || hf_streq(region, a->region) ||
        (answer->status != 400 && answer->status != 403 && answer->status / 100 != 3))
        return false;
    for (const char *c = region; *c != '\0'; c++) {
        if (!isalnum((unsigned char) *c) && *c != '-' && *c != '_')
            return false;
    }
    (void) pthread_mutex_lock(&client->mutex);
    (void) snprintf(client->region, sizeof(client->region), "%s", region);
    (void) pthread_mutex_unlock(&client->mutex);
    return true;
}

/* Temporary keys may end, or be taken back, before their time. */
static bool correct_keys(hf_s3_client *client, const attempt *a, const hf_s3_answer *answer,
                         const hf_s3_error *trouble)
{
    static const char *const codes[] = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired",
                                        "InvalidAccessKeyId"};

    if (trouble == NULL || (answer->status != 400 && answer->status != 401 && answer->status != 403))
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (hf_streq(trouble->code, codes[i]))
            return hf_s3_keys_renew(client->keys, a->credentials.access_key);
    return false;
}

/* One try; ret_again: it failed for a reason that is put right now. */
static hf_status try_call(hf_s3_client *client, const hf_s3_call *call, const char *payload,
                          hf_s3_told *ret_told, bool *ret_again, hf_error *error)
{
    HF_AUTO(attempt_done) attempt a = {.path = HF_BUF_MAX(URL_MAX), .url = HF_BUF_MAX(URL_MAX)};
    HF_AUTO(hf_s3_answer_done) hf_s3_answer answer = {0};
    hf_s3_error trouble;

    if (call->content != NULL)
        hf_buf_clear(call->content);
    address(client, call, &a);
    HF_TRY(hf_s3_keys_get(client->keys, a.region, &a.credentials, error));
    sign(client, call, payload, &a);
    HF_TRY(hf_buf_check(&a.url, "the URL", error));
    HF_TRY(hf_s3_http_exchange(client->http,
                               &(hf_s3_exchange){.method = call->method,
                                                 .url = hf_buf_text(&a.url),
                                                 .headers = &a.headers,
                                                 .body = call->body,
                                                 .body_len = call->body_len,
                                                 .timeout_ms = call->timeout_ms,
                                                 .content = call->content},
                               &answer, error));
    if (call->range != NULL && answer.status == 416) /* the value ends before it */
        return HF_OK;

    bool told = hf_s3_error_read(&answer.trouble, &trouble); /* also below a 200, of some services */

    if (answer.status >= 200 && answer.status <= 299 && !told) {
        if (call->content != NULL && strncasecmp(answer.content_type, "text/html", 9) == 0) {
            (void) hf_fail(error, HF_E_USAGE, "\"%s%s\" answers with a web page, not like an S3 service",
                           client->scheme, a.host);
            (void) hf_hint(error, "repository.s3.endpoint must be the address of the S3 interface itself");
            return HF_E_USAGE;
        }
        if (ret_told != NULL)
            *ret_told =
                (hf_s3_told){.status = answer.status, .length = answer.length, .date_ms = answer.date_ms};
        return HF_OK;
    }

    hf_status status = hf_s3_explain(client, call, &answer, told ? &trouble : NULL, error);

    error->retry_after_ms = answer.retry_after_ms;
    *ret_again = correct_clock(client, &a, &answer, told ? &trouble : NULL) ||
                 correct_region(client, &a, &answer, told ? &trouble : NULL) ||
                 correct_keys(client, &a, &answer, told ? &trouble : NULL);
    return status;
}

hf_status hf_s3_client_call(hf_s3_client *client, const hf_s3_call *call, hf_s3_told *ret_told,
                            hf_error *error)
{
    char payload[HF_SHA256_HEX] = HF_S3_EMPTY_SHA256;
    hf_status status = HF_OK;
    bool again = true;

    if (call->body_len > 0)
        hf_sha256_hex(call->body, call->body_len, payload);
    for (int tries = 0; again && tries < 3; tries++) {
        again = false;
        status = try_call(client, call, payload, ret_told, &again, error);
    }
    if (status == HF_OK)
        return HF_OK;

    if (status == HF_E_NOT_FOUND && call->key != NULL)
        (void) hf_fail(error, status, "\"%s\" does not exist in \"s3://%s/%s\"", call->key, client->bucket,
                       client->prefix);
    else if (status == HF_E_EXISTS && call->key != NULL)
        (void) hf_fail(error, status, "\"%s\" exists already in \"s3://%s/%s\"", call->key, client->bucket,
                       client->prefix);
    else if (call->key != NULL)
        (void) hf_prefix(error, "cannot %s \"%s\" in \"s3://%s\"", call->doing, call->key, client->bucket);
    else
        (void) hf_prefix(error, "cannot %s \"s3://%s\"", call->doing, client->bucket);
    return status;
}
