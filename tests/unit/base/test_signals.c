#include "unit.h"

#include <poll.h>
#include <signal.h>

#include "base/signals.h"

static bool readable(void)
{
    struct pollfd stop = {.fd = hf_stop_fd(), .events = POLLIN};

    return poll(&stop, 1, 0) == 1;
}

static void raise_stop(int number)
{
    assert_int_equal(raise(number), 0);
}

static void test_signals__nothing_is_requested_at_first(void **state)
{
    (void) state;
    assert_false(hf_stop_requested());
    assert_int_equal(hf_stop_signal(), 0);
    assert_false(readable());
    assert_ok(hf_stop_check(NULL));
}

static void test_signals__a_signal_is_a_request_until_cleared(void **state)
{
    (void) state;
    const struct {
        int number;
        const char *message;
    } cases[] = {{SIGINT, "stopped by SIGINT"}, {SIGTERM, "stopped by SIGTERM"}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_error error = {0};

        raise_stop(cases[i].number);
        assert_true(hf_stop_requested());
        assert_int_equal(hf_stop_signal(), cases[i].number);
        assert_true(readable());
        assert_int_equal(hf_stop_check(&error), HF_E_CANCELLED);
        assert_string_equal(error.message, cases[i].message);
        hf_stop_clear();
        assert_false(hf_stop_requested());
        assert_false(readable());
    }
}

static void test_signals__a_hold_remembers(void **state)
{
    (void) state;
    hf_stop_hold();
    hf_stop_hold();
    raise_stop(SIGTERM);
    assert_false(hf_stop_requested());
    assert_false(readable());
    assert_ok(hf_stop_check(NULL));
    assert_int_equal(hf_stop_signal(), SIGTERM);
    hf_stop_release();
    assert_false(hf_stop_requested());
    hf_stop_release();
    assert_true(hf_stop_requested());
    assert_true(readable());

    hf_stop_hold();
    assert_false(readable());
    hf_stop_release();
    assert_true(readable());
    hf_stop_clear();
}

static void test_signals__a_broken_pipe_is_no_death(void **state)
{
    (void) state;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    (void) close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    (void) close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals__nothing_is_requested_at_first),
        cmocka_unit_test(test_signals__a_signal_is_a_request_until_cleared),
        cmocka_unit_test(test_signals__a_hold_remembers),
        cmocka_unit_test(test_signals__a_broken_pipe_is_no_death),
    };

    hf_signals_install();
    return cmocka_run_group_tests_name("base/signals", tests, NULL, NULL);
}
