/*
 * One HTTP request and its answer, by libcurl.
 *
 * It goes where the URL says: proxies of the environment are not used, and redirects are followed only when asked for, at
 * most 10, within http and https.  A redirect to another server gets none of the configured headers, which may be secrets.
 * Bounded: a body of 4 MiB.
 */
#ifndef HF_CHECKS_REQUEST_H
#define HF_CHECKS_REQUEST_H

#include "base/buffer.h"
#include "config/config.h"

typedef struct hf_request {
    const hf_request_config *config;
    const char *url;    /* instead of config's; NULL: that */
    const char *method; /* NULL: GET */
    const char *body;   /* NULL: none */
    bool follow;
    int64_t timeout_ms;
} hf_request;

typedef struct hf_answer {
    long status;
    int64_t took_ms;
    hf_buf body;
    hf_strings sent; /* header lines, of which the values are hidden */
    unsigned redirects;
} hf_answer;
void hf_answer_done(hf_answer *answer); /* cleanses what was sent */

/* HF_E_USAGE: a header's secret cannot be had; HF_E_HTTP: no answer, or one that is too large; HF_E_CANCELLED. */
HF_MUST_CHECK hf_status hf_request_make(const hf_request *request, hf_answer *ret_answer, hf_error *error);

/* Whether the secrets in the headers can be had. */
HF_MUST_CHECK hf_status hf_request_check(const hf_request_config *config, hf_error *error);

/* Replace header values by "***", for a server may echo them. */
void hf_answer_hide(const hf_answer *answer, hf_buf *text);

/* ": " and the beginning of the body, with header values hidden; nothing for an empty one. */
void hf_answer_show_body(const hf_answer *answer, hf_buf *out);

#endif
