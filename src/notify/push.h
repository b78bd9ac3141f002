/* Metrics to a Pushgateway. */
#ifndef HF_NOTIFY_PUSH_H
#define HF_NOTIFY_PUSH_H

#include "base/buffer.h"
#include "base/error.h"

/*
 * Replace what the gateway has of job "holdfast", or of the group that the URL names (…/metrics/job/NAME/…).  HF_E_USAGE for a URL
 * with a password in it; HF_E_HTTP.
 */
HF_MUST_CHECK hf_status hf_push(const char *url, const hf_buf *metrics, hf_error *error);

#endif
