/*
 * E-mail by SMTP.  With TLS always, unless the configuration says that a server without a login may be spoken to in the clear.
 * The body and a subject beyond ASCII are base64, so no line of a message is the protocol's.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "notify/kind.h"

#define MAIL_MAX (128u << 10)
#define LINE_BYTES 57 /* 76 characters of base64 */

typedef struct reading {
    const hf_buf *mail;
    size_t at;
} reading;

static void slist_done(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static void put_base64(hf_buf *out, const char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const unsigned a = (unsigned char) text[i], b = left > 1 ? (unsigned char) text[i + 1] : 0,
                       c = left > 2 ? (unsigned char) text[i + 2] : 0;

        hf_buf_putc(out, digits[a >> 2]);
        hf_buf_putc(out, digits[(a & 3) << 4 | b >> 4]);
        hf_buf_putc(out, left > 1 ? digits[(b & 15) << 2 | c >> 6] : '=');
        hf_buf_putc(out, left > 2 ? digits[c & 63] : '=');
    }
}

/* Encoded words hold whole characters, each of at most 75 columns. */
static void put_subject(hf_buf *out, const char *text)
{
    HF_AUTO_STR rest = hf_text_with_suffix(text, "", 200);

    hf_buf_puts(out, "Subject:");
    for (const char *at = rest; *at != '\0';) {
        HF_AUTO_STR word = hf_text_with_suffix(at, "", 42);

        hf_buf_puts(out, at == rest ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?");
        put_base64(out, word, strlen(word));
        hf_buf_puts(out, "?=");
        at += strlen(word);
    }
    hf_buf_puts(out, "\r\n");
}

static void put_date(hf_buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t now = (time_t) (hf_now_ms() / 1000);
    struct tm tm;

    (void) gmtime_r(&now, &tm);
    hf_buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday,
                  months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Messages of one cycle refer to the same one, so that readers show them together. */
static void put_ids(hf_buf *out, const hf_message *message, const char *domain)
{
    char id[33];

    hf_random_hex(16, id);
    hf_buf_printf(out, "Message-ID: <%s@%s>\r\n", id, domain);
    if (message->values[HF_FIELD_CYCLE] != NULL)
        hf_buf_printf(out, "References: <cycle-%s@%s>\r\n", message->values[HF_FIELD_CYCLE], domain);
}

static void write_mail(const hf_notify_config *config, const hf_message *message, hf_buf *out)
{
    const char *text = message->values[HF_FIELD_TEXT];

    hf_buf_printf(out, "From: holdfast <%s>\r\n", config->email.from);
    for (size_t i = 0; i < config->email.to.count; i++)
        hf_buf_printf(out, "%s%s", i == 0 ? "To: " : ",\r\n ", config->email.to.items[i]);
    hf_buf_puts(out, "\r\n");
    put_subject(out, message->values[HF_FIELD_TITLE]);
    put_date(out);
    put_ids(out, message, strchr(config->email.from, '@') + 1);
    hf_buf_puts(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
                     "charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    for (size_t at = 0, len = strlen(text); at < len; at += LINE_BYTES) {
        put_base64(out, text + at, len - at < LINE_BYTES ? len - at : LINE_BYTES);
        hf_buf_puts(out, "\r\n");
    }
}

static size_t on_read(char *data, size_t size, size_t count, void *context)
{
    reading *self = context;
    const size_t left = self->mail->len - self->at;
    const size_t len = left < size * count ? left : size * count;

    memcpy(data, self->mail->data + self->at, len);
    self->at += len;
    return len;
}

static void set_up(CURL *curl, const hf_mailbox *mailbox, const char *url, struct curl_slist *to,
                   reading *mail)
{
    const hf_notify_config *config = mailbox->config;

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_USE_SSL,
                            (long) (config->email.tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    if (config->email.ca_file != NULL)
        (void) curl_easy_setopt(curl, CURLOPT_CAINFO, config->email.ca_file);
    if (config->email.user != NULL) {
        (void) curl_easy_setopt(curl, CURLOPT_USERNAME, config->email.user);
        (void) curl_easy_setopt(curl, CURLOPT_PASSWORD, mailbox->secret);
    }
    (void) curl_easy_setopt(curl, CURLOPT_MAIL_FROM, config->email.from);
    (void) curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    (void) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    (void) curl_easy_setopt(curl, CURLOPT_READDATA, mail);
    (void) curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t) mail->mail->len);
}

hf_status hf_deliver_email(hf_mailbox *mailbox, const hf_letter *letter, hf_error *error)
{
    const hf_notify_config *config = mailbox->config;
    char why[CURL_ERROR_SIZE], host[256] = "";
    HF_AUTO(hf_post_handle_done) CURL *curl = hf_post_handle(mailbox, why);
    HF_AUTO(slist_done) struct curl_slist *to = NULL;
    HF_AUTO_BUF mail = HF_BUF_MAX(MAIL_MAX);
    reading read = {.mail = &mail};
    long answer = 0;

    if (curl == NULL)
        return hf_fail(error, HF_E_MEMORY, "out of memory");
    (void) gethostname(host, sizeof(host) - 1); /* the path of the URL is what EHLO says */
    HF_AUTO_STR url =
        hf_format("%s%s%s", config->email.server, hf_ends_with(config->email.server, "/") ? "" : "/", host);
    for (size_t i = 0; i < config->email.to.count; i++)
        to = curl_slist_append(to, config->email.to.items[i]);
    write_mail(config, &letter->message, &mail);
    HF_TRY(hf_buf_check(&mail, "the message", error));
    set_up(curl, mailbox, url, to, &read);

    const CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        return HF_OK;
    (void) hf_post_failed(code, why, error);
    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
    if (answer >= 500 && answer < 600) /* the server will not have it; 4yz says that it may later */
        error->code = HF_E_HTTP;
    return error->code;
}
