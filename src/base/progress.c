/*
 * A thread draws: on a terminal one line that is redrawn, elsewhere a log line from time to time.  While a log line is
 * written the log holds our mutex through the hook, with the bar taken away.  Locks are taken in the order log, then
 * progress: so nothing here logs or sets the hook with the mutex held.
 */
#include "base/progress.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#define REDRAW_MS 200
#define PLAIN_MS 10000
#define BAR_WIDTH 24
#define BAR_SHORT 10
#define BAR_MIN_COLUMNS 100
#define LEFT_AFTER_MS 2000 /* an estimate before that only flickers */
#define LINE_MAX_BYTES 1024

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t thread;
    bool quiet;
    bool running;
    bool ending;
    bool terminal;
    bool drawn; /* there is a line to clear */
    const char *verb;
    hf_progress *progress;
    int64_t started_ms;
} shown = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void hf_progress_set_quiet(bool quiet)
{
    (void) pthread_mutex_lock(&shown.mutex);
    shown.quiet = quiet;
    (void) pthread_mutex_unlock(&shown.mutex);
}

static void add_bar(hf_buf *line, double part, int width)
{
    const int filled = (int) (part * width);

    hf_buf_puts(line, "  [");
    for (int i = 0; i < width; i++)
        hf_buf_putc(line, i < filled ? '#' : '.');
    hf_buf_putc(line, ']');
}

typedef struct line_form {
    int bar; /* 0: none */
    bool rows, rate;
} line_form;

static void render(const char *verb, const hf_progress *progress, int64_t elapsed_ms, line_form form,
                   hf_buf *ret_line)
{
    const uint64_t bytes = atomic_load(&progress->bytes), rows = atomic_load(&progress->rows);
    const uint64_t total = atomic_load(&progress->total_bytes);
    uint64_t done = atomic_load(&progress->done_bytes);
    char text[32];

    /* total_bytes is an estimate, which the work may pass. */
    if (done > total)
        done = total;

    hf_buf_clear(ret_line);
    hf_buf_puts(ret_line, verb);
    if (total > 0) {
        const double part = (double) done / (double) total;

        if (form.bar > 0)
            add_bar(ret_line, part, form.bar);
        hf_buf_printf(ret_line, "  %d%%", (int) (part * 100));
    }
    hf_buf_printf(ret_line, "  %s", hf_show_size(bytes, text));
    if (form.rows)
        hf_buf_printf(ret_line, "  %s row%s", hf_show_count(rows, text), rows == 1 ? "" : "s");
    if (form.rate && elapsed_ms > 0)
        hf_buf_printf(ret_line, "  %s/s",
                      hf_show_size((uint64_t) ((double) bytes * 1000 / (double) elapsed_ms), text));
    if (elapsed_ms >= LEFT_AFTER_MS && done > 0 && done < total) {
        const double left = (double) elapsed_ms * (double) (total - done) / (double) done;

        if (left < 1e15)
            hf_buf_printf(ret_line, "  %s left", hf_show_duration((int64_t) left / 1000 * 1000, text));
    }
}

void hf_progress_render(const char *verb, const hf_progress *progress, int64_t elapsed_ms, size_t columns,
                        hf_buf *ret_line)
{
    static const line_form forms[] = {
        {BAR_WIDTH, true, true}, {BAR_SHORT, true, true}, {BAR_SHORT, false, true},
        {0, true, true},         {0, false, true},        {0, false, false},
    };

    if (columns == 0) {
        render(verb, progress, elapsed_ms, (line_form){0, true, true}, ret_line);
        return;
    }
    /* The last column stays free: a terminal would wrap. */
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i].bar == BAR_WIDTH && columns < BAR_MIN_COLUMNS)
            continue;
        render(verb, progress, elapsed_ms, forms[i], ret_line);
        if (ret_line->len < columns)
            return;
    }
    ret_line->len = columns - 1;
    ret_line->data[ret_line->len] = '\0';
}

static void write_terminal(const hf_buf *text)
{
    ssize_t ignored = write(STDERR_FILENO, text->data, text->len);
    (void) ignored;
}

static void clear_line(void)
{
    static const char erase[] = "\r\033[K";

    if (shown.drawn) {
        ssize_t ignored = write(STDERR_FILENO, erase, sizeof(erase) - 1);
        (void) ignored;
    }
    shown.drawn = false;
}

static void draw_line(void)
{
    HF_AUTO_BUF line = HF_BUF_MAX(LINE_MAX_BYTES);
    HF_AUTO_BUF output = HF_BUF_MAX(LINE_MAX_BYTES + 16);
    struct winsize size = {0};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;

    hf_progress_render(shown.verb, shown.progress, hf_monotonic_ms() - shown.started_ms,
                       known ? size.ws_col : 80, &line);
    hf_buf_printf(&output, "\r%s\033[K", hf_buf_text(&line));
    write_terminal(&output);
    shown.drawn = true;
}

static void log_line(const char *verb, const hf_progress *progress, int64_t started_ms)
{
    HF_AUTO_BUF line = HF_BUF_MAX(LINE_MAX_BYTES);

    if (atomic_load(&progress->bytes) + atomic_load(&progress->rows) + atomic_load(&progress->done_bytes) ==
        0)
        return; /* still connecting, perhaps in vain */
    hf_progress_render(verb, progress, hf_monotonic_ms() - started_ms, 0, &line);
    hf_log(HF_LOG_INFO, "%s", hf_buf_text(&line));
}

/* Mutex held: until `ms` from now, or the end; false at the end. */
static bool wait_for(int64_t ms)
{
    struct timespec until;

    (void) clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long) (ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!shown.ending)
        if (pthread_cond_timedwait(&shown.wake, &shown.mutex, &until) == ETIMEDOUT)
            break;
    return !shown.ending;
}

static void *draw(void *unused)
{
    (void) unused;
    (void) pthread_mutex_lock(&shown.mutex);
    while (wait_for(shown.terminal ? REDRAW_MS : PLAIN_MS)) {
        if (shown.terminal) {
            draw_line();
        } else {
            const char *verb = shown.verb;
            const hf_progress *progress = shown.progress;
            const int64_t started_ms = shown.started_ms;

            (void) pthread_mutex_unlock(&shown.mutex);
            log_line(verb, progress, started_ms);
            (void) pthread_mutex_lock(&shown.mutex);
        }
    }
    clear_line();
    (void) pthread_mutex_unlock(&shown.mutex);
    return NULL;
}

static void step_aside(bool before)
{
    if (before) {
        (void) pthread_mutex_lock(&shown.mutex);
        clear_line();
    } else {
        (void) pthread_mutex_unlock(&shown.mutex);
    }
}

/* The thread takes no signals: they are for the main thread. */
static int start_thread(void)
{
    pthread_condattr_t attributes;
    sigset_t all, before;

    (void) pthread_condattr_init(&attributes);
    (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&shown.wake, &attributes);
    (void) pthread_condattr_destroy(&attributes);

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&shown.thread, NULL, draw, NULL);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

void hf_progress_begin(const char *verb, hf_progress *progress)
{
    hf_progress_end();

    (void) pthread_mutex_lock(&shown.mutex);
    const bool quiet = shown.quiet;
    if (!quiet) {
        shown.ending = false;
        shown.terminal = isatty(STDERR_FILENO) != 0;
        shown.verb = verb;
        shown.progress = progress;
        shown.started_ms = hf_monotonic_ms();
        /* Work goes on without a display if there is no thread for it. */
        shown.running = start_thread() == 0;
    }
    const bool hook = !quiet && shown.running && shown.terminal;
    (void) pthread_mutex_unlock(&shown.mutex);
    if (hook)
        hf_log_set_hook(step_aside);
}

void hf_progress_end(void)
{
    (void) pthread_mutex_lock(&shown.mutex);
    const bool running = shown.running;
    shown.ending = true;
    if (running)
        (void) pthread_cond_signal(&shown.wake);
    (void) pthread_mutex_unlock(&shown.mutex);
    if (!running)
        return;

    (void) pthread_join(shown.thread, NULL);
    if (shown.terminal)
        hf_log_set_hook(NULL);
    shown.running = false;
    (void) pthread_cond_destroy(&shown.wake);
}
