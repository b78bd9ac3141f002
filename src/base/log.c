#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES (1U << 20)
#define SECRET_MIN_BYTES 4
#define TAIL_BYTES (8u << 10)

static const struct {
    const char *name;
    const char *colour;
} levels[] = {
    [HF_LOG_ERROR] = {"error", "\033[31m"},
    [HF_LOG_WARNING] = {"warning", "\033[33m"},
    [HF_LOG_INFO] = {"info", ""},
    [HF_LOG_DEBUG] = {"debug", "\033[2m"},
};

static atomic_int max_level = HF_LOG_INFO;

static pthread_mutex_t output_mutex = PTHREAD_MUTEX_INITIALIZER; /* the lines and the hook */
static void (*around_hook)(bool before);
static hf_strings errors_shown; /* messages and hints */
static char tail[TAIL_BYTES];   /* the last bytes that were written, redacted as they were */
static size_t tail_len;

static pthread_mutex_t secrets_mutex = PTHREAD_MUTEX_INITIALIZER;
static hf_strings secrets; /* longest first */

void hf_log_set_level(hf_log_level level)
{
    atomic_store(&max_level, (int) level);
}

void hf_log_set_hook(void (*around)(bool before))
{
    (void) pthread_mutex_lock(&output_mutex);
    around_hook = around;
    (void) pthread_mutex_unlock(&output_mutex);
}

static int longest_first(const void *a, const void *b)
{
    const size_t len_a = strlen(*(char *const *) a), len_b = strlen(*(char *const *) b);

    return (len_a < len_b) - (len_a > len_b);
}

void hf_log_redact(const char *secret)
{
    if (secret == NULL || strlen(secret) < SECRET_MIN_BYTES)
        return;
    (void) pthread_mutex_lock(&secrets_mutex);
    if (!hf_strings_has(&secrets, secret)) {
        hf_strings_add(&secrets, secret);
        qsort(secrets.items, secrets.count, sizeof(*secrets.items), longest_first);
    }
    (void) pthread_mutex_unlock(&secrets_mutex);
}

/*
 * The end of the bytes from `at` on that secrets cover, where one may begin inside another and reach beyond it; `at`
 * itself if none begins there.
 */
static size_t covered_until(const hf_buf *text, size_t at)
{
    size_t end = at;

    for (size_t begin = at; begin == at || begin < end; begin++)
        for (size_t i = 0; i < secrets.count; i++) {
            const size_t len = strlen(secrets.items[i]);

            if (len <= text->len - begin && memcmp(text->data + begin, secrets.items[i], len) == 0) {
                if (begin + len > end)
                    end = begin + len;
                break; /* the others are not longer */
            }
        }
    return end;
}

void hf_redact(hf_buf *text)
{
    size_t to = 0;

    (void) pthread_mutex_lock(&secrets_mutex);
    for (size_t from = 0; from < text->len;) {
        const size_t end = covered_until(text, from);

        if (end == from) {
            text->data[to++] = text->data[from++];
        } else {
            /* A secret has at least as many bytes as its replacement: the text never grows. */
            memcpy(text->data + to, "***", 3);
            to += 3;
            from = end;
        }
    }
    if (text->data != NULL && to < text->len) {
        text->len = to;
        text->data[to] = '\0';
    }
    (void) pthread_mutex_unlock(&secrets_mutex);
}

static bool use_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");

    return (no_colour == NULL || no_colour[0] == '\0') && isatty(STDERR_FILENO);
}

/* What comes from a server or a child must neither forge lines nor steer the terminal. */
static void tame(hf_buf *text, size_t from)
{
    for (size_t i = from; i < text->len; i++)
        if ((unsigned char) text->data[i] < ' ' || text->data[i] == 0x7f)
            text->data[i] = ' ';
}

static void add_text(hf_buf *lines, const char *text)
{
    HF_AUTO_BUF clean = HF_BUF_MAX(LINE_MAX_BYTES);

    hf_buf_puts(&clean, text);
    hf_redact(&clean);
    tame(&clean, 0);
    hf_buf_append(lines, hf_buf_text(&clean), clean.len);
}

/* An error is told where it is met and again by whoever it ends; a reader needs it once. */
static bool is_repeated(const char *message, const char *hint)
{
    (void) pthread_mutex_lock(&output_mutex);
    const bool message_shown = hf_strings_has(&errors_shown, message);
    const bool hint_shown = hint[0] == '\0' || hf_strings_has(&errors_shown, hint);

    if (!message_shown)
        hf_strings_add(&errors_shown, message);
    if (!hint_shown)
        hf_strings_add(&errors_shown, hint);
    (void) pthread_mutex_unlock(&output_mutex);
    return message_shown && hint_shown;
}

/* With output_mutex held. */
static void keep_tail(const char *data, size_t len)
{
    if (len > TAIL_BYTES) {
        data += len - TAIL_BYTES;
        len = TAIL_BYTES;
    }
    const size_t kept = tail_len < TAIL_BYTES - len ? tail_len : TAIL_BYTES - len;

    memmove(tail, tail + tail_len - kept, kept);
    memcpy(tail + kept, data, len);
    tail_len = kept + len;
}

void hf_log_tail(hf_buf *out)
{
    (void) pthread_mutex_lock(&output_mutex);
    const char *first = tail_len < TAIL_BYTES ? NULL : memchr(tail, '\n', tail_len);
    const size_t skipped = first == NULL ? 0 : (size_t) (first + 1 - tail);

    hf_buf_append(out, tail + skipped, tail_len - skipped);
    (void) pthread_mutex_unlock(&output_mutex);
}

static void write_lines(hf_log_level level, const char *message, const char *hint)
{
    HF_AUTO_BUF lines = HF_BUF_MAX(4 * LINE_MAX_BYTES);
    const bool colour = levels[level].colour[0] != '\0' && use_colour();
    char now[32];

    hf_buf_printf(&lines, "%s  %s%-7s%s  ", hf_time_format(hf_now_ms(), now),
                  colour ? levels[level].colour : "", levels[level].name, colour ? "\033[0m" : "");
    add_text(&lines, message);
    hf_buf_putc(&lines, '\n');
    if (hint[0] != '\0') {
        hf_buf_puts(&lines, "hint: ");
        add_text(&lines, hint);
        hf_buf_putc(&lines, '\n');
    }

    (void) pthread_mutex_lock(&output_mutex);
    if (around_hook != NULL)
        around_hook(true);
    /* One write a call, so that lines of several processes do not mix; a log that cannot be written stops nothing. */
    keep_tail(lines.data, lines.len);
    ssize_t ignored = write(STDERR_FILENO, lines.data, lines.len);
    (void) ignored;
    if (around_hook != NULL)
        around_hook(false);
    (void) pthread_mutex_unlock(&output_mutex);
}

void hf_log(hf_log_level level, const char *fmt, ...)
{
    if ((int) level > atomic_load(&max_level))
        return;

    HF_AUTO_STR message = NULL;
    va_list args;

    va_start(args, fmt);
    int len = vasprintf(&message, fmt, args);
    va_end(args);
    if (len < 0)
        hf_out_of_memory();
    if (level == HF_LOG_ERROR)
        (void) is_repeated(message, "");
    write_lines(level, message, "");
}

void hf_log_error(const hf_error *error)
{
    if ((int) HF_LOG_ERROR <= atomic_load(&max_level) && !is_repeated(error->message, error->hint))
        write_lines(HF_LOG_ERROR, error->message, error->hint);
}
