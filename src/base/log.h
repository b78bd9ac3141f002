/*
 * Log lines for people, on stderr, one a call: time, level, message.  Only cli/ and deploy/ log.  Texts of secrets that
 * were registered with hf_log_redact() are replaced by "***" in every line, also in hf_redact()ed text.
 */
#ifndef HF_BASE_LOG_H
#define HF_BASE_LOG_H

#include "base/buffer.h"
#include "base/error.h"

typedef enum hf_log_level { HF_LOG_ERROR, HF_LOG_WARNING, HF_LOG_INFO, HF_LOG_DEBUG } hf_log_level;

void hf_log_set_level(hf_log_level level); /* lines above it are dropped; default INFO */
void hf_log(hf_log_level level, const char *fmt, ...) HF_PRINTF(2, 3);

/* Log an error with its hint, unless both were logged as an error before. */
void hf_log_error(const hf_error *error);

/* From now on this text (4 bytes or more) is never shown.  Thread-safe; the text is copied. */
void hf_log_redact(const char *secret);

/* Replace registered secrets in place. */
void hf_redact(hf_buf *text);

/* Append the last lines that were written, at most 8 KiB of whole ones. */
void hf_log_tail(hf_buf *out);

/* A hook called before and after a line is written, so that a progress display can step aside.  NULL removes it. */
void hf_log_set_hook(void (*around)(bool before));

#endif
