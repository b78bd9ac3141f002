#include "notify/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define CLEAN_INPUT_MAX (64u << 10)

static const struct {
    const char *title;
    bool good;
} events[HF_NOTIFY_EVENTS] = {
    [HF_NOTIFY_START] = {"deploy started", true},
    [HF_NOTIFY_SUCCESS] = {"deployed: migrated and verified", true},
    [HF_NOTIFY_ROLLBACK] = {"ROLLED BACK: the database equals the snapshot", false},
    [HF_NOTIFY_STUCK] = {"STUCK: the way back failed, somebody must look", false},
    [HF_NOTIFY_HELD] = {"HELD: the deploy waits for somebody to decide", false},
    [HF_NOTIFY_REFUSED] = {"deploy refused: nothing was touched", false},
    [HF_NOTIFY_DRIFT] = {"the live schema is not what the migrations make", false},
    [HF_NOTIFY_BACKUP_FAILED] = {"backup FAILED", false},
};

void hf_message_done(hf_message *message)
{
    for (int i = 0; i < HF_FIELDS; i++)
        free(message->values[i]);
    *message = (hf_message){0};
}

/* How many bytes of well-formed UTF-8 begin here; 0: none. */
static size_t character(const char *at)
{
    for (size_t len = 1; len <= 4 && memchr(at, '\0', len) == NULL; len++)
        if (hf_is_utf8(at, len))
            return len;
    return 0;
}

/* Characters that turn the direction of what follows, or break lines, would forge what a reader sees. */
static bool is_steering(const char *at, size_t len)
{
    if (len == 2)
        return (unsigned char) at[0] == 0xc2 && (unsigned char) at[1] < 0xa0;
    return len == 3 && (unsigned char) at[0] == 0xe2 &&
           (((unsigned char) at[1] == 0x80 && (unsigned char) at[2] >= 0xa8 &&
             (unsigned char) at[2] <= 0xae) ||
            ((unsigned char) at[1] == 0x81 && (unsigned char) at[2] >= 0xa6 &&
             (unsigned char) at[2] <= 0xa9));
}

char *hf_message_clean(const char *text, size_t max)
{
    HF_AUTO_BUF raw = HF_BUF_MAX(CLEAN_INPUT_MAX);
    HF_AUTO_BUF clean = HF_BUF_MAX(4 * CLEAN_INPUT_MAX);

    hf_buf_append(&raw, text, strnlen(text, CLEAN_INPUT_MAX - 1));
    hf_redact(&raw); /* before it is cut: half a secret is one, too */
    for (const char *at = hf_buf_text(&raw); *at != '\0';) {
        const size_t len = character(at);

        if (len == 0)
            hf_buf_puts(&clean, "\xef\xbf\xbd");
        else if ((len == 1 && ((unsigned char) *at < ' ' || *at == 0x7f)) || is_steering(at, len))
            hf_buf_putc(&clean, ' ');
        else
            hf_buf_append(&clean, at, len);
        at += len == 0 ? 1 : len;
    }
    const char *cut = strlen(hf_buf_text(&clean)) > max ? "..." : "";
    return hf_text_with_suffix(hf_buf_text(&clean), cut, max);
}

static void set(hf_message *message, hf_field field, const char *text)
{
    if (text != NULL && text[0] != '\0')
        message->values[field] = hf_message_clean(text, HF_MESSAGE_FACT_MAX);
}

bool hf_message_fact(const hf_message *message, size_t index, const char **ret_name, const char **ret_value)
{
    static const struct {
        hf_field field;
        const char *name;
    } order[] = {
        {HF_FIELD_WHY, "why"},           {HF_FIELD_KEPT, "kept"},         {HF_FIELD_NEXT, "next"},
        {HF_FIELD_CONTACTS, "call"},     {HF_FIELD_CYCLE, "cycle"},       {HF_FIELD_TOOK, "took"},
        {HF_FIELD_SNAPSHOT, "snapshot"}, {HF_FIELD_REVISION, "revision"}, {HF_FIELD_OPERATOR, "operator"},
    };

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (message->values[order[i].field] == NULL || index-- > 0)
            continue;
        *ret_name = order[i].name;
        *ret_value = message->values[order[i].field];
        return true;
    }
    return false;
}

static void make_text(hf_message *message)
{
    HF_AUTO_BUF text = HF_BUF_MAX(32u << 10);
    const char *name, *value;

    hf_buf_puts(&text, message->values[HF_FIELD_TITLE]);
    for (size_t i = 0; hf_message_fact(message, i, &name, &value); i++)
        hf_buf_printf(&text, "\n%s: %s", name, value);
    message->values[HF_FIELD_TEXT] = hf_buf_take(&text);
}

void hf_message_make(const hf_notice *notice, const hf_strings *contacts, hf_message *ret_message)
{
    hf_message *message = ret_message;
    HF_AUTO_BUF call = HF_BUF_MAX(HF_MESSAGE_FACT_MAX);
    HF_AUTO_STR title = hf_format("holdfast: %.64s: %s", notice->target != NULL ? notice->target : "",
                                  events[notice->event].title);
    char took[32];

    *message = (hf_message){
        .event = notice->event, .good = events[notice->event].good, .began_ms = notice->began_ms};
    for (size_t i = 0; i < contacts->count; i++)
        hf_buf_printf(&call, "%s%s", i == 0 ? "" : ", ", contacts->items[i]);
    set(message, HF_FIELD_EVENT, hf_notify_event_names[notice->event]);
    set(message, HF_FIELD_TITLE, title);
    set(message, HF_FIELD_TARGET, notice->target);
    set(message, HF_FIELD_CYCLE, notice->cycle);
    set(message, HF_FIELD_TOOK, notice->took_ms < 0 ? NULL : hf_show_duration(notice->took_ms, took));
    set(message, HF_FIELD_WHY, notice->why);
    set(message, HF_FIELD_KEPT, notice->kept);
    set(message, HF_FIELD_NEXT, notice->next);
    set(message, HF_FIELD_CONTACTS, hf_buf_text(&call));
    set(message, HF_FIELD_SNAPSHOT, notice->snapshot);
    set(message, HF_FIELD_REVISION, notice->revision);
    set(message, HF_FIELD_OPERATOR, notice->operator);
    make_text(message);
}

void hf_message_make_test(hf_message *ret_message)
{
    *ret_message = (hf_message){.good = true};
    set(ret_message, HF_FIELD_EVENT, "test");
    set(ret_message, HF_FIELD_TITLE, "holdfast: a test message");
    set(ret_message, HF_FIELD_NEXT, "nothing: nothing has happened");
    make_text(ret_message);
}
