#include "storage-backends/s3/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/version.h"

#define TROUBLE_MAX (64u << 10)
#define CONNECT_MS 10000
#define STOP_PATIENCE_MS 2000 /* a stop request lets a request that moves come to its end */
#define RETRY_AFTER_MAX_S 60

struct hf_s3_http {
    char *ca_file;
    int64_t stall_ms;
    pthread_mutex_t mutex;
    HF_VECTOR(CURL *) idle; /* guarded by mutex */
};

/* One exchange under way. */
typedef struct transfer {
    const hf_s3_http *http;
    const hf_s3_exchange *exchange;
    CURL *curl;
    hf_s3_answer *answer;
    curl_off_t moved; /* bytes, both ways */
    int64_t moved_ms; /* when the last did */
    bool stalled, stopped, too_large;
} transfer;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    (void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

hf_s3_http *hf_s3_http_new(const char *ca_file, int64_t stall_ms)
{
    hf_s3_http *http = hf_alloc(sizeof(*http));

    (void) pthread_once(&curl_once, start_curl);
    (void) pthread_mutex_init(&http->mutex, NULL);
    http->ca_file = hf_strdup(ca_file);
    http->stall_ms = stall_ms;
    return http;
}

void hf_s3_http_free(hf_s3_http *http)
{
    if (http == NULL)
        return;
    for (size_t i = 0; i < http->idle.count; i++)
        curl_easy_cleanup(http->idle.items[i]);
    free(http->idle.items);
    (void) pthread_mutex_destroy(&http->mutex);
    free(http->ca_file);
    free(http);
}

static CURL *borrow(hf_s3_http *http)
{
    CURL *curl = NULL;

    (void) pthread_mutex_lock(&http->mutex);
    if (http->idle.count > 0)
        curl = http->idle.items[--http->idle.count];
    (void) pthread_mutex_unlock(&http->mutex);
    if (curl == NULL)
        curl = curl_easy_init();
    if (curl == NULL)
        hf_out_of_memory();
    return curl;
}

static void give_back(hf_s3_http *http, CURL *curl)
{
    curl_easy_reset(curl); /* keeps the connection */
    (void) pthread_mutex_lock(&http->mutex);
    HF_PUSH(&http->idle, curl);
    (void) pthread_mutex_unlock(&http->mutex);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    transfer *t = context;
    const size_t len = size * count;
    long status = 0;

    (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299 || t->exchange->content == NULL) {
        const size_t room = TROUBLE_MAX - t->answer->trouble.len;

        hf_buf_append(&t->answer->trouble, data, len < room ? len : room);
        return len;
    }
    hf_buf_append(t->exchange->content, data, len);
    t->too_large = t->exchange->content->overflowed;
    return t->too_large ? 0 : len; /* 0 ends the transfer */
}

/* The value of the header that is called so, into out, else nothing. */
static void take_header(const char *line, size_t len, const char *name, char *out, size_t size)
{
    const size_t name_len = strlen(name);

    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return;
    for (line += name_len + 1, len -= name_len + 1; len > 0 && *line == ' '; line++, len--)
        ;
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
        len--;
    if (len >= size)
        return;
    memcpy(out, line, len);
    out[len] = '\0';
}

static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    hf_s3_answer *answer = ((transfer *) context)->answer;
    const size_t len = size * count;
    char date[64] = "";

    take_header(line, len, "content-type", answer->content_type, sizeof(answer->content_type));
    take_header(line, len, "x-amz-bucket-region", answer->region, sizeof(answer->region));
    take_header(line, len, "date", date, sizeof(date));
    if (date[0] != '\0') {
        const time_t seconds = curl_getdate(date, NULL);

        answer->date_ms = seconds > 0 ? (int64_t) seconds * 1000 : 0;
    }
    return len;
}

static int on_progress(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                       curl_off_t up)
{
    transfer *t = context;
    const int64_t now = hf_monotonic_ms();

    (void) total_down;
    (void) total_up;
    if (down + up != t->moved) {
        t->moved = down + up;
        t->moved_ms = now;
    }
    t->stalled = now - t->moved_ms > t->http->stall_ms;
    t->stopped = !t->stalled && hf_stop_requested() && now - t->moved_ms > STOP_PATIENCE_MS;
    return t->stalled || t->stopped;
}

static void set_options(transfer *t, struct curl_slist *headers, char *message)
{
    const hf_s3_exchange *exchange = t->exchange;
    CURL *curl = t->curl;

    (void) curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void) curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_USERAGENT, "holdfast");
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                            (long) (exchange->connect_ms > 0 ? exchange->connect_ms : CONNECT_MS));
    if (exchange->direct)
        (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) exchange->timeout_ms);
    (void) curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void) curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    if (t->http->ca_file != NULL)
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, t->http->ca_file);

    if (hf_streq(exchange->method, "PUT") ||
        hf_streq(exchange->method, "POST")) { /* not copied; curl rewinds it by itself */
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) exchange->body_len);
        (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, exchange->body_len > 0 ? exchange->body : "");
    }
    if (hf_streq(exchange->method, "HEAD"))
        (void) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, exchange->method);
}

static hf_status judge(const transfer *t, CURLcode code, const char *message, hf_error *error)
{
    const char *why = message[0] != '\0' ? message : curl_easy_strerror(code);

    if (code == CURLE_OK)
        return HF_OK;
    if (t->too_large)
        return hf_fail(error, HF_E_LIMIT, "it is larger than %zu bytes", t->exchange->content->max);
    if (t->stopped)
        return hf_fail(error, HF_E_CANCELLED, "stopped while the storage did not answer");
    if (t->stalled)
        return hf_fail(error, HF_E_STORAGE, "no byte moved for %lld s", (long long) t->http->stall_ms / 1000);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
        (void) hf_fail(error, HF_E_USAGE, "the server's certificate is not trusted: %s", why);
        (void) hf_hint(error, "if the service has a certificate authority of its own, name its file as "
                              "repository.s3.ca_file; the endpoint must be the name in the certificate");
        return HF_E_USAGE;
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return hf_fail(error, HF_E_USAGE, "the endpoint's URL is not understood: %s", why);

    (void) hf_fail(error, HF_E_STORAGE, "no answer: %s", why);
    (void) hf_hint(error, "is repository.s3.endpoint right, and can it be reached from here?");
    return HF_E_STORAGE;
}

static void read_answer(CURL *curl, hf_s3_answer *answer)
{
    curl_off_t length = -1, retry_after = 0;

    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    (void) curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    (void) curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    answer->length = length;
    answer->retry_after_ms = (retry_after > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : retry_after) * 1000;
}

hf_status hf_s3_http_exchange(hf_s3_http *http, const hf_s3_exchange *exchange, hf_s3_answer *ret_answer,
                              hf_error *error)
{
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    hf_s3_answer answer = {.length = -1, .trouble = HF_BUF_MAX(TROUBLE_MAX)};
    transfer t = {.http = http,
                  .exchange = exchange,
                  .curl = borrow(http),
                  .answer = &answer,
                  .moved_ms = hf_monotonic_ms()};

    for (size_t i = 0; i < exchange->headers->count; i++)
        headers = curl_slist_append(headers, exchange->headers->items[i]);
    set_options(&t, headers, message);
    hf_status status = judge(&t, curl_easy_perform(t.curl), message, error);
    read_answer(t.curl, &answer);
    give_back(http, t.curl);
    curl_slist_free_all(headers);
    if (status == HF_OK)
        *ret_answer = answer;
    else
        hf_s3_answer_done(&answer);
    return status;
}

void hf_s3_answer_done(hf_s3_answer *answer)
{
    hf_buf_done(&answer->trouble);
}
