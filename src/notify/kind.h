/* Inside the folder: a destination, a letter to it, and how each kind delivers one. */
#ifndef HF_NOTIFY_KIND_H
#define HF_NOTIFY_KIND_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "notify/message.h"

/* What a destination needs to know beside its configuration; read in its own thread. */
typedef struct hf_mailbox {
    const hf_notify_config *config;
    char *secret;         /* the URL; the password of e-mail; the token of GitHub */
    char *second;         /* webhook: the Authorization header; NULL: none */
    hf_error error;       /* of reading them */
    atomic_bool given_up; /* end the request under way */
} hf_mailbox;

typedef struct hf_letter {
    hf_message message;
    bool test;
    bool is_ping;
    hf_ping ping;
    char run[37]; /* ping: a UUID, the same for the start and the end of a run */
    char *body;   /* ping: the end of the log, or NULL */
} hf_letter;

/* One try.  HF_E_HTTP: it is permanent; HF_E_TIMEOUT: worth another try, not before error->retry_after_ms. */
typedef hf_status hf_deliver(hf_mailbox *mailbox, const hf_letter *letter, hf_error *error);

hf_deliver hf_deliver_chat; /* slack, discord, teams */
hf_deliver hf_deliver_webhook;
hf_deliver hf_deliver_ping;
hf_deliver hf_deliver_email;
hf_deliver hf_deliver_github;

typedef struct hf_post {
    const char *method; /* "POST" */
    const char *url;
    const char *content_type; /* NULL: no body */
    const char *body;
    const char *authorization; /* the header's value, or NULL */
    const hf_strings *headers; /* "Name: value", or NULL */
} hf_post;

/* One request; a status other than 2xx is an error.  The answer is appended to `ret_answer`, which may be NULL. */
HF_MUST_CHECK hf_status hf_post_send(hf_mailbox *mailbox, const hf_post *post, hf_buf *ret_answer,
                                     hf_error *error);

/* A handle with the limits and habits of all requests, or NULL.  `why` has CURL_ERROR_SIZE bytes. */
CURL *hf_post_handle(hf_mailbox *mailbox, char *why);
void hf_post_handle_done(CURL **curl);

/* What a request that libcurl ended means. */
hf_status hf_post_failed(CURLcode code, const char *why, hf_error *error);

#endif
