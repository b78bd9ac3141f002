/* Text: parsing of sizes and durations, their display, matching, hexadecimal. */
#ifndef HF_BASE_TEXT_H
#define HF_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

bool hf_streq(const char *a, const char *b); /* two NULLs are equal */
bool hf_starts_with(const char *text, const char *prefix);
bool hf_ends_with(const char *text, const char *suffix);

/* `pattern` with * and ? over the whole of `text`. */
bool hf_glob_match(const char *pattern, const char *text);

/* "500ms", "30s", "5m", "2h", "7d", "1w"; a bare number is seconds.  HF_E_USAGE otherwise. */
HF_MUST_CHECK hf_status hf_parse_duration(const char *text, int64_t *ret_ms, hf_error *error);

/* "4096", "8 KiB", "32MiB", "1 GB"; HF_E_USAGE otherwise. */
HF_MUST_CHECK hf_status hf_parse_size(const char *text, uint64_t *ret_bytes, hf_error *error);

/* A whole number in [min, max] and nothing after it; HF_E_USAGE otherwise. */
HF_MUST_CHECK hf_status hf_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret_value,
                                     hf_error *error);

/* For people, into a caller's array (at least 32 bytes), which is returned: "1.4 GiB", "2m 05s", "1,234,567". */
char *hf_show_size(uint64_t bytes, char out[32]);
char *hf_show_duration(int64_t ms, char out[32]);
char *hf_show_count(uint64_t count, char out[32]);

/* text and suffix, the text cut at a UTF-8 character so that both have at most max bytes.  The caller owns it. */
char *hf_text_with_suffix(const char *text, const char *suffix, size_t max);

void hf_hex(const void *data, size_t len, char *out); /* 2 * len lower-case digits and a NUL */
bool hf_unhex(const char *text, void *out, size_t len); /* exactly 2 * len digits, else false */

/* True if text is well-formed UTF-8 without NUL. */
bool hf_is_utf8(const char *text, size_t len);

/* A random identifier: 2 * bytes hexadecimal digits from the kernel. */
void hf_random_hex(size_t bytes, char *out);

/* A UUID version 4 in lower case into 37 bytes. */
void hf_uuid4(char out[37]);

#endif
