/*
 * One HTTP request.  Redirects are answers, not instructions; proxies of the environment are used, as a host inside a company
 * often reaches a chat service by no other way.
 */
#include <string.h>

#include "base/text.h"
#include "notify/kind.h"

#define CONNECT_MS 5000L
#define REQUEST_MS 10000L
#define ANSWER_MAX (4u << 20) /* GitHub's list of issues */
#define ANSWER_SHOWN 200

static void slist_done(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static int on_progress(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                       curl_off_t up)
{
    hf_mailbox *mailbox = context;

    (void) total_down;
    (void) down;
    (void) total_up;
    (void) up;
    return atomic_load(&mailbox->given_up) ? 1 : 0;
}

void hf_post_handle_done(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

CURL *hf_post_handle(hf_mailbox *mailbox, char *why)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL)
        return NULL;
    why[0] = '\0';
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a name server that hangs holds nobody up */
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, REQUEST_MS);
    (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "holdfast");
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFODATA, mailbox);
    return curl;
}

hf_status hf_post_failed(CURLcode code, const char *why, hf_error *error)
{
    switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: /* libcurl's own words could show it */
        (void) hf_fail(error, HF_E_HTTP, "the URL is none that can be used here");
        return hf_hint(error, "it begins with https:// or http://");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
    case CURLE_SSL_CACERT_BADFILE:
        return hf_fail(error, HF_E_HTTP, "%s", why[0] != '\0' ? why : curl_easy_strerror(code));
    case CURLE_ABORTED_BY_CALLBACK:
        return hf_fail(error, HF_E_TIMEOUT, "there was no answer in time");
    default:
        return hf_fail(error, HF_E_TIMEOUT, "%s", why[0] != '\0' ? why : curl_easy_strerror(code));
    }
}

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
    hf_buf_append(context, data, size * count); /* what is too much is dropped */
    return size * count;
}

static struct curl_slist *make_headers(const hf_post *post)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");

    if (post->content_type != NULL) {
        HF_AUTO_STR line = hf_format("Content-Type: %s", post->content_type);
        headers = curl_slist_append(headers, line);
    }
    if (post->authorization != NULL) {
        HF_AUTO_STR line = hf_format("Authorization: %s", post->authorization);
        headers = curl_slist_append(headers, line);
        explicit_bzero(line, strlen(line));
    }
    for (size_t i = 0; post->headers != NULL && i < post->headers->count; i++)
        headers = curl_slist_append(headers, post->headers->items[i]);
    return headers;
}

static hf_status judge(CURL *curl, const hf_buf *answer, hf_error *error)
{
    long status = 0;
    curl_off_t wait_s = 0;

    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return HF_OK;
    HF_AUTO_STR said = hf_message_clean(hf_buf_text(answer), ANSWER_SHOWN);
    const bool passing = status == 408 || status == 429 || status >= 500;
    (void) hf_fail(error, passing ? HF_E_TIMEOUT : HF_E_HTTP, "status %ld%s%s", status,
                   said[0] != '\0' ? ": " : "", said);
    if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK && wait_s > 0 && wait_s < 86400)
        error->retry_after_ms = (int64_t) wait_s * 1000;
    return error->code;
}

hf_status hf_post_send(hf_mailbox *mailbox, const hf_post *post, hf_buf *ret_answer, hf_error *error)
{
    char why[CURL_ERROR_SIZE];
    HF_AUTO(hf_post_handle_done) CURL *curl = hf_post_handle(mailbox, why);
    HF_AUTO(slist_done) struct curl_slist *headers = make_headers(post);
    HF_AUTO_BUF own = HF_BUF_MAX(ANSWER_MAX);
    hf_buf *answer = ret_answer != NULL ? ret_answer : &own;

    if (curl == NULL)
        return hf_fail(error, HF_E_MEMORY, "out of memory");
    (void) curl_easy_setopt(curl, CURLOPT_URL, post->url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (!hf_streq(post->method, "GET")) {
        const char *body = post->body != NULL ? post->body : "";

        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, post->method);
    }
    const CURLcode code = curl_easy_perform(curl);
    return code == CURLE_OK ? judge(curl, answer, error) : hf_post_failed(code, why, error);
}
