/* Foreign text for a message: one line, valid UTF-8, at most so many bytes. */
#ifndef HF_CHECKS_EXCERPT_H
#define HF_CHECKS_EXCERPT_H

#include "base/buffer.h"

/* Append the beginning of text, "..." after it if there is more.  Registered secrets are redacted. */
void hf_excerpt_head(hf_buf *out, const char *text, size_t len, size_t max);

/* Append the end of text, "..." before it if there is more. */
void hf_excerpt_tail(hf_buf *out, const char *text, size_t len, size_t max);

#endif
