/* Inside the folder: one message as its texts, by field of config/template.h, and as lines of facts. */
#ifndef HF_NOTIFY_MESSAGE_H
#define HF_NOTIFY_MESSAGE_H

#include "config/template.h"
#include "notify/notify.h"

#define HF_MESSAGE_FACT_MAX 1500 /* bytes of one fact */

typedef struct hf_message {
    hf_notify_event event;
    bool good; /* nobody needs to act */
    int64_t began_ms;
    char *values
        [HF_FIELDS]; /* clean: UTF-8, bounded, redacted, one line each but TEXT and CONTACTS; NULL: none */
} hf_message;
void hf_message_done(hf_message *message);

void hf_message_make(const hf_notice *notice, const hf_strings *contacts, hf_message *ret_message);
void hf_message_make_test(hf_message *ret_message);

/* The facts under the title, in the order in which they are shown: false behind the last. */
bool hf_message_fact(const hf_message *message, size_t index, const char **ret_name, const char **ret_value);

/* Foreign bytes as one line of valid UTF-8, redacted, of at most max bytes; the caller owns it. */
char *hf_message_clean(const char *text, size_t max);

#endif
