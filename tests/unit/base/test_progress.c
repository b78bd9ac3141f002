/* labels: tsan */
#include "unit.h"

#include <fcntl.h>
#include <pty.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"

static void test_progress__renders(void **state)
{
    (void) state;
    static const struct {
        uint64_t bytes, rows, total, done;
        int64_t elapsed_ms;
        size_t columns;
        const char *line;
    } cases[] = {
        {0, 0, 0, 0, 0, 80, "backing up  0 B  0 rows"},
        {2048, 1234567, 0, 0, 2000, 80, "backing up  2.0 KiB  1,234,567 rows  1.0 KiB/s"},
        {1024, 1, 1000, 250, 10000, 80, "backing up  [##........]  25%  1.0 KiB  1 row  102 B/s  30.0s left"},
        {1024, 1, 1000, 250, 1000, 80, "backing up  [##........]  25%  1.0 KiB  1 row  1.0 KiB/s"},
        {1024, 1, 1000, 500, 10000, 120,
         "backing up  [############............]  50%  1.0 KiB  1 row  102 B/s  10.0s left"},
        {0, 0, 100, 900, 5000, 0, "backing up  100%  0 B  0 rows  0 B/s"},
        {2048, 7, 0, 0, 2000, 20, "backing up  2.0 KiB"},
        {1234567890, 123456789, 1000, 450, 7200000, 80,
         "backing up  [####......]  45%  1.1 GiB  167.4 KiB/s  2h 26m left"},
        {1234567890, 123456789, 1000, 450, 7200000, 60, "backing up  45%  1.1 GiB  167.4 KiB/s  2h 26m left"},
        {1234567890, 123456789, 1000, 450, 7200000, 40, "backing up  45%  1.1 GiB  2h 26m left"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_BUF line = HF_BUF_MAX(1000);
        hf_progress progress;

        atomic_init(&progress.bytes, cases[i].bytes);
        atomic_init(&progress.rows, cases[i].rows);
        atomic_init(&progress.total_bytes, cases[i].total);
        atomic_init(&progress.done_bytes, cases[i].done);
        hf_progress_render("backing up", &progress, cases[i].elapsed_ms, cases[i].columns, &line);
        assert_string_equal(hf_buf_text(&line), cases[i].line);
    }
}

/* What appears on a terminal while `act` runs. */
static char *terminal_of(void (*act)(void))
{
    struct winsize size = {.ws_row = 24, .ws_col = 120};
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 16);
    const int saved = dup(STDERR_FILENO);
    int ours, theirs;

    if (openpty(&ours, &theirs, NULL, NULL, &size) != 0) {
        print_message("no pseudo-terminal here (is /dev/pts mounted?)\n");
        skip();
    }
    assert_true(dup2(theirs, STDERR_FILENO) >= 0);
    act();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void) close(saved);

    assert_int_equal(fcntl(ours, F_SETFL, O_NONBLOCK), 0);
    for (char piece[4096];;) {
        const ssize_t got = read(ours, piece, sizeof(piece));

        if (got <= 0)
            break;
        hf_buf_append(&text, piece, (size_t) got);
    }
    (void) close(ours);
    (void) close(theirs);
    return hf_buf_take(&text);
}

static hf_progress progress;

static void work_for_a_while(void)
{
    hf_progress_begin("backing up", &progress);
    for (int i = 0; i < 50; i++) {
        (void) atomic_fetch_add(&progress.bytes, 1024);
        (void) hf_sleep_ms(10, NULL);
    }
    hf_log(HF_LOG_WARNING, "a line between");
    (void) hf_sleep_ms(300, NULL);
    hf_progress_end();
    hf_progress_end();
}

static void test_progress__draws_steps_aside_and_clears(void **state)
{
    (void) state;
    (void) setenv("NO_COLOR", "1", 1);
    HF_AUTO_STR text = terminal_of(work_for_a_while);

    assert_true(hf_starts_with(text, "\rbacking up  "));
    assert_true(hf_glob_match("*\r\033[K????-??-??T*  warning  a line between\r\n\rbacking up  *", text));
    assert_true(hf_ends_with(text, "\r\033[K"));
}

static void test_progress__quiet_shows_nothing(void **state)
{
    (void) state;
    hf_progress_set_quiet(true);
    (void) setenv("NO_COLOR", "1", 1);
    HF_AUTO_STR text = terminal_of(work_for_a_while);
    hf_progress_set_quiet(false);

    assert_null(strstr(text, "backing up"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress__renders),
        cmocka_unit_test(test_progress__draws_steps_aside_and_clears),
        cmocka_unit_test(test_progress__quiet_shows_nothing),
    };

    return cmocka_run_group_tests_name("base/progress", tests, NULL, NULL);
}
