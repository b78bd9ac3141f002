/*
 * One issue a cycle, and one open issue a target for drift.
 *
 * It is found again by a marker in its body, among those that changed since the cycle began (or are open).  A try that got no answer
 * may have made the issue; the next one finds it.  The message stands in a block of code, where nothing is markup and nobody is called.
 */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "notify/kind.h"

#define PAGES 3
#define PAGE_ITEMS 100
#define LIST_MAX (16u << 20)
#define TITLE_MAX 250

static hf_status call(hf_mailbox *mailbox, const char *method, const char *path, const json_t *body,
                      json_t **ret_answer, hf_error *error)
{
    HF_AUTO_STR url = hf_format("%s/repos/%s/issues%s", mailbox->config->github.api,
                                mailbox->config->github.repository, path);
    HF_AUTO_STR authorization = hf_format("Bearer %s", mailbox->secret);
    HF_AUTO_STR text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    HF_AUTO(hf_strings_done) hf_strings headers = {0};
    HF_AUTO_BUF answer = HF_BUF_MAX(LIST_MAX);
    json_error_t why;

    hf_strings_add(&headers, "Accept: application/vnd.github+json");
    hf_strings_add(&headers, "X-GitHub-Api-Version: 2022-11-28");
    hf_status status = hf_post_send(mailbox,
                                    &(hf_post){.method = method,
                                               .url = url,
                                               .content_type = text != NULL ? "application/json" : NULL,
                                               .body = text,
                                               .authorization = authorization,
                                               .headers = &headers},
                                    &answer, error);
    explicit_bzero(authorization, strlen(authorization));
    HF_TRY(status);
    *ret_answer = json_loadb(hf_buf_text(&answer), answer.len, 0, &why);
    if (*ret_answer == NULL)
        return hf_fail(error, HF_E_HTTP, "the answer is no JSON: %.100s", why.text);
    return HF_OK;
}

/* The issue's number, 0: there is none. */
static hf_status find(hf_mailbox *mailbox, const hf_message *message, const char *marker,
                      json_int_t *ret_number, hf_error *error)
{
    char since[32];

    for (int page = 1; page <= PAGES; page++) {
        HF_AUTO_STR path =
            message->began_ms > 0
                ? hf_format("?state=all&per_page=%d&page=%d&since=%s", PAGE_ITEMS, page,
                            hf_time_format(message->began_ms - message->began_ms % 1000, since))
                : hf_format("?state=open&per_page=%d&page=%d&sort=updated", PAGE_ITEMS, page);
        json_t *list = NULL, *issue;
        size_t i;

        HF_TRY(call(mailbox, "GET", path, NULL, &list, error));
        const size_t count = json_array_size(list);
        json_array_foreach(list, i, issue)
        {
            const char *body = json_string_value(json_object_get(issue, "body"));

            if (*ret_number == 0 && body != NULL && strstr(body, marker) != NULL)
                *ret_number = json_integer_value(json_object_get(issue, "number"));
        }
        json_decref(list);
        if (*ret_number != 0 || count < PAGE_ITEMS)
            break;
    }
    return HF_OK;
}

/* A block of code whose fence is longer than any in the text. */
static void put_block(hf_buf *out, const char *text)
{
    size_t longest = 0, run = 0;

    for (const char *at = text; *at != '\0'; at++) {
        run = *at == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    const size_t fence = longest < 3 ? 3 : longest + 1;
    for (size_t i = 0; i < fence; i++)
        hf_buf_putc(out, '`');
    hf_buf_printf(out, "text\n%s\n", text);
    for (size_t i = 0; i < fence; i++)
        hf_buf_putc(out, '`');
}

static hf_status update(hf_mailbox *mailbox, const hf_message *message, json_int_t number, json_t *issue,
                        const char *block, hf_error *error)
{
    HF_AUTO_STR path = hf_format("/%lld", (long long) number);
    HF_AUTO_STR comments = hf_format("/%lld/comments", (long long) number);
    json_t *answer = NULL;

    HF_TRY(call(mailbox, "PATCH", path, issue, &answer, error));
    json_decref(answer);
    if (message->began_ms == 0) /* drift, night after night: the body is enough */
        return HF_OK;
    json_t *comment = json_pack("{s:s}", "body", block);
    answer = NULL;
    hf_status status = call(mailbox, "POST", comments, comment, &answer, error);
    json_decref(comment);
    json_decref(answer);
    return status;
}

static hf_status create(hf_mailbox *mailbox, json_t *issue, hf_error *error)
{
    const hf_strings *labels = &mailbox->config->github.labels;
    json_t *answer = NULL, *list = json_array();

    for (size_t i = 0; i < labels->count; i++)
        json_array_append_new(list, json_string(labels->items[i]));
    json_object_set_new(issue, "labels", list);
    hf_status status = call(mailbox, "POST", "", issue, &answer, error);
    json_decref(answer);
    return status;
}

/* A test makes no issue: it looks whether the repository can be read with the token. */
static hf_status try_out(hf_mailbox *mailbox, hf_error *error)
{
    json_t *answer = NULL;
    hf_status status = call(mailbox, "GET", "?per_page=1", NULL, &answer, error);

    json_decref(answer);
    return status;
}

hf_status hf_deliver_github(hf_mailbox *mailbox, const hf_letter *letter, hf_error *error)
{
    const hf_message *message = &letter->message;
    const char *cycle = message->values[HF_FIELD_CYCLE], *target = message->values[HF_FIELD_TARGET];
    json_int_t number = 0;

    if (letter->test)
        return try_out(mailbox, error);
    HF_AUTO_STR marker =
        hf_format("<!-- holdfast: %s %s -->", cycle != NULL ? cycle : message->values[HF_FIELD_EVENT],
                  target != NULL ? target : "");
    HF_AUTO_BUF block = HF_BUF_MAX(64u << 10);
    HF_AUTO_STR title = hf_text_with_suffix(message->values[HF_FIELD_TITLE], "", TITLE_MAX);

    put_block(&block, message->values[HF_FIELD_TEXT]);
    HF_TRY(hf_buf_check(&block, "the message", error));
    HF_TRY(find(mailbox, message, marker, &number, error));
    HF_AUTO_STR body = hf_format("%s\n%s\n", marker, hf_buf_text(&block));
    json_t *issue = json_pack("{s:s, s:s}", "title", title, "body", body);
    hf_status status = number != 0 ? update(mailbox, message, number, issue, hf_buf_text(&block), error)
                                   : create(mailbox, issue, error);
    json_decref(issue);
    return status;
}
