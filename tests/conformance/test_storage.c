/*
 * What every storage backend must do, as one suite.  A backend or a decorator joins by a line in `backends`: how to
 * open an empty storage of its kind, and how to open the same one again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "storage-backends/backend.h"

#define THREADS 8

typedef struct backend {
    const char *name;
    /* Open the storage that belongs to a private folder, empty at first; called again, the same content. */
    hf_status (*open)(const char *folder, hf_storage **ret_storage, hf_error *error);
    const char *cut_point; /* a fault point in the middle of a put, or NULL if it has none */
} backend;

static hf_status open_local(const char *folder, hf_storage **ret_storage, hf_error *error)
{
    /* Two levels that do not exist yet: nothing but a put creates them. */
    HF_AUTO_STR url = hf_format("file://%s/not/yet", folder);

    return hf_storage_open(url, ret_storage, error);
}

/* A folder that nobody uses yet is named like a prefix that nobody uses yet. */
static hf_status open_s3(const char *folder, hf_storage **ret_storage, hf_error *error)
{
    const char *name = strrchr(folder, '/') + 1;
    HF_AUTO_STR url = hf_format("%s/%ld/%s", getenv("HF_TEST_S3_URL"), (long) getppid(), name);

    return hf_storage_s3_new(&(hf_storage_options){.url = url,
                                                   .s3 = {.endpoint = getenv("HF_TEST_S3_ENDPOINT"),
                                                          .ca_file = getenv("HF_TEST_S3_CA_FILE")}},
                             ret_storage, error);
}

static hf_status open_s3_retry(const char *folder, hf_storage **ret_storage, hf_error *error)
{
    hf_storage *inner = NULL;
    hf_retry policy = hf_retry_default();

    policy.first_wait_ms = 10;
    HF_TRY(open_s3(folder, &inner, error));
    *ret_storage = hf_storage_retry_new(inner, policy);
    return HF_OK;
}

static hf_status open_local_retry(const char *folder, hf_storage **ret_storage, hf_error *error)
{
    hf_storage *inner = NULL;

    HF_TRY(open_local(folder, &inner, error));
    *ret_storage = hf_storage_retry_new(inner, hf_retry_default());
    return HF_OK;
}

#ifdef HF_FAULT_POINTS
/* Every fourth operation fails before or after it is carried out; with retries none of it shows. */
static hf_status open_local_faults(const char *folder, hf_storage **ret_storage, hf_error *error)
{
    static hf_storage_faults faults;
    hf_storage *inner = NULL;
    hf_retry policy = {.max_tries = 30, .max_total_ms = 60000};

    faults.per_mille = 250;
    faults.seed = 20261121;
    faults.either = true;
    HF_TRY(open_local(folder, &inner, error));
    *ret_storage = hf_storage_retry_new(hf_storage_fault_new(inner, &faults), policy);
    return HF_OK;
}
#endif

/* Which run: those of `local` always; with HF_TEST_S3_URL, HF_TEST_S3_ENDPOINT and keys, the others too (see test_s3_conformance.py). */
static const backend backends[] = {
    {.name = "local", .open = open_local, .cut_point = "storage.local.before_rename"},
    {.name = "local-retry", .open = open_local_retry, .cut_point = "storage.local.before_rename"},
#ifdef HF_FAULT_POINTS
    {.name = "local-faults", .open = open_local_faults, .cut_point = "storage.local.before_rename"},
#endif
    {.name = "s3", .open = open_s3, .cut_point = "storage.s3.before_put"},
    {.name = "s3-retry", .open = open_s3_retry, .cut_point = "storage.s3.before_put"},
};

/* HF_TEST_BACKENDS: the names to run, separated by spaces; else all that can.  HF_TEST_CASES: a pattern of the cases to run. */
static bool is_wanted(const backend *b)
{
    const char *names = getenv("HF_TEST_BACKENDS");
    HF_AUTO_STR padded = hf_format(" %s ", names != NULL ? names : "");
    HF_AUTO_STR name = hf_format(" %s ", b->name);

    if (names != NULL)
        return strstr(padded, name) != NULL;
    return getenv("HF_TEST_S3_URL") != NULL || strncmp(b->name, "s3", 2) != 0;
}

typedef struct fixture {
    const backend *backend;
    char folder[64];
    hf_storage *storage;
    hf_error error;
} fixture;

static int setup(void **state)
{
    fixture *f = hf_alloc(sizeof(*f));

    f->backend = *state;
    (void) snprintf(f->folder, sizeof(f->folder), "/tmp/hf-conformance-XXXXXX");
    if (mkdtemp(f->folder) == NULL || f->backend->open(f->folder, &f->storage, &f->error) != HF_OK)
        return -1;
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void) info;
    (void) type;
    (void) place;
    return remove(path);
}

static int teardown(void **state)
{
    fixture *f = *state;

    hf_storage_free(f->storage);
    (void) nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void put(fixture *f, const char *key, const char *text)
{
    assert_int_equal(hf_storage_put(f->storage, key, text, strlen(text), &f->error), HF_OK);
}

static void expect(fixture *f, const char *key, const char *text)
{
    HF_AUTO_BUF data = HF_BUF_MAX(1 << 20);

    assert_int_equal(hf_storage_get(f->storage, key, &data, &f->error), HF_OK);
    assert_int_equal(data.len, strlen(text));
    assert_string_equal(hf_buf_text(&data), text);
}

static void expect_absent(fixture *f, const char *key)
{
    HF_AUTO_BUF data = HF_BUF_MAX(1 << 20);
    uint64_t bytes = 77;

    assert_int_equal(hf_storage_get(f->storage, key, &data, &f->error), HF_E_NOT_FOUND);
    assert_non_null(strstr(f->error.message, key));
    assert_int_equal(hf_storage_stat(f->storage, key, &bytes, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(bytes, 77);
}

static hf_status collect(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    hf_buf *out = context;

    (void) error;
    hf_buf_printf(out, "%s=%llu\n", key, (unsigned long long) bytes);
    return HF_OK;
}

static void expect_list(fixture *f, const char *prefix, const char *expected)
{
    HF_AUTO_BUF out = HF_BUF_MAX(1 << 20);

    assert_int_equal(hf_storage_list(f->storage, prefix, collect, &out, &f->error), HF_OK);
    assert_string_equal(hf_buf_text(&out), expected);
}

static void test_storage__gives_back_what_was_put(void **state)
{
    fixture *f = *state;

    put(f, "a/b/c.json", "first");
    expect(f, "a/b/c.json", "first");
}

static void test_storage__keeps_any_bytes(void **state)
{
    fixture *f = *state;
    unsigned char bytes[3 * 256];
    HF_AUTO_BUF data = HF_BUF_MAX(sizeof(bytes));

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char) i;

    assert_int_equal(hf_storage_put(f->storage, "bytes", bytes, sizeof(bytes), &f->error), HF_OK);
    assert_int_equal(hf_storage_get(f->storage, "bytes", &data, &f->error), HF_OK);
    assert_int_equal(data.len, sizeof(bytes));
    assert_memory_equal(data.data, bytes, sizeof(bytes));
}

static void test_storage__get_replaces_the_buffer(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF data = HF_BUF_MAX(16);

    put(f, "k", "new");
    hf_buf_puts(&data, "old and much too long for it");
    assert_int_equal(hf_storage_get(f->storage, "k", &data, &f->error), HF_OK);
    assert_string_equal(hf_buf_text(&data), "new");
}

static void test_storage__put_replaces(void **state)
{
    fixture *f = *state;

    put(f, "k", "a longer first value");
    put(f, "k", "second");
    expect(f, "k", "second");
    expect_list(f, "", "k=6\n");
}

static void test_storage__keeps_an_empty_value(void **state)
{
    fixture *f = *state;
    uint64_t bytes = 77;

    assert_int_equal(hf_storage_put(f->storage, "empty", NULL, 0, &f->error), HF_OK);
    expect(f, "empty", "");
    assert_int_equal(hf_storage_stat(f->storage, "empty", &bytes, &f->error), HF_OK);
    assert_int_equal(bytes, 0);
    expect_list(f, "", "empty=0\n");
}

static void test_storage__put_new_refuses_what_is_there(void **state)
{
    fixture *f = *state;

    assert_int_equal(hf_storage_put_new(f->storage, "x/k", "one", 3, &f->error), HF_OK);
    assert_int_equal(hf_storage_put_new(f->storage, "x/k", "two", 3, &f->error), HF_E_EXISTS);
    assert_non_null(strstr(f->error.message, "x/k"));
    expect(f, "x/k", "one");

    assert_int_equal(hf_storage_remove(f->storage, "x/k", &f->error), HF_OK);
    assert_int_equal(hf_storage_put_new(f->storage, "x/k", "three", 5, &f->error), HF_OK);
    expect(f, "x/k", "three");
}

static void test_storage__what_is_absent_is_not_found(void **state)
{
    fixture *f = *state;

    expect_absent(f, "nothing");
    put(f, "folder/value", "v");
    expect_absent(f, "folder");
    expect_absent(f, "folder/value/below");
    expect_absent(f, "folder/other");
}

static void test_storage__stat_tells_the_size(void **state)
{
    fixture *f = *state;
    uint64_t bytes = 0;

    put(f, "a/b", "12345");
    assert_int_equal(hf_storage_stat(f->storage, "a/b", &bytes, &f->error), HF_OK);
    assert_int_equal(bytes, 5);
}

static void test_storage__get_is_bounded(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF small = HF_BUF_MAX(4);
    HF_AUTO_BUF exact = HF_BUF_MAX(5);

    put(f, "k", "12345");
    assert_int_equal(hf_storage_get(f->storage, "k", &small, &f->error), HF_E_LIMIT);
    assert_non_null(strstr(f->error.message, "\"k\""));
    assert_int_equal(hf_storage_get(f->storage, "k", &exact, &f->error), HF_OK);
    assert_string_equal(hf_buf_text(&exact), "12345");
}

static void expect_range(fixture *f, uint64_t offset, size_t len, const char *expected)
{
    HF_AUTO_BUF data = HF_BUF_MAX(16);

    hf_buf_puts(&data, "old");
    assert_int_equal(hf_storage_get_range(f->storage, "k", offset, len, &data, &f->error), HF_OK);
    assert_string_equal(hf_buf_text(&data), expected);
    assert_int_equal(data.len, strlen(expected));
}

static void test_storage__reads_a_part(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF data = HF_BUF_MAX(16);

    put(f, "k", "0123456789");
    expect_range(f, 0, 1, "0");
    expect_range(f, 3, 4, "3456");
    expect_range(f, 0, 16, "0123456789");
    expect_range(f, 9, 16, "9");
    expect_range(f, 10, 1, "");
    expect_range(f, 1 << 20, 16, "");
    expect_range(f, (uint64_t) 1 << 62, 16, "");
    put(f, "k", "");
    expect_range(f, 0, 4, "");

    assert_int_equal(hf_storage_get_range(f->storage, "absent", 0, 4, &data, &f->error), HF_E_NOT_FOUND);
    assert_non_null(strstr(f->error.message, "absent"));
    assert_int_equal(hf_storage_get_range(f->storage, "k", 0, 17, &data, &f->error), HF_E_LIMIT);
    assert_int_equal(hf_storage_get_range(f->storage, "k", 0, 0, &data, &f->error), HF_E_USAGE);
    assert_int_equal(hf_storage_get_range(f->storage, "k", UINT64_MAX, 2, &data, &f->error), HF_E_USAGE);
    assert_int_equal(hf_storage_get_range(f->storage, "../k", 0, 1, &data, &f->error), HF_E_USAGE);
}

static void test_storage__remove_twice_is_no_error(void **state)
{
    fixture *f = *state;

    put(f, "a/k", "v");
    assert_int_equal(hf_storage_remove(f->storage, "a/k", &f->error), HF_OK);
    expect_absent(f, "a/k");
    assert_int_equal(hf_storage_remove(f->storage, "a/k", &f->error), HF_OK);
    assert_int_equal(hf_storage_remove(f->storage, "never/was", &f->error), HF_OK);
    expect_list(f, "", "");
}

static void test_storage__removes_many_at_once(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_strings_done) hf_strings keys = {0}, none = {0};

    assert_int_equal(hf_storage_remove_many(f->storage, &none, &f->error), HF_OK);
    put(f, "kept", "1");
    for (int i = 0; i < 12; i++) {
        HF_AUTO_STR key = hf_format("a/%d:x", i);

        hf_strings_add(&keys, key);
        if (i % 3 != 0)
            put(f, key, "v");
    }
    assert_int_equal(hf_storage_remove_many(f->storage, &keys, &f->error), HF_OK);
    expect_list(f, "", "kept=1\n");

    hf_strings_add(&keys, "../kept");
    assert_int_equal(hf_storage_remove_many(f->storage, &keys, &f->error), HF_E_USAGE);
}

static void test_storage__an_empty_storage_lists_nothing(void **state)
{
    fixture *f = *state;

    expect_list(f, "", "");
    expect_list(f, "a/b/", "");
}

static void test_storage__lists_in_byte_order_of_full_keys(void **state)
{
    fixture *f = *state;

    put(f, "a/z", "1");
    put(f, "a.b", "22");
    put(f, "a-b/y", "333");
    put(f, "a0", "4444");
    put(f, "B", "");
    put(f, "a:b", "5");
    put(f, "_x/...y", "6");
    put(f, "a/-", "7");
    expect_list(f, "", "B=0\n_x/...y=1\na-b/y=3\na.b=2\na/-=1\na/z=1\na0=4\na:b=1\n");
}

static void test_storage__lists_by_prefix(void **state)
{
    fixture *f = *state;

    put(f, "snap/site/1.json", "1");
    put(f, "snap/site/2.json", "1");
    put(f, "snap/site2/3.json", "1");
    put(f, "snapshot", "1");

    expect_list(f, "snap/site/", "snap/site/1.json=1\nsnap/site/2.json=1\n");
    expect_list(f, "snap/site", "snap/site/1.json=1\nsnap/site/2.json=1\nsnap/site2/3.json=1\n");
    expect_list(f, "snap/site/2", "snap/site/2.json=1\n");
    expect_list(f, "snaps", "snapshot=1\n");
    expect_list(f, "snap/site/1.json", "snap/site/1.json=1\n");
    expect_list(f, "snap/site/1.json/", "");
    expect_list(f, "other/", "");
}

static hf_status stop_at_second(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    int *count = context;

    (void) bytes;
    return ++*count == 2 ? hf_fail(error, HF_E_CANCELLED, "enough at \"%s\"", key) : HF_OK;
}

static void test_storage__a_failing_callback_ends_the_listing(void **state)
{
    fixture *f = *state;
    int count = 0;

    put(f, "a/1", "");
    put(f, "a/2", "");
    put(f, "b/3", "");
    assert_int_equal(hf_storage_list(f->storage, "", stop_at_second, &count, &f->error), HF_E_CANCELLED);
    assert_string_equal(f->error.message, "enough at \"a/2\"");
    assert_int_equal(count, 2);
}

static hf_status remove_listed(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) bytes;
    return hf_storage_remove(context, key, error);
}

static void test_storage__keys_may_be_removed_while_listing(void **state)
{
    fixture *f = *state;

    put(f, "a/1", "");
    put(f, "a/2", "");
    put(f, "b", "");
    assert_int_equal(hf_storage_list(f->storage, "", remove_listed, f->storage, &f->error), HF_OK);
    expect_list(f, "", "");
}

static void test_storage__refuses_invalid_keys(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR long_key = hf_alloc(600);
    HF_AUTO_STR long_part = hf_alloc(300);
    HF_AUTO_BUF data = HF_BUF_MAX(16);
    uint64_t bytes = 0;

    memset(long_key, 'a', 520);
    for (size_t i = 100; i < 520; i += 100)
        long_key[i] = '/';
    memset(long_part, 'a', 256);

    const char *const keys[] = {"",       "/",           "/a",    "a/",  "a//b",   ".",      "..",
                                "a/../b", "./a",         "a/..",  "a b", "a\nb",   "a\\b",   "\xc3\xa9",
                                "a*b",    "a/.hf-tmp-1", "a%2fb", "~",   long_key, long_part};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        assert_int_equal(hf_storage_put(f->storage, keys[i], "v", 1, &f->error), HF_E_USAGE);
        assert_int_equal(hf_storage_put_new(f->storage, keys[i], "v", 1, &f->error), HF_E_USAGE);
        assert_int_equal(hf_storage_get(f->storage, keys[i], &data, &f->error), HF_E_USAGE);
        assert_int_equal(hf_storage_stat(f->storage, keys[i], &bytes, &f->error), HF_E_USAGE);
        assert_int_equal(hf_storage_remove(f->storage, keys[i], &f->error), HF_E_USAGE);
    }

    const char *const prefixes[] = {"/", "a//b", "../", "a/../", "a b", long_key};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        assert_int_equal(hf_storage_list(f->storage, prefixes[i], collect, &data, &f->error), HF_E_USAGE);

    expect_list(f, "", "");
}

static void test_storage__keeps_the_longest_key(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR key = hf_alloc(513);

    memset(key, 'k', 512);
    key[255] = '/';
    key[300] = '/';
    put(f, key, "deep");
    expect(f, key, "deep");
}

static void test_storage__opened_again_has_the_same_content(void **state)
{
    fixture *f = *state;

    put(f, "a/b", "kept");
    hf_storage_free(f->storage);
    f->storage = NULL;
    assert_int_equal(f->backend->open(f->folder, &f->storage, &f->error), HF_OK);
    expect(f, "a/b", "kept");
}

static void test_storage__tells_free_bytes(void **state)
{
    fixture *f = *state;
    uint64_t bytes = 0;

    assert_int_equal(hf_storage_free_bytes(f->storage, &bytes, &f->error), HF_OK);
    assert_true(bytes > 0);
}

/* Threads that all start at once. */
typedef struct race {
    hf_storage *storage;
    pthread_barrier_t start;
    void (*run)(struct race *race, size_t number);
    _Atomic int won, lost, failed;
    _Atomic size_t next;
} race;

static void *race_thread(void *context)
{
    race *r = context;
    size_t number = atomic_fetch_add(&r->next, 1);

    pthread_barrier_wait(&r->start);
    r->run(r, number);
    return NULL;
}

static void run_race(race *r)
{
    pthread_t threads[THREADS];

    assert_int_equal(pthread_barrier_init(&r->start, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race_thread, r), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&r->start);
}

/* A value of one repeated letter, of another length for each thread. */
static size_t race_value(size_t number, char out[70000])
{
    size_t len = 60000 + number;

    memset(out, 'a' + (int) number, len);
    return len;
}

static void run_put_new(race *r, size_t number)
{
    char value[70000];
    size_t len = race_value(number, value);
    hf_status status = hf_storage_put_new(r->storage, "locks/one", value, len, NULL);

    atomic_fetch_add(status == HF_OK ? &r->won : status == HF_E_EXISTS ? &r->lost : &r->failed, 1);
}

static void run_put(race *r, size_t number)
{
    char value[70000];
    size_t len = race_value(number, value);

    for (int i = 0; i < 5; i++)
        atomic_fetch_add(
            hf_storage_put(r->storage, "shared/one", value, len, NULL) == HF_OK ? &r->won : &r->failed, 1);
}

/* Whole values only, also while others are being put. */
static void run_put_and_get(race *r, size_t number)
{
    HF_AUTO_BUF data = HF_BUF_MAX(70000);

    run_put(r, number);
    for (int i = 0; i < 20; i++) {
        bool whole = hf_storage_get(r->storage, "shared/one", &data, NULL) == HF_OK && data.len >= 60000 &&
                     data.len == 60000 + (size_t) (data.data[0] - 'a') &&
                     data.data[data.len - 1] == data.data[0];

        if (!whole)
            atomic_fetch_add(&r->failed, 1);
    }
}

static void run_put_apart(race *r, size_t number)
{
    for (int i = 0; i < 10; i++) {
        HF_AUTO_STR key = hf_format("objects/%zu%d/%zu", number, i % 3, number * 100 + (size_t) i);

        atomic_fetch_add(hf_storage_put(r->storage, key, "v", 1, NULL) == HF_OK ? &r->won : &r->failed, 1);
    }
}

static void test_storage__of_many_put_new_one_wins(void **state)
{
    fixture *f = *state;

    for (int round = 0; round < 5; round++) {
        race r = {.storage = f->storage, .run = run_put_new};
        HF_AUTO_BUF data = HF_BUF_MAX(70000);

        run_race(&r);
        assert_int_equal(r.won, 1);
        assert_int_equal(r.lost, THREADS - 1);
        assert_int_equal(hf_storage_get(f->storage, "locks/one", &data, &f->error), HF_OK);
        assert_int_equal(data.len, 60000 + (size_t) (data.data[0] - 'a'));
        assert_int_equal(hf_storage_remove(f->storage, "locks/one", &f->error), HF_OK);
    }
}

static void test_storage__concurrent_puts_leave_one_whole_value(void **state)
{
    fixture *f = *state;
    race r = {.storage = f->storage, .run = run_put_and_get};

    run_race(&r);
    assert_int_equal(r.failed, 0);
    assert_int_equal(r.won, THREADS * 5);
}

static void test_storage__threads_put_different_keys(void **state)
{
    fixture *f = *state;
    race r = {.storage = f->storage, .run = run_put_apart};
    HF_AUTO_BUF out = HF_BUF_MAX(1 << 20);
    size_t lines = 0;

    run_race(&r);
    assert_int_equal(r.won, THREADS * 10);
    assert_int_equal(hf_storage_list(f->storage, "objects/", collect, &out, &f->error), HF_OK);
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, THREADS * 10);
}

static void kill_child_in_put(fixture *f, const char *key, const char *value, bool only_new)
{
    HF_AUTO_STR fault = hf_format("%s:kill", f->backend->cut_point);
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void) setenv("HOLDFAST_FAULT", fault, 1);
        if (only_new)
            _exit(hf_storage_put_new(f->storage, key, value, strlen(value), NULL) == HF_OK ? 1 : 2);
        _exit(hf_storage_put(f->storage, key, value, strlen(value), NULL) == HF_OK ? 1 : 2);
    }

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_storage__a_killed_put_leaves_nothing_visible(void **state)
{
    fixture *f = *state;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    if (f->backend->cut_point == NULL)
        skip();

    put(f, "a/old", "old");
    kill_child_in_put(f, "a/new", "half", false);
    kill_child_in_put(f, "a/old", "half", false);
    kill_child_in_put(f, "locks/one", "half", true);
    expect_absent(f, "a/new");
    expect(f, "a/old", "old");
    expect_list(f, "", "a/old=3\n");

    assert_int_equal(hf_storage_put_new(f->storage, "locks/one", "mine", 4, &f->error), HF_OK);
    expect_list(f, "", "a/old=3\nlocks/one=4\n");
}

static void test_storage__a_sweep_removes_what_killed_puts_left(void **state)
{
    fixture *f = *state;
    hf_storage_swept swept = {0};

#ifndef HF_FAULT_POINTS
    skip();
#endif
    if (f->backend->cut_point == NULL)
        skip();

    put(f, "a/old", "old");
    kill_child_in_put(f, "locks/one", "half", true);
    assert_int_equal(hf_storage_sweep(f->storage, 3600000, &swept, &f->error), HF_OK);
    assert_int_equal(swept.count, 0);
    assert_int_equal(hf_storage_sweep(f->storage, -60000, &swept, &f->error), HF_OK);
    assert_int_equal(swept.count, 1);
    assert_int_equal(hf_storage_sweep(f->storage, -60000, &swept, &f->error), HF_OK);
    assert_int_equal(swept.count, 1);
    expect_list(f, "", "a/old=3\n");
}

static hf_status collect_time(void *context, const hf_storage_entry *entry, hf_error *error)
{
    int64_t *times = context;

    (void) error;
    assert_true(entry->key[0] == 'a' || entry->key[0] == 'b');
    times[entry->key[0] - 'a'] = entry->modified_ms;
    return HF_OK;
}

/* Services tell whole seconds, and may have a clock of their own. */
static void test_storage__tells_when_a_value_was_put(void **state)
{
    fixture *f = *state;
    int64_t before[2] = {0}, after[2] = {0};

    put(f, "a", "1");
    put(f, "b", "1");
    assert_int_equal(hf_storage_list_entries(f->storage, "", collect_time, before, &f->error), HF_OK);
    assert_true(before[1] >= before[0] && before[1] - before[0] < 60000);
    assert_true(llabs(before[0] - hf_now_ms()) < 3600000);
    (void) usleep(1100000);
    put(f, "a", "2");
    assert_int_equal(hf_storage_list_entries(f->storage, "", collect_time, after, &f->error), HF_OK);
    assert_true(after[0] > before[0] && after[1] == before[1]);
}

/* What the URL parser refuses; it belongs to no backend. */
static void test_storage_open__refuses_malformed_urls(void **state)
{
    const char *const urls[] = {
        "",         "/var/lib/holdfast",        "file:/x", "file://relative", "file://",
        "file:///", "ftp://user:secret@host/x", "://"};

    (void) state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        hf_storage *storage = NULL;
        hf_error error = {0};

        assert_int_equal(hf_storage_open(urls[i], &storage, &error), HF_E_USAGE);
        assert_null(storage);
        assert_string_not_equal(error.hint, "");
        assert_null(strstr(error.message, "secret"));
    }
}

static void test_storage_open__keeps_the_url(void **state)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = NULL;
    hf_error error = {0};

    (void) state;
    assert_int_equal(hf_storage_open("file:///tmp/some where/", &storage, &error), HF_OK);
    assert_string_equal(hf_storage_url(storage), "file:///tmp/some where");
}

int main(void)
{
    int failed = 0;
    const struct CMUnitTest url_tests[] = {
        cmocka_unit_test(test_storage_open__refuses_malformed_urls),
        cmocka_unit_test(test_storage_open__keeps_the_url),
    };

    if (getenv("HF_TEST_CASES") != NULL)
        cmocka_set_test_filter(getenv("HF_TEST_CASES"));
    failed += cmocka_run_group_tests_name("storage urls", url_tests, NULL, NULL);

    for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++) {
#define CASE(test) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, (void *) &backends[i])
        const struct CMUnitTest tests[] = {
            CASE(test_storage__gives_back_what_was_put),
            CASE(test_storage__keeps_any_bytes),
            CASE(test_storage__get_replaces_the_buffer),
            CASE(test_storage__put_replaces),
            CASE(test_storage__keeps_an_empty_value),
            CASE(test_storage__put_new_refuses_what_is_there),
            CASE(test_storage__what_is_absent_is_not_found),
            CASE(test_storage__stat_tells_the_size),
            CASE(test_storage__get_is_bounded),
            CASE(test_storage__reads_a_part),
            CASE(test_storage__remove_twice_is_no_error),
            CASE(test_storage__removes_many_at_once),
            CASE(test_storage__an_empty_storage_lists_nothing),
            CASE(test_storage__lists_in_byte_order_of_full_keys),
            CASE(test_storage__lists_by_prefix),
            CASE(test_storage__a_failing_callback_ends_the_listing),
            CASE(test_storage__keys_may_be_removed_while_listing),
            CASE(test_storage__refuses_invalid_keys),
            CASE(test_storage__keeps_the_longest_key),
            CASE(test_storage__opened_again_has_the_same_content),
            CASE(test_storage__tells_free_bytes),
            CASE(test_storage__of_many_put_new_one_wins),
            CASE(test_storage__concurrent_puts_leave_one_whole_value),
            CASE(test_storage__threads_put_different_keys),
            CASE(test_storage__a_killed_put_leaves_nothing_visible),
            CASE(test_storage__a_sweep_removes_what_killed_puts_left),
            CASE(test_storage__tells_when_a_value_was_put),
        };

        if (!is_wanted(&backends[i]))
            continue;
        failed +=
            _cmocka_run_group_tests(backends[i].name, tests, sizeof(tests) / sizeof(*tests), NULL, NULL);
    }

    return failed;
}
