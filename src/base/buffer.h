/*
 * Byte buffers with a maximum from birth.
 *
 * Appending past the maximum marks the buffer as overflowed and drops the rest; every later append does nothing, so a
 * builder checks once at the end.  The content is always followed by a NUL that is not counted.
 *
 *     HF_AUTO_BUF sql = HF_BUF_MAX(1 << 20);
 *     hf_buf_printf(&sql, "SELECT %d", n);
 *     HF_TRY(hf_buf_check(&sql, "query", error));
 */
#ifndef HF_BASE_BUFFER_H
#define HF_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct hf_buf {
    char *data; /* NULL while empty */
    size_t len;
    size_t capacity;
    size_t max;
    bool overflowed;
} hf_buf;

#define HF_BUF_MAX(max_bytes) ((hf_buf){.max = (max_bytes)})

void hf_buf_append(hf_buf *buf, const void *data, size_t len);
void hf_buf_puts(hf_buf *buf, const char *text);
void hf_buf_putc(hf_buf *buf, char c);
void hf_buf_printf(hf_buf *buf, const char *fmt, ...) HF_PRINTF(2, 3);

/* Make room for len more bytes and return where they go (the caller adds to len itself), or NULL past the maximum. */
char *hf_buf_reserve(hf_buf *buf, size_t len);

/* HF_E_LIMIT, naming `what`, if anything was dropped. */
HF_MUST_CHECK hf_status hf_buf_check(const hf_buf *buf, const char *what, hf_error *error);

const char *hf_buf_text(const hf_buf *buf); /* borrowed; "" while empty */
char *hf_buf_take(hf_buf *buf);             /* the caller owns the text; the buffer is empty again */
void hf_buf_clear(hf_buf *buf);             /* keeps the memory */
void hf_buf_done(hf_buf *buf);

#define HF_AUTO_BUF HF_AUTO(hf_buf_done) hf_buf

#endif
