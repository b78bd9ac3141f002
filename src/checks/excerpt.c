#include "checks/excerpt.h"

#include "base/log.h"
#include "base/text.h"

/* The length of the character at text, or 0 if it is none that can be shown. */
static size_t character(const char *text, size_t left)
{
    unsigned char lead = (unsigned char) *text;
    size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;

    return len <= left && hf_is_utf8(text, len) ? len : 0;
}

/* White space and control characters become one space; what is no text becomes "?". */
static void flatten(hf_buf *out, const char *text, size_t len)
{
    bool space = true;

    for (size_t at = 0; at < len;) {
        size_t step = character(text + at, len - at);

        if (step == 1 && ((unsigned char) text[at] <= ' ' || text[at] == 0x7F)) {
            if (!space)
                hf_buf_putc(out, ' ');
            space = true;
        } else if (step == 0) {
            hf_buf_putc(out, '?');
            step = 1;
            space = false;
        } else {
            hf_buf_append(out, text + at, step);
            space = false;
        }
        at += step;
    }
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

static bool is_continuation(char c)
{
    return ((unsigned char) c & 0xC0) == 0x80;
}

void hf_excerpt_head(hf_buf *out, const char *text, size_t len, size_t max)
{
    size_t part = len < 4 * max ? len : 4 * max;
    HF_AUTO_BUF line = HF_BUF_MAX(8 * max + 64);

    flatten(&line, text, part);
    hf_redact(&line);

    size_t keep = line.len < max ? line.len : max;
    while (keep < line.len && keep > 0 && is_continuation(line.data[keep]))
        keep--;
    hf_buf_append(out, hf_buf_text(&line), keep);
    if (keep < line.len || part < len)
        hf_buf_puts(out, "...");
}

void hf_excerpt_tail(hf_buf *out, const char *text, size_t len, size_t max)
{
    size_t part = len < 4 * max ? len : 4 * max;
    HF_AUTO_BUF line = HF_BUF_MAX(8 * max + 64);

    while (part < len && part > 0 && is_continuation(text[len - part]))
        part--;
    flatten(&line, text + len - part, part);
    hf_redact(&line);

    size_t keep = line.len < max ? line.len : max;
    while (keep < line.len && keep > 0 && is_continuation(line.data[line.len - keep]))
        keep--;
    if (keep < line.len || part < len)
        hf_buf_puts(out, "...");
    hf_buf_append(out, hf_buf_text(&line) + line.len - keep, keep);
}
