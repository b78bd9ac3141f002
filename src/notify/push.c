#include "notify/push.h"

#include <curl/curl.h>
#include <string.h>

#include "base/text.h"

#define TIMEOUT_MS 30000L
#define ANSWER_MAX 400

static size_t keep(char *data, size_t size, size_t count, void *context)
{
    hf_buf_append(context, data, size * count);
    return size * count;
}

static hf_status check_url(const char *url, hf_error *error)
{
    const char *rest = strstr(url, "://");

    if (!hf_starts_with(url, "http://") && !hf_starts_with(url, "https://"))
        return hf_fail(error, HF_E_USAGE, "the address to push to must begin with http:// or https://");
    const char *at = strchr(rest + 3, '@');
    if (at == NULL || at > rest + 3 + strcspn(rest + 3, "/"))
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "the address to push to holds a user or a password");
    return hf_hint(error,
                   "arguments are seen by others: let a proxy beside the gateway ask for it, or use --file");
}

hf_status hf_push(const char *url, const hf_buf *metrics, hf_error *error)
{
    HF_TRY(check_url(url, error));
    const size_t len = strlen(url) - hf_ends_with(url, "/");
    HF_AUTO_STR whole = strstr(url, "/metrics/") != NULL
                            ? hf_strdup(url)
                            : hf_format("%.*s/metrics/job/holdfast", (int) len, url);
    HF_AUTO_BUF answer = HF_BUF_MAX(ANSWER_MAX);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: text/plain; version=0.0.4");
    long status = 0;

    if (curl == NULL || headers == NULL)
        hf_out_of_memory();
    curl_easy_setopt(curl, CURLOPT_URL, whole);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, hf_buf_text(metrics));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) metrics->len);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        return hf_fail(error, HF_E_HTTP, "\"%.200s\" cannot be reached: %s", whole, curl_easy_strerror(code));
    if (status < 200 || status > 299)
        return hf_fail(error, HF_E_HTTP, "\"%.200s\" answered %ld: %s", whole, status, hf_buf_text(&answer));
    return HF_OK;
}
