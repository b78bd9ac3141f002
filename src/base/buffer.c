#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

/* Room for len more bytes and the NUL; len has been checked against the maximum. */
static void make_room(hf_buf *buf, size_t len)
{
    const size_t wanted = buf->len + len + 1;

    if (wanted <= buf->capacity)
        return;

    size_t capacity = buf->capacity > 0 ? buf->capacity : FIRST_CAPACITY;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
    if (capacity - 1 > buf->max)
        capacity = wanted > buf->max ? wanted : buf->max + 1;

    buf->data = hf_realloc_array(buf->data, capacity, 1);
    buf->capacity = capacity;
}

/* How many of len bytes may still be appended; marks the buffer if that is not all of them. */
static size_t allowed(hf_buf *buf, size_t len)
{
    if (buf->overflowed)
        return 0;

    /* One byte below SIZE_MAX, so that the NUL can be counted. */
    const size_t max = buf->max < SIZE_MAX ? buf->max : SIZE_MAX - 1;
    const size_t left = max > buf->len ? max - buf->len : 0;
    if (len <= left)
        return len;
    buf->overflowed = true;
    return left;
}

void hf_buf_append(hf_buf *buf, const void *data, size_t len)
{
    len = allowed(buf, len);
    if (len == 0)
        return;
    make_room(buf, len);
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void hf_buf_puts(hf_buf *buf, const char *text)
{
    hf_buf_append(buf, text, strlen(text));
}

void hf_buf_putc(hf_buf *buf, char c)
{
    hf_buf_append(buf, &c, 1);
}

void hf_buf_printf(hf_buf *buf, const char *fmt, ...)
{
    char small[256];
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), fmt, args);
    if (len >= 0 && (size_t) len < sizeof(small)) {
        hf_buf_append(buf, small, (size_t) len);
    } else {
        char *text = NULL;

        len = vasprintf(&text, fmt, again);
        if (len < 0)
            hf_out_of_memory();
        hf_buf_append(buf, text, (size_t) len);
        free(text);
    }
    va_end(again);
    va_end(args);
}

char *hf_buf_reserve(hf_buf *buf, size_t len)
{
    if (allowed(buf, len) < len || buf->overflowed)
        return NULL;
    make_room(buf, len);
    buf->data[buf->len + len] = '\0';
    return buf->data + buf->len;
}

hf_status hf_buf_check(const hf_buf *buf, const char *what, hf_error *error)
{
    if (buf->overflowed)
        return hf_fail(error, HF_E_LIMIT, "%s is larger than %zu bytes", what, buf->max);
    return HF_OK;
}

/* After hf_buf_reserve() the caller may have added fewer bytes than it asked for. */
static void terminate(const hf_buf *buf)
{
    if (buf->data[buf->len] != '\0')
        buf->data[buf->len] = '\0';
}

const char *hf_buf_text(const hf_buf *buf)
{
    if (buf->data == NULL)
        return "";
    terminate(buf);
    return buf->data;
}

char *hf_buf_take(hf_buf *buf)
{
    char *text = buf->data != NULL ? buf->data : hf_alloc(1);

    text[buf->len] = '\0';
    *buf = HF_BUF_MAX(buf->max);
    return text;
}

void hf_buf_clear(hf_buf *buf)
{
    buf->len = 0;
    buf->overflowed = false;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

void hf_buf_done(hf_buf *buf)
{
    free(buf->data);
    *buf = HF_BUF_MAX(buf->max);
}
