#include "unit.h"

#include <signal.h>

#include "base/clock.h"
#include "base/retry.h"
#include "base/signals.h"

static void test_retry__counts_the_tries(void **state)
{
    (void) state;
    hf_retry retry = {.max_tries = 4, .max_total_ms = 60000, .first_wait_ms = 1, .max_wait_ms = 2};
    int tries = 1;

    while (hf_retry_again(&retry, HF_E_STORAGE, 0))
        tries++;
    assert_int_equal(tries, 4);
    assert_int_equal(retry.tries, 4);
}

static void test_retry__only_what_may_pass(void **state)
{
    (void) state;
    hf_retry retry = hf_retry_default();

    assert_false(hf_retry_again(&retry, HF_E_CORRUPT, 0));
    assert_false(hf_retry_again(&retry, HF_OK, 0));
    assert_int_equal(retry.max_tries, 10);
}

static void test_retry__waits_as_long_as_asked(void **state)
{
    (void) state;
    hf_retry retry = {.max_tries = 3, .max_total_ms = 60000, .first_wait_ms = 1, .max_wait_ms = 2};
    const int64_t before = hf_monotonic_ms();

    assert_true(hf_retry_again(&retry, HF_E_HTTP, 60));
    assert_in_range(hf_monotonic_ms() - before, 60, 5000);
}

static void test_retry__no_try_begins_after_the_total(void **state)
{
    (void) state;
    hf_retry retry = {.max_tries = 100, .max_total_ms = 1000, .first_wait_ms = 1, .max_wait_ms = 2};
    const int64_t before = hf_monotonic_ms();

    assert_false(hf_retry_again(&retry, HF_E_HTTP, 2000));
    assert_true(hf_monotonic_ms() - before < 900);
}

static void test_retry__waits_stay_within_the_cap(void **state)
{
    (void) state;
    hf_retry retry = {.max_tries = 30, .max_total_ms = 60000, .first_wait_ms = 1, .max_wait_ms = 4};
    const int64_t before = hf_monotonic_ms();

    while (hf_retry_again(&retry, HF_E_CONNECTION, 0))
        continue;
    assert_int_equal(retry.tries, 30);
    assert_true(hf_monotonic_ms() - before < 5000);
}

static void test_retry__a_stop_ends_it(void **state)
{
    (void) state;
    hf_retry retry = hf_retry_default();

    hf_signals_install();
    assert_int_equal(raise(SIGINT), 0);
    assert_false(hf_retry_again(&retry, HF_E_CONNECTION, 0));
    hf_stop_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry__counts_the_tries),
        cmocka_unit_test(test_retry__only_what_may_pass),
        cmocka_unit_test(test_retry__waits_as_long_as_asked),
        cmocka_unit_test(test_retry__no_try_begins_after_the_total),
        cmocka_unit_test(test_retry__waits_stay_within_the_cap),
        cmocka_unit_test(test_retry__a_stop_ends_it),
    };

    return cmocka_run_group_tests_name("base/retry", tests, NULL, NULL);
}
