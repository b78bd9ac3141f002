#include "migrations/utf8.h"

size_t hf_utf8_step(const char *text, size_t left, bool *ret_valid)
{
    const unsigned char *bytes = (const unsigned char *) text;
    const unsigned char lead = bytes[0];
    unsigned char lowest = 0x80, highest = 0xBF; /* of the second byte */
    size_t need;

    *ret_valid = lead < 0x80;
    if (lead < 0xC2 || lead > 0xF4)
        return 1;
    need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead == 0xE0)
        lowest = 0xA0;
    else if (lead == 0xED)
        highest = 0x9F;
    else if (lead == 0xF0)
        lowest = 0x90;
    else if (lead == 0xF4)
        highest = 0x8F;

    for (size_t i = 1; i < need; i++) {
        if (i >= left || bytes[i] < lowest || bytes[i] > highest)
            return i;
        lowest = 0x80;
        highest = 0xBF;
    }
    *ret_valid = true;
    return need;
}

void hf_utf8_replace(hf_buf *out, const char *text, size_t len)
{
    size_t from = 0; /* start of the well-formed run */

    for (size_t at = 0; at < len;) {
        bool valid;
        size_t step = hf_utf8_step(text + at, len - at, &valid);

        if (!valid) {
            hf_buf_append(out, text + from, at - from);
            hf_buf_puts(out, "\xEF\xBF\xBD");
            from = at + step;
        }
        at += step;
    }
    hf_buf_append(out, text + from, len - from);
}
