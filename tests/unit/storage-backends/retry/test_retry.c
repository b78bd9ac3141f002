/* The retry decorator around a backend that fails as told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "storage-backends/backend.h"

typedef struct fake {
    hf_storage storage;
    int calls;
    int failures; /* so many calls fail first */
    hf_status failure;
    int64_t retry_after_ms;
    bool done_anyway; /* a failing put has been carried out */
    char value[64];
} fake;

static hf_status maybe_fail(fake *f, hf_error *error)
{
    if (f->calls++ >= f->failures)
        return HF_OK;
    (void) hf_fail(error, f->failure, "trouble %d", f->calls);
    error->retry_after_ms = f->retry_after_ms;
    return f->failure;
}

static hf_status fake_put(hf_storage *storage, const char *key, const void *data, size_t len, bool only_new,
                          hf_error *error)
{
    fake *f = (fake *) storage;
    const bool exists = f->value[0] != '\0';
    hf_status status = maybe_fail(f, error);

    if (only_new && exists && status == HF_OK)
        return hf_fail(error, HF_E_EXISTS, "\"%s\" exists", key);
    if (status == HF_OK || f->done_anyway)
        (void) snprintf(f->value, sizeof(f->value), "%.*s", (int) len, (const char *) data);
    return status;
}

static hf_status fake_get(hf_storage *storage, const char *key, const hf_storage_range *range,
                          hf_buf *ret_data, hf_error *error)
{
    fake *f = (fake *) storage;

    (void) key;
    (void) range;
    hf_buf_puts(ret_data, f->value);
    return maybe_fail(f, error);
}

static hf_status fake_list(hf_storage *storage, const char *prefix, hf_storage_on_entry on_entry,
                           void *context, hf_error *error)
{
    (void) prefix;
    HF_TRY(on_entry(context, &(hf_storage_entry){.key = "a"}, error));
    HF_TRY(on_entry(context, &(hf_storage_entry){.key = "b"}, error));
    HF_TRY(maybe_fail((fake *) storage, error));
    return on_entry(context, &(hf_storage_entry){.key = "c"}, error);
}

static void fake_free(hf_storage *storage)
{
    free(storage);
}

static const hf_storage_ops fake_ops = {
    .name = "fake", .put = fake_put, .get = fake_get, .list = fake_list, .free = fake_free};

static hf_storage *wrap(fake **ret_fake, int failures, hf_status failure)
{
    fake *f = hf_alloc(sizeof(*f));

    f->storage.ops = &fake_ops;
    f->storage.url = hf_strdup("fake://x");
    f->failures = failures;
    f->failure = failure;
    *ret_fake = f;
    return hf_storage_retry_new(
        &f->storage, (hf_retry){.max_tries = 4, .max_total_ms = 5000, .first_wait_ms = 1, .max_wait_ms = 2});
}

static void test_retry__transient_failures_are_tried_again(void **state)
{
    fake *f;
    HF_AUTO(hf_storage_freep) hf_storage *storage = wrap(&f, 3, HF_E_STORAGE);
    HF_AUTO_BUF data = HF_BUF_MAX(64);
    hf_error error = {0};

    (void) state;
    assert_string_equal(hf_storage_url(storage), "fake://x");
    assert_int_equal(hf_storage_put(storage, "k", "v", 1, NULL), HF_OK);
    assert_int_equal(f->calls, 4);
    f->calls = 0;
    assert_int_equal(hf_storage_get(storage, "k", &data, &error), HF_OK);
    assert_string_equal(hf_buf_text(&data), "v"); /* and not what the failed tries had read */
}

static void test_retry__the_last_error_tells_the_tries(void **state)
{
    fake *f;
    HF_AUTO(hf_storage_freep) hf_storage *storage = wrap(&f, 99, HF_E_STORAGE);
    hf_error error = {0};

    (void) state;
    assert_int_equal(hf_storage_put(storage, "k", "v", 1, &error), HF_E_STORAGE);
    assert_int_equal(f->calls, 4);
    assert_non_null(strstr(error.message, "after 4 tries in "));
    assert_non_null(strstr(error.message, ": trouble 4"));
}

static void test_retry__permanent_failures_are_final(void **state)
{
    static const hf_status statuses[] = {HF_E_NOT_FOUND, HF_E_STORAGE_DENIED, HF_E_STORAGE_FULL, HF_E_USAGE,
                                         HF_E_CANCELLED};

    (void) state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        fake *f;
        HF_AUTO(hf_storage_freep) hf_storage *storage = wrap(&f, 99, statuses[i]);
        hf_error error = {0};

        assert_int_equal(hf_storage_put(storage, "k", "v", 1, &error), statuses[i]);
        assert_int_equal(f->calls, 1);
        assert_string_equal(error.message, "trouble 1");
    }
}

static void test_retry__waits_as_long_as_it_is_asked_to(void **state)
{
    fake *f;
    HF_AUTO(hf_storage_freep) hf_storage *storage = wrap(&f, 1, HF_E_STORAGE);
    const int64_t began = hf_monotonic_ms();

    (void) state;
    f->retry_after_ms = 150;
    assert_int_equal(hf_storage_put(storage, "k", "v", 1, NULL), HF_OK);
    assert_true(hf_monotonic_ms() - began >= 150);
}

static void test_retry__a_lost_reply_to_put_new_is_settled(void **state)
{
    fake *f;
    HF_AUTO(hf_storage_freep) hf_storage *storage = wrap(&f, 1, HF_E_STORAGE);

    (void) state;
    f->done_anyway = true;
    assert_int_equal(hf_storage_put_new(storage, "k", "mine", 4, NULL), HF_OK);
    assert_string_equal(f->value, "mine");

    /* Another's value stays another's. */
    f->calls = 0;
    f->done_anyway = false;
    assert_int_equal(hf_storage_put_new(storage, "k", "other", 5, NULL), HF_E_EXISTS);
    assert_string_equal(f->value, "mine");
    /* And without a failed try before, our own bytes are no proof. */
    assert_int_equal(hf_storage_put_new(storage, "k", "mine", 4, NULL), HF_E_EXISTS);
}

static hf_status collect(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) bytes;
    (void) error;
    hf_buf_puts(context, key);
    return HF_OK;
}

static hf_status refuse(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) bytes;
    ++*(int *) context;
    return hf_fail(error, HF_E_STORAGE, "not \"%s\"", key);
}

static void test_retry__a_listing_tells_each_key_once(void **state)
{
    fake *f;
    HF_AUTO(hf_storage_freep) hf_storage *storage = wrap(&f, 2, HF_E_STORAGE);
    HF_AUTO_BUF seen = HF_BUF_MAX(64);
    int count = 0;

    (void) state;
    assert_int_equal(hf_storage_list(storage, "", collect, &seen, NULL), HF_OK);
    assert_string_equal(hf_buf_text(&seen), "abc");
    assert_int_equal(hf_storage_list(storage, "", refuse, &count, NULL), HF_E_STORAGE);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry__transient_failures_are_tried_again),
        cmocka_unit_test(test_retry__the_last_error_tells_the_tries),
        cmocka_unit_test(test_retry__permanent_failures_are_final),
        cmocka_unit_test(test_retry__waits_as_long_as_it_is_asked_to),
        cmocka_unit_test(test_retry__a_lost_reply_to_put_new_is_settled),
        cmocka_unit_test(test_retry__a_listing_tells_each_key_once),
    };

    return cmocka_run_group_tests_name("retry decorator", tests, NULL, NULL);
}
