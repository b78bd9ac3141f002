#include "unit.h"

#include "restore/schedule.h"

enum { KIND };

static size_t take(hf_schedule *schedule)
{
    size_t task = SIZE_MAX;
    return hf_schedule_take(schedule, &task) ? task : SIZE_MAX;
}

static void prepare(hf_schedule *schedule)
{
    hf_error error;
    assert_int_equal(hf_schedule_prepare(schedule, &error), HF_OK);
}

static void test_schedule__takes_the_longest_path_first(void **state)
{
    (void) state;
    HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
    size_t small = hf_schedule_add(&schedule, KIND, 0, 0, 5);
    size_t alone = hf_schedule_add(&schedule, KIND, 0, 0, 7);
    size_t begin = hf_schedule_add(&schedule, KIND, 0, 0, 3);
    size_t then = hf_schedule_add(&schedule, KIND, 0, 0, 10);
    hf_schedule_after(&schedule, then, begin);
    prepare(&schedule);
    assert_int_equal(schedule.tasks.items[begin].rank, 13);
    assert_int_equal(take(&schedule), begin);
    assert_int_equal(take(&schedule), alone);
    hf_schedule_end(&schedule, begin);
    assert_int_equal(take(&schedule), then);
    assert_int_equal(take(&schedule), small);
    assert_int_equal(take(&schedule), SIZE_MAX);
    assert_false(hf_schedule_is_finished(&schedule));
    hf_schedule_end(&schedule, alone);
    hf_schedule_end(&schedule, then);
    hf_schedule_end(&schedule, small);
    assert_true(hf_schedule_is_finished(&schedule));
}

static void test_schedule__takes_equals_in_their_order(void **state)
{
    (void) state;
    HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
    for (size_t i = 0; i < 100; i++)
        hf_schedule_add(&schedule, KIND, i, 0, 1);
    prepare(&schedule);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(take(&schedule), i);
}

static void test_schedule__finds_a_circle(void **state)
{
    (void) state;
    HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
    size_t a = hf_schedule_add(&schedule, KIND, 0, 0, 1);
    size_t b = hf_schedule_add(&schedule, KIND, 0, 0, 1);
    hf_schedule_after(&schedule, a, b);
    hf_schedule_after(&schedule, b, a);
    hf_error error;
    assert_int_equal(hf_schedule_prepare(&schedule, &error), HF_E_CORRUPT);
}

static void test_schedule__keeps_conflicting_locks_apart(void **state)
{
    (void) state;
    /* As PostgreSQL's own table of conflicts has it, for these modes. */
    static const bool together[HF_LOCK_MODES][HF_LOCK_MODES] = {
        [HF_LOCK_READ] = {true, true, true, true, false},
        [HF_LOCK_WRITE] = {true, true, false, false, false},
        [HF_LOCK_SHARE] = {true, false, true, false, false},
        [HF_LOCK_CHANGE] = {true, false, false, false, false},
        [HF_LOCK_EXCLUSIVE] = {false, false, false, false, false},
    };
    for (hf_lock_mode first = 0; first < HF_LOCK_MODES; first++) {
        for (hf_lock_mode second = 0; second < HF_LOCK_MODES; second++) {
            HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
            size_t a = hf_schedule_add(&schedule, KIND, 0, 0, 3);
            size_t b = hf_schedule_add(&schedule, KIND, 0, 0, 2);
            size_t elsewhere = hf_schedule_add(&schedule, KIND, 0, 0, 1);
            hf_schedule_lock(&schedule, a, 4, first);
            hf_schedule_lock(&schedule, b, 4, second);
            hf_schedule_lock(&schedule, elsewhere, 5, HF_LOCK_EXCLUSIVE);
            prepare(&schedule);
            assert_int_equal(take(&schedule), a);
            assert_int_equal(take(&schedule), together[first][second] ? b : elsewhere);
            if (!together[first][second]) {
                assert_int_equal(take(&schedule), SIZE_MAX);
                hf_schedule_end(&schedule, a);
                assert_int_equal(take(&schedule), b);
            }
        }
    }
}

static void test_schedule__a_foreign_key_holds_two_tables(void **state)
{
    (void) state;
    HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
    size_t key = hf_schedule_add(&schedule, KIND, 0, 0, 9);
    hf_schedule_lock(&schedule, key, 1, HF_LOCK_CHANGE);
    hf_schedule_lock(&schedule, key, 2, HF_LOCK_CHANGE);
    size_t from = hf_schedule_add(&schedule, KIND, 0, 0, 8);
    hf_schedule_lock(&schedule, from, 1, HF_LOCK_SHARE);
    size_t to = hf_schedule_add(&schedule, KIND, 0, 0, 7);
    hf_schedule_lock(&schedule, to, 2, HF_LOCK_CHANGE);
    size_t reader = hf_schedule_add(&schedule, KIND, 0, 0, 1);
    hf_schedule_lock(&schedule, reader, 2, HF_LOCK_READ);
    prepare(&schedule);
    assert_int_equal(take(&schedule), key);
    assert_int_equal(take(&schedule), reader);
    assert_int_equal(take(&schedule), SIZE_MAX);
    hf_schedule_end(&schedule, key);
    assert_int_equal(take(&schedule), from);
    assert_int_equal(take(&schedule), to);
}

static void test_schedule__a_parked_task_frees_its_locks_and_holds_up_what_waits_for_it(void **state)
{
    (void) state;
    HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
    size_t first = hf_schedule_add(&schedule, KIND, 0, 0, 9);
    hf_schedule_lock(&schedule, first, 1, HF_LOCK_EXCLUSIVE);
    size_t other = hf_schedule_add(&schedule, KIND, 0, 0, 1);
    hf_schedule_lock(&schedule, other, 1, HF_LOCK_EXCLUSIVE);
    size_t then = hf_schedule_add(&schedule, KIND, 0, 0, 1);
    hf_schedule_after(&schedule, then, first);
    prepare(&schedule);
    assert_int_equal(take(&schedule), first);
    assert_int_equal(take(&schedule), SIZE_MAX);
    hf_schedule_park(&schedule, first);
    assert_int_equal(take(&schedule), other);
    hf_schedule_end(&schedule, other);
    assert_int_equal(take(&schedule), SIZE_MAX);
    hf_schedule_resume(&schedule, first);
    assert_int_equal(take(&schedule), first);
    assert_int_equal(take(&schedule), SIZE_MAX);
    hf_schedule_end(&schedule, first);
    assert_int_equal(take(&schedule), then);
    hf_schedule_end(&schedule, then);
    assert_true(hf_schedule_is_finished(&schedule));
}

static void test_schedule__keeps_the_strongest_lock(void **state)
{
    (void) state;
    HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
    size_t task = hf_schedule_add(&schedule, KIND, 0, 0, 1);
    hf_schedule_lock(&schedule, task, 1, HF_LOCK_EXCLUSIVE);
    hf_schedule_lock(&schedule, task, 1, HF_LOCK_READ);
    assert_int_equal(schedule.tasks.items[task].locks.count, 1);
    assert_int_equal(schedule.tasks.items[task].locks.items[0].mode, HF_LOCK_EXCLUSIVE);
}

/* Any graph, any number of workers: everything runs once, nothing before what it waits for. */
static void test_schedule__runs_everything_in_order(void **state)
{
    (void) state;
    for (unsigned seed = 1; seed <= 50; seed++) {
        HF_AUTO(hf_schedule_done) hf_schedule schedule = {0};
        unsigned random = seed * 2654435761u;
        size_t count = 200;
        for (size_t i = 0; i < count; i++) {
            random = random * 1664525u + 1013904223u;
            size_t task = hf_schedule_add(&schedule, KIND, i, 0, random % 100);
            if (i > 0 && random % 3 == 0)
                hf_schedule_after(&schedule, task, (random >> 8) % i);
            hf_schedule_lock(&schedule, task, (random >> 4) % 7,
                             (hf_lock_mode) ((random >> 12) % HF_LOCK_MODES));
        }
        prepare(&schedule);
        HF_VECTOR(size_t) running = {0};
        while (!hf_schedule_is_finished(&schedule)) {
            size_t task;
            while (running.count < 3 && hf_schedule_take(&schedule, &task)) {
                assert_int_equal(schedule.tasks.items[task].waits_for, 0);
                HF_PUSH(&running, task);
            }
            assert_true(running.count > 0);
            random = random * 1664525u + 1013904223u;
            size_t at = (random >> 8) % running.count;
            hf_schedule_end(&schedule, running.items[at]);
            running.items[at] = running.items[--running.count];
        }
        free(running.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule__takes_the_longest_path_first),
        cmocka_unit_test(test_schedule__takes_equals_in_their_order),
        cmocka_unit_test(test_schedule__finds_a_circle),
        cmocka_unit_test(test_schedule__keeps_conflicting_locks_apart),
        cmocka_unit_test(test_schedule__a_foreign_key_holds_two_tables),
        cmocka_unit_test(test_schedule__a_parked_task_frees_its_locks_and_holds_up_what_waits_for_it),
        cmocka_unit_test(test_schedule__keeps_the_strongest_lock),
        cmocka_unit_test(test_schedule__runs_everything_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
