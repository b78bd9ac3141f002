/*
 * An HTTP request and what its answer must be: one of some statuses, and a JSON body for which a jq expression holds.
 *
 * The request goes exactly where the URL says: redirects are answers, not instructions, and proxies of the environment
 * are not used.  Header values can be secrets, so none is ever shown, not even when a server echoes it.
 */
#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "base/signals.h"
#include "base/text.h"
#include "checks/excerpt.h"
#include "checks/jq.h"
#include "checks/kind.h"

#define BODY_MAX (4u << 20)
#define BODY_SHOWN 300
#define SECRET_MIN 4 /* shorter header values are no secrets, and would blot out half of a text */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void curl_done(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void slist_done(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static hf_status http_validate(const char *config_path, const hf_check_config *check, hf_error *error)
{
    if (!hf_starts_with(check->http.url, "http://") && !hf_starts_with(check->http.url, "https://")) {
        (void) hf_fail(error, HF_E_USAGE, "check \"%s\": the URL starts with neither http:// nor https://",
                       check->name);
        return hf_check_at(config_path, check->where, error);
    }
    for (size_t i = 0; i < check->http.headers.count; i++)
        if (strchr(check->http.headers.items[i], ':') == NULL ||
            strpbrk(check->http.headers.items[i], "\r\n") != NULL) {
            (void) hf_fail(error, HF_E_USAGE, "check \"%s\": header %zu is not \"Name: value\"", check->name,
                           i + 1);
            return hf_check_at(config_path, check->where, error);
        }
    if (check->http.jq != NULL && hf_jq_compile(check->http.jq, error) != HF_OK)
        return hf_check_at(config_path, check->http.jq_where.line > 0 ? check->http.jq_where : check->where,
                           error);
    return HF_OK;
}

static void http_expect(const hf_check_config *check, hf_buf *expected)
{
    hf_buf_puts(expected, "status");
    for (size_t i = 0; i < check->http.status.count; i++)
        hf_buf_printf(expected, "%s%d", i == 0 ? " " : " or ", check->http.status.items[i]);
    if (check->http.status.count == 0)
        hf_buf_puts(expected, " 200");
    if (check->http.jq != NULL)
        hf_buf_printf(expected, " and jq '%s'", check->http.jq);
}

static bool is_allowed(const hf_check_config *check, long status)
{
    for (size_t i = 0; i < check->http.status.count; i++)
        if (check->http.status.items[i] == status)
            return true;
    return check->http.status.count == 0 && status == 200;
}

/* ---- hiding ---- */

static void hide(hf_buf *text, const char *secret, size_t len)
{
    HF_AUTO_BUF out = HF_BUF_MAX(text->max + 64);
    size_t at = 0;

    if (len < SECRET_MIN || text->len < len)
        return;
    while (at < text->len) {
        if (text->len - at >= len && memcmp(text->data + at, secret, len) == 0) {
            hf_buf_puts(&out, "***");
            at += len;
        } else {
            hf_buf_putc(&out, text->data[at++]);
        }
    }
    hf_buf_clear(text);
    hf_buf_append(text, hf_buf_text(&out), out.len);
}

/* A header's value, and each word of it: "Bearer x" is echoed as x, too. */
static void hide_headers(const hf_check_config *check, hf_buf *text)
{
    for (size_t i = 0; i < check->http.headers.count; i++) {
        const char *header = check->http.headers.items[i];
        const char *value = strchr(header, ':');

        if (value == NULL || strncasecmp(header, "accept", 6) == 0 ||
            strncasecmp(header, "content-type", 12) == 0)
            continue;
        value += 1 + strspn(value + 1, " \t");
        hide(text, value, strlen(value));
        while (*value != '\0') {
            size_t word = strcspn(value, " \t;,");

            if (word >= 2 * SECRET_MIN) /* "Bearer" stays */
                hide(text, value, word);
            value += word;
            value += strspn(value, " \t;,");
        }
    }
}

static void show_body(const hf_check_config *check, const hf_buf *body, hf_buf *seen)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4 * BODY_MAX + 64);

    if (body->len == 0)
        return;
    hf_buf_append(&text, body->data, body->len);
    hide_headers(check, &text); /* before it is cut: half a secret is one, too */
    hf_buf_puts(seen, ": ");
    hf_excerpt_head(seen, hf_buf_text(&text), text.len, BODY_SHOWN);
}

/* ---- the request ---- */

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    hf_buf *body = context;

    hf_buf_append(body, data, size * count);
    return body->overflowed ? 0 : size * count; /* 0 ends the transfer */
}

static int on_progress(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                       curl_off_t up)
{
    (void) context;
    (void) total_down;
    (void) down;
    (void) total_up;
    (void) up;
    return hf_stop_requested() ? 1 : 0;
}

static struct curl_slist *make_headers(const hf_check_config *check)
{
    struct curl_slist *headers = NULL;

    for (size_t i = 0; i < check->http.headers.count; i++)
        headers = curl_slist_append(headers, check->http.headers.items[i]);
    if (check->http.body != NULL)
        headers = curl_slist_append(headers, "Expect:");
    return headers;
}

static bool wants_body(const char *method)
{
    return hf_streq(method, "POST") || hf_streq(method, "PUT") || hf_streq(method, "PATCH");
}

static void set_request(CURL *curl, const hf_check_config *check, struct curl_slist *headers)
{
    const char *method = check->http.method != NULL ? check->http.method : "GET";

    (void) curl_easy_setopt(curl, CURLOPT_URL, check->http.url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "holdfast");
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (check->timeout_ms > 0)
        (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) check->timeout_ms);
    if (check->http.body != NULL || wants_body(method)) { /* without a body, "Content-Length: 0" */
        const char *body = check->http.body != NULL ? check->http.body : "";

        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    if (hf_streq(method, "HEAD"))
        (void) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/* The answer's status, or 0 with what went wrong in `seen`. */
static long request(const hf_check_config *check, hf_buf *body, hf_buf *seen)
{
    HF_AUTO(curl_done) CURL *curl = curl_easy_init();
    HF_AUTO(slist_done) struct curl_slist *headers = make_headers(check);
    char message[CURL_ERROR_SIZE] = "";
    long status = 0;

    if (curl == NULL) {
        hf_buf_puts(seen, "out of memory");
        return 0;
    }
    set_request(curl, check, headers);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);

    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        return status;
    }
    if (body->overflowed)
        hf_buf_printf(seen, "the body is larger than %u MiB", BODY_MAX >> 20);
    else
        hf_buf_printf(seen, "no answer: %s", message[0] != '\0' ? message : curl_easy_strerror(code));
    return 0;
}

static bool http_look(const hf_check_context *context, hf_buf *seen)
{
    const hf_check_config *check = context->check;
    HF_AUTO_BUF body = HF_BUF_MAX(BODY_MAX);
    HF_AUTO_BUF why = HF_BUF_MAX(HF_CHECK_SEEN_MAX);

    (void) pthread_once(&curl_once, start_curl);
    long status = request(check, &body, seen);

    if (status == 0)
        return false;
    hf_buf_printf(seen, "status %ld", status);
    if (!is_allowed(check, status)) {
        show_body(check, &body, seen);
        return false;
    }
    if (check->http.jq == NULL || hf_jq_holds(check->http.jq, hf_buf_text(&body), body.len, &why)) {
        if (check->http.jq != NULL)
            hf_buf_puts(seen, ", jq holds");
        return true;
    }
    hide_headers(check, &why);
    hf_buf_printf(seen, ", but %s", hf_buf_text(&why));
    show_body(check, &body, seen);
    return false;
}

const hf_check_ops hf_check_http = {
    .name = "http",
    .validate = http_validate,
    .expect = http_expect,
    .look = http_look,
};
