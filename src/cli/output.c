#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define WRAP_MIN 20 /* columns; text in fewer is left to the terminal */
#define OUTPUT_MAX_BYTES ((size_t) 1 << 30)

static bool write_failed;
static int write_errno;

static void write_out(const char *data, size_t len)
{
    if (fwrite(data, 1, len, stdout) != len && !write_failed) {
        write_failed = true;
        write_errno = errno;
    }
}

/* Also the C1 control characters, which are two bytes in UTF-8: 0xC2 0x80 to 0xC2 0x9F. */
static void replace_controls(char *text)
{
    for (unsigned char *at = (unsigned char *) text; *at != '\0'; at++) {
        if ((*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
            at[0] = at[1] = '?';
    }
}

static char *format_text(const char *fmt, va_list args) HF_PRINTF(1, 0);

static char *format_text(const char *fmt, va_list args)
{
    hf_buf buf = HF_BUF_MAX(OUTPUT_MAX_BYTES);
    char *text = NULL;

    if (vasprintf(&text, fmt, args) < 0)
        return hf_strdup("");
    replace_controls(text);
    hf_buf_puts(&buf, text);
    free(text);
    hf_redact(&buf);
    text = hf_buf_take(&buf);
    return text == NULL ? hf_strdup("") : text;
}

void hf_out(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    HF_AUTO_STR text = format_text(fmt, args);
    va_end(args);
    write_out(text, strlen(text));
}

void hf_out_fact(const char *name, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    HF_AUTO_STR text = format_text(fmt, args);
    va_end(args);
    hf_out("  %-14s %s\n", name, text);
}

static bool with_colour(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && term != NULL && !hf_streq(term, "dumb");
}

void hf_out_mark(hf_mark mark, const char *fmt, ...)
{
    static const struct {
        const char *word, *colour;
    } marks[] = {
        [HF_MARK_GOOD] = {"ok  ", "\033[32m"},
        [HF_MARK_WARNING] = {"warn", "\033[33m"},
        [HF_MARK_BAD] = {"FAIL", "\033[1;31m"},
        [HF_MARK_SKIPPED] = {"skip", "\033[2m"},
    };
    bool colour = with_colour();
    va_list args;

    va_start(args, fmt);
    HF_AUTO_STR text = format_text(fmt, args);
    va_end(args);
    HF_AUTO_STR line = hf_format("%s%s%s  %s\n", colour ? marks[mark].colour : "", marks[mark].word,
                                 colour ? "\033[0m" : "", text);
    write_out(line, strlen(line));
    (void) fflush(stdout); /* a list of marks grows while one waits for it */
}

/* In the tree, not in its text: there a secret may be escaped, and a short one could be part of the notation. */
static json_t *redacted(const json_t *json)
{
    size_t i;
    json_t *item;
    const char *key;

    if (json_is_string(json)) {
        HF_AUTO_BUF text = HF_BUF_MAX(OUTPUT_MAX_BYTES);

        hf_buf_puts(&text, json_string_value(json));
        hf_redact(&text);
        return hf_json_text(hf_buf_text(&text));
    }
    if (json_is_array(json)) {
        json_t *copy = json_array();

        json_array_foreach(json, i, item) json_array_append_new(copy, redacted(item));
        return copy;
    }
    if (json_is_object(json)) {
        json_t *copy = json_object();

        json_object_foreach((json_t *) json, key, item) json_object_set_new(copy, key, redacted(item));
        return copy;
    }
    return json_deep_copy(json);
}

void hf_out_json(const json_t *document)
{
    json_t *clean = redacted(document);
    char *text = json_dumps(clean, JSON_INDENT(2) | JSON_REAL_PRECISION(15));

    json_decref(clean);
    if (text ==
        NULL) { /* only for want of memory: jansson refuses texts that are not UTF-8 when they are made */
        write_failed = true;
        write_errno = ENOMEM;
        return;
    }
    write_out(text, strlen(text));
    write_out("\n", 1);
    free(text);
}

json_t *hf_out_error_json(const hf_error *error)
{
    return json_pack("{s:s, s:i, s:o, s:o, s:o}", "code", hf_status_name(error->code), "exit_status",
                     hf_status_exit(error->code), "message", hf_json_text(error->message), "hint",
                     error->hint[0] == '\0' ? json_null() : hf_json_text(error->hint), "sqlstate",
                     error->sqlstate[0] == '\0' ? json_null() : hf_json_text(error->sqlstate));
}

bool hf_out_flush(void)
{
    if (fflush(stdout) != 0 && !write_failed) {
        write_failed = true;
        write_errno = errno;
    }
    errno = write_errno;
    return !write_failed;
}

/* Combining marks take no column; East Asian wide characters and emoji take two.  The rest takes one. */
static size_t columns_of(uint32_t c)
{
    static const struct {
        uint32_t first, last;
        size_t columns;
    } ranges[] = {
        {0x0300, 0x036f, 0},   {0x200b, 0x200f, 0}, {0xfe00, 0xfe0f, 0},   {0x1100, 0x115f, 2},
        {0x2e80, 0xa4cf, 2},   {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},
        {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f9ff, 2},
        {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].columns;
    return 1;
}

/* One character, as far as it is UTF-8. */
static uint32_t next_char(const char **text)
{
    const unsigned char *at = (const unsigned char *) *text;
    uint32_t c = *at++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

    c = more == 3 ? c & 0x07 : more == 2 ? c & 0x0f : more == 1 ? c & 0x1f : c;
    for (; more > 0 && (*at & 0xc0) == 0x80; more--)
        c = c << 6 | (*at++ & 0x3f);
    *text = (const char *) at;
    return c;
}

size_t hf_text_columns(const char *text)
{
    size_t columns = 0;

    while (*text != '\0')
        columns += columns_of(next_char(&text));
    return columns;
}

/* The bytes from the beginning that need at most so many columns. */
static size_t fitting(const char *text, size_t columns)
{
    const char *at = text;

    for (size_t used = 0; *at != '\0';) {
        const char *next = at;

        used += columns_of(next_char(&next));
        if (used > columns)
            break;
        at = next;
    }
    return (size_t) (at - text);
}

size_t hf_out_columns(void)
{
    struct winsize size = {0};

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void hf_out_wrapped(size_t indent, const char *text)
{
    const size_t columns = hf_out_columns();

    while (columns >= indent + WRAP_MIN && hf_text_columns(text) > columns - indent) {
        size_t len = fitting(text, columns - indent), end = len;

        while (end > 0 && text[end] != ' ')
            end--;
        end = end > 0 ? end : len;
        hf_out("%.*s\n%*s", (int) end, text, (int) indent, "");
        text += end + (text[end] == ' ');
    }
    hf_out("%s\n", text);
}

void hf_grid_cell(hf_grid *grid, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    HF_AUTO_STR text = format_text(fmt, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    hf_strings_add(&grid->cells, text);
}

static const char *cell_at(const hf_grid *grid, size_t row, size_t column)
{
    return row == 0 ? grid->titles[column] : grid->cells.items[(row - 1) * grid->columns + column];
}

void hf_grid_print(const hf_grid *grid, int indent)
{
    size_t rows = grid->cells.count / grid->columns + 1, width = hf_out_columns();

    for (size_t row = 0; row < rows; row++) {
        HF_AUTO_BUF line = HF_BUF_MAX(OUTPUT_MAX_BYTES);

        hf_buf_printf(&line, "%*s", indent, "");
        for (size_t column = 0; column < grid->columns; column++) {
            size_t widest = 0;
            const char *text = cell_at(grid, row, column);

            for (size_t i = 0; i < rows; i++) {
                size_t cell = hf_text_columns(cell_at(grid, i, column));

                widest = cell > widest ? cell : widest;
            }
            int pad = (int) (widest - hf_text_columns(text));
            bool last = column + 1 == grid->columns;
            if (last && text[0] == '\0')
                continue;
            if (grid->align[column] == 'r')
                hf_buf_printf(&line, "%s%*s%s", column > 0 ? "  " : "", pad, "", text);
            else
                hf_buf_printf(&line, "%s%s%*s", column > 0 ? "  " : "", text, last ? 0 : pad, "");
        }
        if (width > 0 && hf_text_columns(hf_buf_text(&line)) > width)
            hf_out("%.*s…\n", (int) fitting(hf_buf_text(&line), width - 1), hf_buf_text(&line));
        else
            hf_out("%s\n", hf_buf_text(&line));
    }
}

void hf_grid_done(hf_grid *grid)
{
    hf_strings_done(&grid->cells);
}

char *hf_show_time(int64_t time_ms, char out[32])
{
    char text[32];

    hf_time_format(time_ms, text);
    snprintf(out, 32, "%.10s %.8s UTC", text, text + 11);
    return out;
}

char *hf_show_age(int64_t time_ms, char out[48])
{
    const int64_t seconds = (hf_now_ms() - time_ms) / 1000;

    if (seconds < 0)
        snprintf(out, 48, "in the future");
    else if (seconds < 120)
        snprintf(out, 48, "%lld s ago", (long long) seconds);
    else if (seconds < 2 * 3600)
        snprintf(out, 48, "%lld min ago", (long long) seconds / 60);
    else if (seconds < 2 * 86400)
        snprintf(out, 48, "%lld h ago", (long long) seconds / 3600);
    else
        snprintf(out, 48, "%lld days ago", (long long) seconds / 86400);
    return out;
}

json_t *hf_json_time(int64_t time_ms)
{
    char text[32];

    return time_ms == 0 ? json_null() : json_string(hf_time_format(time_ms, text));
}

json_t *hf_json_text(const char *text)
{
    HF_AUTO_BUF clean = HF_BUF_MAX(OUTPUT_MAX_BYTES);

    if (text == NULL)
        return json_null();
    if (hf_is_utf8(text, strlen(text)))
        return json_string(text);
    for (; *text != '\0'; text++)
        hf_buf_putc(&clean, (unsigned char) *text < 0x80 ? *text : '?');
    return json_string(hf_buf_text(&clean));
}
