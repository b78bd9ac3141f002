#include "storage-backends/s3/services.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "storage-backends/s3/reply.h"
#include "storage-backends/s3/signature.h"

#define ANSWER_MAX (64u << 10)
#define TOKEN_MAX (32u << 10)
#define TIMEOUT_MS 10000
#define NEAR_CONNECT_MS 1000 /* what is link-local answers at once, or is not there */
#define NEAR_TIMEOUT_MS 3000
#define NEAR_TRIES 2
#define CONTAINER_HOST "http://169.254.170.2"
#define METADATA_HOST "http://169.254.169.254"
#define METADATA_TOKEN "/latest/api/token"
#define METADATA_ROLES "/latest/meta-data/iam/security-credentials/"

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static bool is_true(const char *name)
{
    const char *value = variable(name);

    return value != NULL && (hf_streq(value, "true") || hf_streq(value, "True") || hf_streq(value, "1"));
}

/* What secrets were in. */
static void cleanse_buffer(hf_buf *buf)
{
    if (buf->data != NULL)
        OPENSSL_cleanse(buf->data, buf->capacity);
    hf_buf_done(buf);
}

#define SECRET_BUF HF_AUTO(cleanse_buffer) hf_buf

/* A token becomes part of a header or a form: one line of visible characters. */
static hf_status read_token(const char *path, hf_buf *token, hf_error *error)
{
    HF_TRY(hf_file_read(path, token, error));
    while (token->len > 0 && strchr(" \t\r\n", token->data[token->len - 1]) != NULL)
        token->len--;
    for (size_t i = 0; i < token->len; i++)
        if (token->data[i] <= ' ' || token->data[i] > '~')
            return hf_fail(error, HF_E_USAGE, "\"%s\" does not hold a token", path);
    if (token->len == 0)
        return hf_fail(error, HF_E_USAGE, "the token file \"%s\" is empty", path);
    token->data[token->len] = '\0';
    return HF_OK;
}

static int64_t lifetime(const char *expiration, const hf_s3_answer *answer)
{
    const int64_t now_ms = answer->date_ms != 0 ? answer->date_ms : hf_now_ms();
    int64_t expires_ms = 0;

    if (expiration == NULL || hf_time_parse(expiration, &expires_ms, NULL) != HF_OK)
        return INT64_MAX;
    return expires_ms - now_ms;
}

/* One request; any answer but a 2xx is an error. */
static hf_status request(hf_s3_http *http, const hf_s3_exchange *exchange, hf_s3_answer *ret_answer,
                         hf_error *error)
{
    HF_AUTO(hf_s3_answer_done) hf_s3_answer answer = {0};
    hf_s3_error trouble;
    hf_status status = HF_OK;

    for (int tries = 0; tries < (exchange->direct ? NEAR_TRIES : 1); tries++) {
        status = hf_s3_http_exchange(http, exchange, &answer, error);
        if (status != HF_E_STORAGE)
            break;
    }
    if (status != HF_OK) {
        (void) hf_hint(error, "it was asked at \"%s\"", exchange->url);
        return status;
    }
    if (answer.status >= 200 && answer.status <= 299) {
        *ret_answer = (hf_s3_answer){.status = answer.status, .date_ms = answer.date_ms};
        return HF_OK;
    }

    const bool told = hf_s3_error_read(&answer.trouble, &trouble);

    status = answer.status == 429 || answer.status >= 500 ? HF_E_STORAGE : HF_E_STORAGE_DENIED;
    (void) hf_fail(error, status, "it answered with status %ld%s%s%s%s", answer.status, told ? ", " : "",
                   told ? trouble.code : "", told ? ": " : "", told ? trouble.message : "");
    return hf_hint(error, "it was asked at \"%s\"", exchange->url);
}

/* ---- web identity ---- */

static bool has_web_identity(void)
{
    return variable("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL && variable("AWS_ROLE_ARN") != NULL;
}

static void put_field(hf_buf *form, const char *name, const char *value)
{
    hf_buf_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    hf_s3_encode(form, value, false);
}

static hf_status ask_web_identity(hf_s3_http *http, const char *region, hf_s3_lease *ret_lease,
                                  hf_error *error)
{
    const char *endpoint = variable("AWS_ENDPOINT_URL_STS"), *session = variable("AWS_ROLE_SESSION_NAME");
    HF_AUTO_STR url = endpoint != NULL ? hf_strdup(endpoint)
                                       : hf_format("https://sts.%s.amazonaws.com%s/", region,
                                                   hf_starts_with(region, "cn-") ? ".cn" : "");
    SECRET_BUF token = HF_BUF_MAX(TOKEN_MAX), form = HF_BUF_MAX(4 * TOKEN_MAX),
               answer = HF_BUF_MAX(ANSWER_MAX);
    HF_AUTO(hf_strings_done) hf_strings headers = {0};
    HF_AUTO_STR expiration = NULL;
    hf_s3_credentials found = {0};
    hf_s3_answer told;

    HF_TRY(read_token(variable("AWS_WEB_IDENTITY_TOKEN_FILE"), &token, error));
    put_field(&form, "Action", "AssumeRoleWithWebIdentity");
    put_field(&form, "Version", "2011-06-15");
    put_field(&form, "RoleArn", variable("AWS_ROLE_ARN"));
    put_field(&form, "RoleSessionName", session != NULL ? session : "holdfast");
    put_field(&form, "WebIdentityToken", token.data);
    HF_TRY(hf_buf_check(&form, "the request for the keys of a role", error));
    hf_strings_add(&headers, "content-type: application/x-www-form-urlencoded");
    HF_TRY(request(http,
                   &(hf_s3_exchange){.method = "POST",
                                     .url = url,
                                     .headers = &headers,
                                     .body = form.data,
                                     .body_len = form.len,
                                     .timeout_ms = TIMEOUT_MS,
                                     .content = &answer},
                   &told, error));
    if (!hf_s3_role_read(&answer, &found, &expiration)) {
        (void) hf_fail(error, HF_E_STORAGE_DENIED, "its answer holds no keys");
        return hf_hint(error, "it was asked at \"%s\"", url);
    }
    ret_lease->lifetime_ms = lifetime(expiration, &told);
    return hf_s3_credentials_accept(&found, "the answer", &ret_lease->credentials, error);
}

const hf_s3_service hf_s3_web_identity = {
    .name = "STS, for the role in AWS_ROLE_ARN", .is_configured = has_web_identity, .ask = ask_web_identity};

/* ---- what answers in JSON ---- */

static char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL || text[0] == '\0' ? NULL : hf_strdup(text);
}

static void json_done(json_t **json)
{
    json_decref(*json);
}

static hf_status read_json(const hf_buf *body, const hf_s3_answer *answer, hf_s3_lease *ret_lease,
                           hf_error *error)
{
    HF_AUTO(json_done) json_t *json = json_loadb(hf_buf_text(body), body->len, 0, NULL);
    HF_AUTO_STR expiration = member(json, "Expiration");
    hf_s3_credentials found = {.access_key = member(json, "AccessKeyId"),
                               .secret_key = member(json, "SecretAccessKey"),
                               .session_token = member(json, "Token")};

    if (found.access_key == NULL || found.secret_key == NULL) {
        hf_s3_credentials_done(&found);
        return hf_fail(error, HF_E_STORAGE_DENIED, "its answer holds no keys");
    }
    ret_lease->lifetime_ms = lifetime(expiration, answer);
    return hf_s3_credentials_accept(&found, "the answer", &ret_lease->credentials, error);
}

static hf_status near_request(hf_s3_http *http, const char *method, const char *url,
                              const hf_strings *headers, hf_buf *content, hf_s3_answer *ret_answer,
                              hf_error *error)
{
    return request(http,
                   &(hf_s3_exchange){.method = method,
                                     .url = url,
                                     .headers = headers,
                                     .timeout_ms = NEAR_TIMEOUT_MS,
                                     .connect_ms = NEAR_CONNECT_MS,
                                     .direct = true,
                                     .content = content},
                   ret_answer, error);
}

/* ---- container ---- */

static bool has_container(void)
{
    return variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
           variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL;
}

/* Keys are taken, and a token is shown, over TLS, or where nobody listens on the way. */
static bool is_safe(const char *url)
{
    static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

    if (hf_starts_with(url, "https://"))
        return true;
    if (!hf_starts_with(url, "http://"))
        return false;
    url += strlen("http://");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        const size_t len = strlen(hosts[i]);

        if (hf_starts_with(url, hosts[i]) && strchr(":/", url[len]) != NULL)
            return true;
    }
    return false;
}

static hf_status ask_container(hf_s3_http *http, const char *region, hf_s3_lease *ret_lease, hf_error *error)
{
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *token_file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    HF_AUTO_STR url = relative != NULL ? hf_format(CONTAINER_HOST "%s", relative)
                                       : hf_strdup(variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    SECRET_BUF content = HF_BUF_MAX(TOKEN_MAX), line = HF_BUF_MAX(2 * TOKEN_MAX),
               answer = HF_BUF_MAX(ANSWER_MAX);
    HF_AUTO(hf_strings_done) hf_strings headers = {0};
    hf_s3_answer told;

    (void) region;
    if (!is_safe(url))
        return hf_fail(error, HF_E_USAGE,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor of this machine");
    if (token_file != NULL) {
        HF_TRY(read_token(token_file, &content, error));
        token = content.data;
    }
    if (token != NULL) {
        hf_buf_printf(&line, "authorization: %s", token);
        if (strpbrk(token, "\r\n") != NULL)
            return hf_fail(error, HF_E_USAGE, "AWS_CONTAINER_AUTHORIZATION_TOKEN holds more than a line");
        hf_strings_add(&headers, line.data);
    }
    HF_TRY(near_request(http, "GET", url, &headers, &answer, &told, error));
    return read_json(&answer, &told, ret_lease, error);
}

const hf_s3_service hf_s3_container = {
    .name = "the container's agent", .is_configured = has_container, .ask = ask_container};

/* ---- instance metadata ---- */

static bool may_have_metadata(void)
{
    return !is_true("AWS_EC2_METADATA_DISABLED");
}

static hf_status ask_metadata(hf_s3_http *http, const char *region, hf_s3_lease *ret_lease, hf_error *error)
{
    const char *named = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    HF_AUTO_STR host = hf_strdup(named != NULL ? named : METADATA_HOST);
    SECRET_BUF token = HF_BUF_MAX(TOKEN_MAX), answer = HF_BUF_MAX(ANSWER_MAX);
    HF_AUTO(hf_strings_done) hf_strings lifetime_header = {0}, token_header = {0};
    HF_AUTO_BUF role = HF_BUF_MAX(1024);
    hf_s3_answer told;

    (void) region;
    if (hf_ends_with(host, "/"))
        host[strlen(host) - 1] = '\0';
    HF_AUTO_STR token_url = hf_format("%s" METADATA_TOKEN, host);
    HF_AUTO_STR roles_url = hf_format("%s" METADATA_ROLES, host);

    hf_strings_add(&lifetime_header, "x-aws-ec2-metadata-token-ttl-seconds: 300");
    HF_TRY(near_request(http, "PUT", token_url, &lifetime_header, &token, &told, error));
    if (token.len == 0 || strpbrk(token.data, "\r\n") != NULL)
        return hf_fail(error, HF_E_STORAGE_DENIED, "its answer to \"%s\" is no token", token_url);

    HF_AUTO_STR line = hf_format("x-aws-ec2-metadata-token: %s", token.data);

    hf_strings_add(&token_header, line);
    HF_TRY(near_request(http, "GET", roles_url, &token_header, &role, &told, error));
    if (role.len > 0)
        role.data[strcspn(role.data, "\r\n")] = '\0';
    if (role.len == 0 || role.data[0] == '\0')
        return hf_fail(error, HF_E_STORAGE_DENIED, "the instance has no role");

    SECRET_BUF url = HF_BUF_MAX(4096);

    hf_buf_puts(&url, roles_url);
    hf_s3_encode(&url, role.data, false);
    HF_TRY(near_request(http, "GET", hf_buf_text(&url), &token_header, &answer, &told, error));
    return read_json(&answer, &told, ret_lease, error);
}

const hf_s3_service hf_s3_metadata = {
    .name = "the instance metadata", .is_configured = may_have_metadata, .ask = ask_metadata};
