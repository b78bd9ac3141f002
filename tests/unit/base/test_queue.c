/* labels: tsan */
#include "unit.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/queue.h"

#define ITEMS 500

typedef struct record {
    atomic_int done[ITEMS];
    atomic_int started, stopped, worked;
    size_t fail_item;  /* past ITEMS: none */
    size_t fail_start; /* likewise */
} record;

static hf_status start(void *context, size_t worker, void **ret_state, hf_error *error)
{
    record *self = context;

    if (worker == self->fail_start)
        return hf_fail(error, HF_E_CONNECTION, "worker %zu has no connection", worker);
    *ret_state = hf_alloc(sizeof(size_t));
    (void) atomic_fetch_add(&self->started, 1);
    return HF_OK;
}

static hf_status work(void *context, void *state, size_t item, hf_error *error)
{
    record *self = context;

    *(size_t *) state += 1;
    (void) atomic_fetch_add(&self->worked, 1);
    (void) atomic_fetch_add(&self->done[item], 1);
    if (item >= self->fail_item)
        return hf_fail(error, HF_E_CORRUPT, "item %zu is broken", item);
    if (self->fail_item < ITEMS)
        return hf_sleep_ms(1, error);
    return HF_OK;
}

static void stop(void *context, void *state)
{
    record *self = context;

    (void) atomic_fetch_add(&self->stopped, 1);
    free(state);
}

static const hf_pool_ops ops = {.start = start, .work = work, .stop = stop};

static void test_queue__every_item_once(void **state)
{
    (void) state;
    static const struct {
        size_t workers, count;
        int threads;
    } cases[] = {{1, ITEMS, 1}, {4, ITEMS, 4}, {8, 3, 3}, {0, 5, 1}, {4, 0, 0}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        record *self = hf_alloc(sizeof(*self));

        self->fail_item = self->fail_start = SIZE_MAX;
        assert_ok(hf_pool_run(&ops, self, cases[i].workers, cases[i].count, NULL));
        for (size_t j = 0; j < ITEMS; j++)
            assert_int_equal(atomic_load(&self->done[j]), j < cases[i].count);
        assert_int_equal(atomic_load(&self->started), cases[i].threads);
        assert_int_equal(atomic_load(&self->stopped), cases[i].threads);
        free(self);
    }
}

static void test_queue__the_first_error_stops_all(void **state)
{
    (void) state;
    record *self = hf_alloc(sizeof(*self));
    hf_error error = {0};

    self->fail_item = 10;
    self->fail_start = SIZE_MAX;
    assert_int_equal(hf_pool_run(&ops, self, 4, ITEMS, &error), HF_E_CORRUPT);
    assert_int_equal(error.code, HF_E_CORRUPT);
    assert_non_null(strstr(error.message, "is broken"));
    /* The failing item, and at most one more for each other worker. */
    assert_in_range(atomic_load(&self->worked), 11, 10 + 4);
    assert_int_equal(atomic_load(&self->started), atomic_load(&self->stopped));
    free(self);
}

static void test_queue__a_worker_that_cannot_start_is_an_error(void **state)
{
    (void) state;
    record *self = hf_alloc(sizeof(*self));
    hf_error error = {0};

    self->fail_item = SIZE_MAX;
    self->fail_start = 0;
    assert_int_equal(hf_pool_run(&ops, self, 1, ITEMS, &error), HF_E_CONNECTION);
    assert_string_equal(error.message, "worker 0 has no connection");
    assert_int_equal(atomic_load(&self->worked), 0);
    assert_int_equal(atomic_load(&self->stopped), 0);
    free(self);
}

static hf_status count_only(void *context, void *state, size_t item, hf_error *error)
{
    (void) item;
    (void) error;
    assert_null(state);
    (void) atomic_fetch_add((atomic_int *) context, 1);
    return HF_OK;
}

static void test_queue__start_and_stop_are_optional(void **state)
{
    (void) state;
    atomic_int count = 0;
    const hf_pool_ops small = {.work = count_only};

    assert_ok(hf_pool_run(&small, &count, 3, 100, NULL));
    assert_int_equal(atomic_load(&count), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__every_item_once),
        cmocka_unit_test(test_queue__the_first_error_stops_all),
        cmocka_unit_test(test_queue__a_worker_that_cannot_start_is_an_error),
        cmocka_unit_test(test_queue__start_and_stop_are_optional),
    };

    return cmocka_run_group_tests_name("base/queue", tests, NULL, NULL);
}
