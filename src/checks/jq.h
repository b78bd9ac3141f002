/*
 * jq expressions over a JSON text, by libjq.
 *
 * An expression holds when it gives at least one value and each of them is neither false nor null.
 */
#ifndef HF_CHECKS_JQ_H
#define HF_CHECKS_JQ_H

#include "base/buffer.h"
#include "base/error.h"

/* HF_E_USAGE with what the compiler says. */
HF_MUST_CHECK hf_status hf_jq_compile(const char *expression, hf_error *error);

/* Whether the expression holds for this JSON document; if not, `why` gets the reason in words. */
bool hf_jq_holds(const char *expression, const char *json, size_t len, hf_buf *why);

/* The first value as a number, or the number in a text; false with the reason. */
bool hf_jq_number(const char *expression, const char *json, size_t len, double *ret_number, hf_buf *why);

#endif
