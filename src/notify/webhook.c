/* Any service that takes a request: what is sent is the template's matter; and dead-man's switches, which count requests. */
#include <string.h>

#include "base/text.h"
#include "notify/kind.h"

#define BODY_MAX (256u << 10)

/* Without a template: every field that there is. */
static void put_all_fields(const hf_message *message, hf_notify_format format, hf_buf *out)
{
    bool first = true;

    if (format == HF_NOTIFY_TEXT) {
        hf_buf_puts(out, message->values[HF_FIELD_TEXT]);
        return;
    }
    hf_buf_puts(out, format == HF_NOTIFY_JSON ? "{" : "");
    for (int i = 0; i < HF_FIELDS; i++) {
        if (message->values[i] == NULL)
            continue;
        if (format == HF_NOTIFY_JSON)
            hf_buf_printf(out, "%s\"%s\": \"", first ? "" : ", ", hf_field_names[i]);
        else
            hf_buf_printf(out, "%s%s=", first ? "" : "&", hf_field_names[i]);
        hf_template_escape(message->values[i], format, out);
        hf_buf_puts(out, format == HF_NOTIFY_JSON ? "\"" : "");
        first = false;
    }
    hf_buf_puts(out, format == HF_NOTIFY_JSON ? "}" : "");
}

hf_status hf_deliver_webhook(hf_mailbox *mailbox, const hf_letter *letter, hf_error *error)
{
    static const char *const types[] = {
        [HF_NOTIFY_JSON] = "application/json",
        [HF_NOTIFY_FORM] = "application/x-www-form-urlencoded",
        [HF_NOTIFY_TEXT] = "text/plain; charset=utf-8",
    };
    const hf_notify_config *config = mailbox->config;
    HF_AUTO_BUF body = HF_BUF_MAX(BODY_MAX);

    if (config->webhook.template != NULL)
        hf_template_fill(config->webhook.template, config->webhook.format,
                         (const char *const *) letter->message.values, &body);
    else
        put_all_fields(&letter->message, config->webhook.format, &body);
    HF_TRY(hf_buf_check(&body, "the message", error));
    return hf_post_send(mailbox,
                        &(hf_post){.method = "POST",
                                   .url = mailbox->secret,
                                   .content_type = types[config->webhook.format],
                                   .body = hf_buf_text(&body),
                                   .authorization = mailbox->second,
                                   .headers = &config->webhook.headers},
                        NULL, error);
}

/* "https://host/uuid?x=1" and "/start": https://host/uuid/start?x=1&rid=<run> */
hf_status hf_deliver_ping(hf_mailbox *mailbox, const hf_letter *letter, hf_error *error)
{
    static const char *const paths[] = {
        [HF_PING_START] = "/start", [HF_PING_SUCCESS] = "", [HF_PING_FAIL] = "/fail"};
    const char *url = mailbox->secret;
    size_t base = strcspn(url, "?#");
    const char *query = url[base] == '?' ? url + base + 1 : "";
    const int query_len = (int) strcspn(query, "#");

    while (base > 0 && url[base - 1] == '/')
        base--;
    /* a test must not make a check look well */
    HF_AUTO_STR full =
        hf_format("%.*s%s?%.*s%srid=%s", (int) base, url, letter->test ? "/log" : paths[letter->ping],
                  query_len, query, query_len > 0 ? "&" : "", letter->run);
    hf_status status = hf_post_send(mailbox,
                                    &(hf_post){.method = "POST",
                                               .url = full,
                                               .content_type = "text/plain; charset=utf-8",
                                               .body = letter->body != NULL ? letter->body : ""},
                                    NULL, error);
    explicit_bzero(full, strlen(full));
    return status;
}
