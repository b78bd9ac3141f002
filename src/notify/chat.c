/*
 * Chat services.  The facts go where the service reads no markup (Teams' text runs, Slack's attachment without mrkdwn), or every
 * character that could be markup is escaped (Discord); nobody is called by a text from outside.
 */
#include <string.h>

#include "base/text.h"
#include "notify/kind.h"

#define RED 0xd32f2f
#define GREEN 0x388e3c

/* Slack wants these three as entities in every text; "<!channel>" is thereby a text. */
static char *for_slack(const char *text)
{
    HF_AUTO_BUF out = HF_BUF_MAX(64u << 10);

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '&')
            hf_buf_puts(&out, "&amp;");
        else if (*at == '<')
            hf_buf_puts(&out, "&lt;");
        else if (*at == '>')
            hf_buf_puts(&out, "&gt;");
        else
            hf_buf_putc(&out, *at);
    }
    return hf_strdup(hf_buf_text(&out));
}

/* A backslash before whatever is neither a letter, a digit nor a blank makes it a plain character. */
static void escape_discord(hf_buf *out, const char *text, size_t max)
{
    for (const char *at = text; *at != '\0' && out->len < max; at++) {
        if (strchr("\\*_~`|>#[](){}<@:-+.!", *at) != NULL)
            hf_buf_putc(out, '\\');
        hf_buf_putc(out, *at);
    }
}

static json_t *make_slack(const hf_message *message)
{
    HF_AUTO_STR title = for_slack(message->values[HF_FIELD_TITLE]);
    HF_AUTO_BUF facts = HF_BUF_MAX(32u << 10);
    const char *name, *value;

    for (size_t i = 0; hf_message_fact(message, i, &name, &value); i++)
        hf_buf_printf(&facts, "%s%s: %s", i == 0 ? "" : "\n", name, value);
    HF_AUTO_STR text = for_slack(hf_buf_text(&facts));
    return json_pack("{s:s, s:b, s:[{s:s, s:s, s:s, s:[]}]}", "text", title, "mrkdwn", 0, "attachments",
                     "fallback", title, "color", message->good ? "good" : "danger", "text", text,
                     "mrkdwn_in");
}

static json_t *make_discord(const hf_message *message)
{
    HF_AUTO_BUF title = HF_BUF_MAX(600);
    HF_AUTO_BUF facts = HF_BUF_MAX(8000);
    const char *name, *value;

    escape_discord(&title, message->values[HF_FIELD_TITLE], 250);
    for (size_t i = 0; hf_message_fact(message, i, &name, &value) && facts.len < 4000; i++) {
        hf_buf_printf(&facts, "%s**%s** ", i == 0 ? "" : "\n", name);
        escape_discord(&facts, value, facts.len + 1000);
    }
    /* the service takes 4,096 characters */
    HF_AUTO_STR text = hf_text_with_suffix(hf_buf_text(&facts), "", 4000);
    return json_pack("{s:s, s:[{s:s, s:i, s:s}], s:{s:[]}}", "content", "", "embeds", "title",
                     hf_buf_text(&title), "color", message->good ? GREEN : RED, "description", text,
                     "allowed_mentions", "parse");
}

static json_t *make_teams(const hf_message *message)
{
    json_t *body = json_array();
    const char *name, *value;

    json_array_append_new(body, json_pack("{s:s, s:[{s:s, s:s, s:s, s:s, s:s}]}", "type", "RichTextBlock",
                                          "inlines", "type", "TextRun", "text",
                                          message->values[HF_FIELD_TITLE], "weight", "bolder", "size",
                                          "medium", "color", message->good ? "good" : "attention"));
    for (size_t i = 0; hf_message_fact(message, i, &name, &value); i++) {
        HF_AUTO_STR label = hf_format("%s: ", name);

        json_array_append_new(body, json_pack("{s:s, s:[{s:s, s:s, s:s}, {s:s, s:s}]}", "type",
                                              "RichTextBlock", "inlines", "type", "TextRun", "text", label,
                                              "weight", "bolder", "type", "TextRun", "text", value));
    }
    return json_pack("{s:s, s:[{s:s, s:n, s:{s:s, s:s, s:s, s:o}}]}", "type", "message", "attachments",
                     "contentType", "application/vnd.microsoft.card.adaptive", "contentUrl", "content",
                     "$schema", "http://adaptivecards.io/schemas/adaptive-card.json", "type", "AdaptiveCard",
                     "version", "1.4", "body", body);
}

hf_status hf_deliver_chat(hf_mailbox *mailbox, const hf_letter *letter, hf_error *error)
{
    json_t *json = mailbox->config->kind == HF_NOTIFY_SLACK     ? make_slack(&letter->message)
                   : mailbox->config->kind == HF_NOTIFY_DISCORD ? make_discord(&letter->message)
                                                                : make_teams(&letter->message);
    HF_AUTO_STR body = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    if (body == NULL)
        return hf_fail(error, HF_E_MEMORY, "out of memory");
    return hf_post_send(
        mailbox,
        &(hf_post){
            .method = "POST", .url = mailbox->secret, .content_type = "application/json", .body = body},
        NULL, error);
}
