#include "checks/request.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/signals.h"
#include "base/text.h"
#include "checks/excerpt.h"

#define BODY_MAX (4u << 20)
#define BODY_SHOWN 300
#define SECRET_MIN 4 /* shorter header values are no secrets, and would blot out half of a text */
#define REDIRECTS_MAX 10

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

static void url_done(CURLU **url)
{
    curl_url_cleanup(*url);
}

void hf_answer_done(hf_answer *answer)
{
    for (size_t i = 0; i < answer->sent.count; i++)
        explicit_bzero(answer->sent.items[i], strlen(answer->sent.items[i]));
    hf_strings_done(&answer->sent);
    hf_buf_done(&answer->body);
}

/* ---- headers ---- */

static hf_status read_headers(const hf_request_config *config, hf_strings *ret_lines, hf_error *error)
{
    for (size_t i = 0; i < config->headers.count; i++) {
        const hf_header *header = &config->headers.items[i];
        HF_AUTO_SECRET secret = NULL;

        if (header->value == NULL) {
            HF_AUTO_STR what = hf_format("the header \"%s\"", header->name);

            HF_TRY(hf_secret_read(&header->secret, what, &secret, error));
            if (strpbrk(secret, "\r\n") != NULL)
                return hf_fail(error, HF_E_USAGE, "%s has more than one line", what);
        }
        HF_PUSH(ret_lines, hf_format("%s: %s", header->name, secret != NULL ? secret : header->value));
    }
    return HF_OK;
}

hf_status hf_request_check(const hf_request_config *config, hf_error *error)
{
    HF_AUTO(hf_answer_done) hf_answer nothing = {0};

    return read_headers(config, &nothing.sent, error);
}

static void hide(hf_buf *text, const char *secret, size_t len)
{
    HF_AUTO_BUF out = HF_BUF_MAX(text->max + 64);
    size_t at = 0;

    if (len < SECRET_MIN || text->len < len || memmem(text->data, text->len, secret, len) == NULL)
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
void hf_answer_hide(const hf_answer *answer, hf_buf *text)
{
    for (size_t i = 0; i < answer->sent.count; i++) {
        const char *header = answer->sent.items[i];
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

void hf_answer_show_body(const hf_answer *answer, hf_buf *out)
{
    HF_AUTO_BUF text = HF_BUF_MAX(4 * BODY_MAX + 64);

    if (answer->body.len == 0)
        return;
    hf_buf_append(&text, answer->body.data, answer->body.len);
    hf_answer_hide(answer, &text); /* before it is cut: half a secret is one, too */
    hf_buf_puts(out, ": ");
    hf_excerpt_head(out, hf_buf_text(&text), text.len, BODY_SHOWN);
}

/* ---- one exchange ---- */

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

typedef struct hop {
    char *url;
    const char *method, *body;
    bool bare; /* without the configured headers: it is another server */
} hop;

static bool wants_body(const char *method)
{
    return hf_streq(method, "POST") || hf_streq(method, "PUT") || hf_streq(method, "PATCH");
}

static void set_request(CURL *curl, const hf_request *request, const hop *to, struct curl_slist *headers,
                        int64_t left_ms)
{
    (void) curl_easy_setopt(curl, CURLOPT_URL, to->url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "holdfast");
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) left_ms);
    if (request->config->ca_file != NULL)
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, request->config->ca_file);
    if (request->config->insecure) {
        (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (to->body != NULL || wants_body(to->method)) { /* without a body, "Content-Length: 0" */
        const char *body = to->body != NULL ? to->body : "";

        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    if (hf_streq(to->method, "HEAD"))
        (void) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, to->method);
}

/* The answer to one hop; *ret_next is where it leads to (caller owns), NULL if nowhere. */
static hf_status exchange(const hf_request *request, const hop *to, int64_t left_ms, hf_answer *answer,
                          char **ret_next, hf_error *error)
{
    HF_AUTO(curl_done) CURL *curl = curl_easy_init();
    HF_AUTO(slist_done) struct curl_slist *headers = NULL;
    char message[CURL_ERROR_SIZE] = "";
    char *next = NULL;

    if (curl == NULL)
        hf_out_of_memory();
    for (size_t i = 0; i < answer->sent.count && !to->bare; i++)
        headers = curl_slist_append(headers, answer->sent.items[i]);
    if (to->body != NULL)
        headers = curl_slist_append(headers, "Expect:");
    hf_buf_clear(&answer->body);
    set_request(curl, request, to, headers, left_ms);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer->body);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);

    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        HF_TRY(hf_stop_check(error));
    if (answer->body.overflowed)
        return hf_fail(error, HF_E_HTTP, "the body is larger than %u MiB", BODY_MAX >> 20);
    if (code != CURLE_OK)
        return hf_fail(error, HF_E_HTTP, "no answer: %s",
                       message[0] != '\0' ? message : curl_easy_strerror(code));
    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    (void) curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &next);
    *ret_next = hf_strdup(next);
    return HF_OK;
}

/* Scheme, host and port, each as it counts. */
static bool is_same_server(const char *a, const char *b)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    HF_AUTO(url_done) CURLU *left = curl_url();
    HF_AUTO(url_done) CURLU *right = curl_url();
    bool same = curl_url_set(left, CURLUPART_URL, a, 0) == CURLUE_OK &&
                curl_url_set(right, CURLUPART_URL, b, 0) == CURLUE_OK;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && same; i++) {
        char *of_left = NULL, *of_right = NULL;

        same = curl_url_get(left, parts[i], &of_left, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               curl_url_get(right, parts[i], &of_right, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               strcasecmp(of_left, of_right) == 0;
        curl_free(of_left);
        curl_free(of_right);
    }
    return same;
}

/* 307 and 308 repeat the request; the others ask for the page that tells what came of it. */
static void follow(hop *to, long status, char *next)
{
    to->bare = to->bare || !is_same_server(to->url, next);
    free(to->url);
    to->url = next;
    if (status != 307 && status != 308 && !hf_streq(to->method, "HEAD")) {
        to->method = "GET";
        to->body = NULL;
    }
    if (to->bare)
        to->body = NULL;
}

static hf_status walk(const hf_request *request, hop *to, hf_answer *answer, hf_error *error)
{
    int64_t started = hf_monotonic_ms();

    for (;;) {
        char *next = NULL;
        int64_t left_ms = request->timeout_ms - (hf_monotonic_ms() - started);

        HF_TRY(exchange(request, to, left_ms > 0 ? left_ms : 1, answer, &next, error));
        answer->took_ms = hf_monotonic_ms() - started;
        if (next == NULL || !request->follow) {
            free(next);
            return HF_OK;
        }
        if (++answer->redirects > REDIRECTS_MAX) {
            free(next);
            return hf_fail(error, HF_E_HTTP, "more than %d redirects", REDIRECTS_MAX);
        }
        follow(to, answer->status, next);
    }
}

hf_status hf_request_make(const hf_request *request, hf_answer *ret_answer, hf_error *error)
{
    HF_AUTO(hf_answer_done) hf_answer answer = {.body = HF_BUF_MAX(BODY_MAX)};
    hop to = {.url = hf_strdup(request->url != NULL ? request->url : request->config->url),
              .method = request->method != NULL ? request->method : "GET",
              .body = request->body};

    (void) pthread_once(&curl_once, start_curl);
    hf_status status = read_headers(request->config, &answer.sent, error);
    if (status == HF_OK)
        status = walk(request, &to, &answer, error);
    free(to.url);
    if (status != HF_OK)
        return status;
    *ret_answer = answer;
    answer = (hf_answer){0};
    return HF_OK;
}
