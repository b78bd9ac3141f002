/* The state of a repository's targets as Prometheus reads it (text format 0.0.4). */
#ifndef HF_DEPLOY_METRICS_H
#define HF_DEPLOY_METRICS_H

#include "base/buffer.h"
#include "config/config.h"
#include "repository/repository.h"

#define HF_METRICS_MAX_BYTES (4u << 20)

/*
 * Append every metric of every target: each name once, with HELP and TYPE, then its samples.  Times are those of events, so that a file that
 * nobody renews grows old by itself.
 */
HF_MUST_CHECK hf_status hf_metrics_write(const hf_config *config, hf_repository *repository, hf_buf *out,
                                         hf_error *error);

/* A label's value between its quotes. */
void hf_metrics_label(hf_buf *out, const char *text);

#endif
