/* The answer of Prometheus' /api/v1/query, as far as it is one number. */
#ifndef HF_CHECKS_PROMETHEUS_H
#define HF_CHECKS_PROMETHEUS_H

#include "base/buffer.h"

/* False with the reason; *ret_empty: the query has no series, or no number (NaN: nothing divided by nothing). */
bool hf_prometheus_number(const char *json, size_t len, double *ret_number, bool *ret_empty, hf_buf *why);

#endif
