#include "base/markdown.h"

#include <string.h>

void hf_markdown_text(hf_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("\\`*_[]<>|#~&!@", *c) != NULL)
            hf_buf_putc(out, '\\');
        hf_buf_putc(out, *c == '\n' || *c == '\r' ? ' ' : *c);
    }
}

static size_t longest_run(const char *text)
{
    size_t longest = 0, run = 0;

    for (const char *c = text; *c != '\0'; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void put_ticks(hf_buf *out, size_t count)
{
    while (count-- > 0)
        hf_buf_putc(out, '`');
}

void hf_markdown_code(hf_buf *out, const char *text)
{
    const size_t ticks = longest_run(text) + 1;
    const size_t len = strlen(text);

    if (len == 0)
        return;
    put_ticks(out, ticks);
    if (text[0] == '`')
        hf_buf_putc(out, ' ');
    for (const char *c = text; *c != '\0'; c++)
        hf_buf_putc(out, *c == '\n' || *c == '\r' ? ' ' : *c);
    if (text[len - 1] == '`')
        hf_buf_putc(out, ' ');
    put_ticks(out, ticks);
}

void hf_markdown_block(hf_buf *out, const char *language, const char *text)
{
    const size_t longest = longest_run(text), ticks = longest < 3 ? 3 : longest + 1;
    const size_t len = strlen(text);

    if (len == 0)
        return;
    put_ticks(out, ticks);
    hf_buf_printf(out, "%s\n%s%s", language, text, text[len - 1] == '\n' ? "" : "\n");
    put_ticks(out, ticks);
    hf_buf_puts(out, "\n\n");
}
