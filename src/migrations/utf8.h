/* UTF-8 as the WHATWG decoder of browsers and Node.js reads it, because Prisma's checksums depend on it. */
#ifndef HF_MIGRATIONS_UTF8_H
#define HF_MIGRATIONS_UTF8_H

#include "base/buffer.h"

/*
 * The length of the character at text (left > 0 bytes), or of the ill-formed bytes there that decode to one U+FFFD;
 * *ret_valid tells which.
 */
size_t hf_utf8_step(const char *text, size_t left, bool *ret_valid);

/* Append text with each ill-formed sequence replaced by U+FFFD; a byte order mark is kept. */
void hf_utf8_replace(hf_buf *out, const char *text, size_t len);

#endif
