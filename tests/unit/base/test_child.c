#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/text.h"

/* The options of a shell script. */
#define SCRIPT(text, ...)                                                                                    \
    (&(hf_child_options){.argv = (const char *const[]){"sh", "-c", (text), NULL}, __VA_ARGS__})

static bool is_alive(const char *pid_file)
{
    HF_AUTO_BUF text = HF_BUF_MAX(32);
    char path[64], stat_line[256] = "";

    assert_ok(hf_file_read(pid_file, &text, NULL));
    (void) snprintf(path, sizeof(path), "/proc/%ld/stat", strtol(hf_buf_text(&text), NULL, 10));
    HF_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, stat_line, sizeof(stat_line) - 1) <= 0)
        return false;
    /* Dead, but not collected by whoever adopted it. */
    return strstr(stat_line, ") Z ") == NULL;
}

static void test_child__collects_output_and_status(void **state)
{
    (void) state;
    HF_AUTO_BUF out = HF_BUF_MAX(1000);
    HF_AUTO_BUF err = HF_BUF_MAX(1000);
    hf_child_result result = {0};

    assert_ok(hf_child_run(
        SCRIPT("cat; echo oops >&2; exit 7", .input = "hello\n", .ret_stdout = &out, .ret_stderr = &err),
        &result, NULL));
    assert_string_equal(hf_buf_text(&out), "hello\n");
    assert_string_equal(hf_buf_text(&err), "oops\n");
    assert_int_equal(result.exit_status, 7);
    assert_false(result.timed_out);
}

static void test_child__a_signal_is_128_and_more(void **state)
{
    (void) state;
    hf_child_result result = {0};

    assert_ok(hf_child_run(SCRIPT("kill -KILL $$"), &result, NULL));
    assert_int_equal(result.exit_status, 128 + SIGKILL);
}

static void test_child__says_what_cannot_run(void **state)
{
    (void) state;
    const char *const nothing[] = {"no-such-program-anywhere", NULL}, *const folder[] = {"/tmp", NULL};
    hf_child_result result = {.exit_status = 55};
    hf_error error = {0};

    assert_int_equal(hf_child_run(&(hf_child_options){.argv = nothing}, &result, &error), HF_E_NOT_FOUND);
    assert_string_equal(error.message, "there is no program \"no-such-program-anywhere\"");
    assert_int_equal(hf_child_run(&(hf_child_options){.argv = folder}, &result, &error), HF_E_SYSTEM);
    assert_int_equal(hf_child_run(SCRIPT("true", .folder = "/no/such/folder"), &result, &error), HF_E_SYSTEM);
    assert_non_null(strstr(error.message, "cannot enter folder \"/no/such/folder\""));
    assert_int_equal(result.exit_status, 55);
}

static void test_child__inherits_nothing_it_should_not(void **state)
{
    HF_AUTO_BUF out = HF_BUF_MAX(10000);
    HF_AUTO_FD leak = open("/dev/null", O_RDONLY); /* no O_CLOEXEC, as a library might do */
    hf_child_result result = {0};

    (void) setenv("HF_TEST_SECRET", "s3cret", 1);
    (void) setenv("HF_TEST_OTHER", "before", 1);
    hf_child_hide_env("HF_TEST_SECRET");
    assert_true(leak >= 0);
    assert_ok(hf_child_run(
        SCRIPT("ls /proc/self/fd | tr '\\n' ' '; pwd; echo \"[$HF_TEST_SECRET][$HF_TEST_OTHER]\"",
               .ret_stdout = &out, .folder = *state,
               .env = (const char *const[]){"HF_TEST_OTHER=after", NULL}),
        &result, NULL));
    /* 3 is ls reading the folder. */
    HF_AUTO_STR expected = hf_format("0 1 2 3 %s\n[][after]\n", (const char *) *state);
    assert_string_equal(hf_buf_text(&out), expected);

    hf_buf_clear(&out);
    assert_ok(hf_child_run(SCRIPT("echo \"$HF_TEST_SECRET\"", .ret_stdout = &out,
                                  .env = (const char *const[]){"HF_TEST_SECRET=given", NULL}),
                           &result, NULL));
    assert_string_equal(hf_buf_text(&out), "given\n");
}

static void test_child__has_default_signals_and_its_own_group(void **state)
{
    (void) state;
    HF_AUTO_BUF out = HF_BUF_MAX(1000);
    hf_child_result result = {0};

    hf_signals_install(); /* ignores SIGPIPE */
    assert_ok(hf_child_run(SCRIPT("test \"$(ps -o pgid= -p $$ | tr -d ' ')\" = $$ && echo own; kill -PIPE $$",
                                  .ret_stdout = &out),
                           &result, NULL));
    assert_string_equal(hf_buf_text(&out), "own\n");
    assert_int_equal(result.exit_status, 128 + SIGPIPE);
}

static void test_child__much_output_neither_blocks_nor_overflows(void **state)
{
    (void) state;
    HF_AUTO_BUF out = HF_BUF_MAX(1000);
    HF_AUTO_BUF err = HF_BUF_MAX(100000);
    hf_child_result result = {0};

    assert_ok(hf_child_run(SCRIPT("head -c 3000000 /dev/zero | tr '\\0' x; "
                                  "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done >&2",
                                  .ret_stdout = &out, .ret_stderr = &err, .timeout_ms = 60000),
                           &result, NULL));
    assert_int_equal(out.len, 1000);
    assert_true(out.overflowed);
    assert_int_equal(result.exit_status, 0);

    hf_buf_clear(&err);
    assert_ok(hf_child_run(SCRIPT("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done >&2",
                                  .ret_stderr = &err, .tail_bytes = 500),
                           &result, NULL));
    assert_in_range(err.len, 500, 1000);
    assert_false(err.overflowed);
    assert_true(hf_ends_with(hf_buf_text(&err), "line 19998\nline 19999\n"));
}

static void test_child__a_timeout_ends_the_whole_group(void **state)
{
    HF_AUTO_STR pid_file = hf_path_join(*state, "pid");
    HF_AUTO_STR given = hf_format("PID_FILE=%s", pid_file);
    HF_AUTO_BUF out = HF_BUF_MAX(1000);
    hf_child_result result = {0};

    assert_ok(hf_child_run(SCRIPT("sleep 300 & echo $! >$PID_FILE; echo begun; wait", .ret_stdout = &out,
                                  .timeout_ms = 500, .env = (const char *const[]){given, NULL}),
                           &result, NULL));
    assert_true(result.timed_out);
    assert_in_range(result.took_ms, 500, 20000);
    assert_int_equal(result.exit_status, 128 + SIGTERM);
    assert_string_equal(hf_buf_text(&out), "begun\n");
    assert_false(is_alive(pid_file));
}

static void test_child__who_ignores_sigterm_is_killed(void **state)
{
    HF_AUTO_STR pid_file = hf_path_join(*state, "pid");
    HF_AUTO_STR given = hf_format("PID_FILE=%s", pid_file);
    hf_child_result result = {0};

    /* The child itself ends at SIGTERM; what it started does not. */
    assert_ok(hf_child_run(SCRIPT("sh -c 'trap \"\" TERM; echo $$ >$PID_FILE; while :; do sleep 1; done' & "
                                  "sleep 300",
                                  .timeout_ms = 500, .env = (const char *const[]){given, NULL}),
                           &result, NULL));
    assert_true(result.timed_out);
    assert_in_range(result.took_ms, 5000, 20000);
    assert_false(is_alive(pid_file));
}

static void test_child__a_daemon_holding_the_pipe_does_not_hang_us(void **state)
{
    HF_AUTO_STR pid_file = hf_path_join(*state, "pid");
    HF_AUTO_STR given = hf_format("PID_FILE=%s", pid_file);
    HF_AUTO_BUF out = HF_BUF_MAX(1000);
    hf_child_result result = {0};

    assert_ok(hf_child_run(SCRIPT("setsid sleep 60 & echo $! >$PID_FILE; echo said", .ret_stdout = &out,
                                  .env = (const char *const[]){given, NULL}),
                           &result, NULL));
    assert_true(result.took_ms < 20000);
    assert_int_equal(result.exit_status, 0);
    assert_string_equal(hf_buf_text(&out), "said\n");

    HF_AUTO_BUF pid = HF_BUF_MAX(32);
    assert_ok(hf_file_read(pid_file, &pid, NULL));
    (void) kill((pid_t) strtol(hf_buf_text(&pid), NULL, 10), SIGKILL);
}

static void *stop_soon(void *unused)
{
    (void) unused;
    (void) usleep(300000);
    (void) kill(getpid(), SIGTERM);
    return NULL;
}

static void test_child__a_stop_ends_it_unless_it_may_run_on(void **state)
{
    (void) state;
    static const struct {
        const char *script;
        bool keep_running;
        hf_status status;
    } cases[] = {{"sleep 300", false, HF_E_CANCELLED}, {"sleep 1", true, HF_OK}};

    hf_signals_install();
    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_child_result result = {.exit_status = 55};
        pthread_t thread;
        const int64_t before = hf_monotonic_ms();

        assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
        assert_int_equal(hf_child_run(SCRIPT(cases[i].script, .keep_running_on_stop = cases[i].keep_running),
                                      &result, NULL),
                         cases[i].status);
        assert_true(hf_monotonic_ms() - before < 20000);
        assert_int_equal(result.exit_status, cases[i].keep_running ? 0 : 55);
        (void) pthread_join(thread, NULL);
        assert_true(hf_stop_requested());
        if (!cases[i].keep_running)
            assert_int_equal(hf_child_run(SCRIPT("true"), &result, NULL), HF_E_CANCELLED);
        hf_stop_clear();
    }
}

static hf_status take_some(void *context, const char *data, size_t len, hf_error *error)
{
    hf_buf *got = context;

    hf_buf_append(got, data, len);
    return got->len > 10 ? hf_fail(error, HF_E_LIMIT, "enough") : HF_OK;
}

static void test_child__a_failing_reader_ends_it(void **state)
{
    (void) state;
    HF_AUTO_BUF got = HF_BUF_MAX(1 << 20);
    hf_child_result result = {0};
    hf_error error = {0};

    assert_ok(hf_child_run(SCRIPT("echo short", .on_stdout = take_some, .context = &got), &result, &error));
    assert_string_equal(hf_buf_text(&got), "short\n");
    assert_int_equal(hf_child_run(SCRIPT("yes", .on_stdout = take_some, .context = &got), &result, &error),
                     HF_E_LIMIT);
    assert_string_equal(error.message, "enough");
}

static void test_child__knows_whether_there_is_a_program(void **state)
{
    (void) state;
    assert_true(hf_child_can_run("sh", NULL));
    assert_true(hf_child_can_run("/bin/sh", "/nowhere"));
    assert_true(hf_child_can_run("./sh", "/bin"));
    assert_false(hf_child_can_run("./sh", "/"));
    assert_false(hf_child_can_run("no-such-program", NULL));
    assert_false(hf_child_can_run("/etc/passwd", NULL));
    assert_false(hf_child_can_run("/bin", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child__collects_output_and_status),
        cmocka_unit_test(test_child__a_signal_is_128_and_more),
        cmocka_unit_test(test_child__says_what_cannot_run),
        unit_test_in_folder(test_child__inherits_nothing_it_should_not),
        cmocka_unit_test(test_child__has_default_signals_and_its_own_group),
        cmocka_unit_test(test_child__much_output_neither_blocks_nor_overflows),
        unit_test_in_folder(test_child__a_timeout_ends_the_whole_group),
        unit_test_in_folder(test_child__who_ignores_sigterm_is_killed),
        unit_test_in_folder(test_child__a_daemon_holding_the_pipe_does_not_hang_us),
        cmocka_unit_test(test_child__a_stop_ends_it_unless_it_may_run_on),
        cmocka_unit_test(test_child__a_failing_reader_ends_it),
        cmocka_unit_test(test_child__knows_whether_there_is_a_program),
    };

    return cmocka_run_group_tests_name("base/child", tests, NULL, NULL);
}
