/* Every storage operation of taking a snapshot fails in turn, before it or after it, or the process is killed there. */
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "repository/lock.h"

#define OLD "20261120T020000Z-aaaa01"
#define OLD_MS 1795140000000
#define NEW_MS 1795226400000

#ifdef HF_FAULT_POINTS

#include "storage-backends/backend.h"

typedef struct attempt {
    hf_storage_faults faults;
    hf_repository *repository;
} attempt;

static void open_attempt(const fixture *f, attempt *a)
{
    hf_storage *storage = hf_storage_fault_new(open_storage(f), &a->faults);
    hf_error error = {0};

    assert_int_equal(hf_repository_open(storage, NULL, &a->repository, &error), HF_OK);
    a->faults.operations = 0;
}

/* What a backup asks of the repository: the lock, a new object that is read back, one that is there already, the seal. */
static hf_status take(const fixture *f, attempt *a, hf_manifest *manifest, hf_error *error)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO_STR text = hf_format("{\"entries\":[],\"of\":\"%s\"}", manifest->id);
    HF_AUTO_BUF content = HF_BUF_MAX(1 << 20);
    hf_object_ref again;
    bool is_new = false;

    HF_TRY(hf_lock_take(a->repository, TARGET, "backup", &lock, error));
    HF_TRY(hf_repository_put_object(a->repository, f->zstd, 3, true, text, strlen(text), &manifest->schema,
                                    &is_new, error));
    HF_TRY(hf_repository_get_object(a->repository, f->zstd, &manifest->schema, &content, error));
    HF_TRY(hf_repository_put_object(a->repository, f->zstd, 3, true, text, strlen(text), &again, &is_new,
                                    error));
    return hf_repository_seal(a->repository, manifest, error);
}

typedef enum outcome { UNTOUCHED, SUCCEEDED, FAILED } outcome;

/* In a process of its own, so that what it leaves is left by somebody who is gone. */
static outcome try_take(const fixture *f, attempt *a, hf_manifest *manifest)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        hf_error error = {0};

        if (take(f, a, manifest, &error) == HF_OK)
            _exit(a->faults.hits == 0 ? UNTOUCHED : SUCCEEDED);
        if (error.code == HF_E_STORAGE)
            _exit(FAILED);
        (void) fprintf(stderr, "operation %d: %s\n", (int) a->faults.at, error.message);
        abort();
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (a->faults.kill && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return FAILED;
    assert_true(WIFEXITED(status));
    return (outcome) WEXITSTATUS(status);
}

/* Whole, or not there. */
static bool exists_whole(fixture *f, const char *id)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};
    hf_status status = hf_repository_load(f->repository, TARGET, id, &manifest, &f->error);

    if (status == HF_E_NOT_FOUND)
        return false;
    assert_int_equal(status, HF_OK);
    assert_int_equal(hf_repository_verify(f->repository, manifest, true, 1, &damage, &f->error), HF_OK);
    assert_int_equal(damage.count, 0);
    return true;
}

static void expect_all_or_nothing(fixture *f, bool after, bool kill)
{
    seal_new(f, OLD, OLD_MS);
    for (uint64_t at = 1;; at++) {
        HF_AUTO_STR id = hf_format("20261121T0200%02lluZ-fault", (unsigned long long) at);
        HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, id, NEW_MS + (int64_t) at);
        attempt a = {.faults = {.after = after, .kill = kill}};

        open_attempt(f, &a);
        a.faults.at = at;
        outcome how = try_take(f, &a, manifest);
        hf_repository_free(a.repository);

        assert_true(exists_whole(f, OLD));
        const bool exists = exists_whole(f, id);

        assert_true(exists || how == FAILED);

        /* What it left of the lock is no obstacle. */
        hf_lock *lock = NULL;

        assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_OK);
        hf_lock_release(lock);
        if (how == UNTOUCHED) {
            assert_true(at > 10); /* there were operations to fail */
            return;
        }
    }
}

static void test_seal__fails_cleanly_before_any_operation(void **state)
{
    expect_all_or_nothing(*state, false, false);
}

static void test_seal__fails_cleanly_after_any_operation(void **state)
{
    expect_all_or_nothing(*state, true, false);
}

static void test_seal__survives_a_kill_before_any_operation(void **state)
{
    expect_all_or_nothing(*state, false, true);
}

static void test_seal__survives_a_kill_after_any_operation(void **state)
{
    expect_all_or_nothing(*state, true, true);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_seal__fails_cleanly_before_any_operation),
        CASE(test_seal__fails_cleanly_after_any_operation),
        CASE(test_seal__survives_a_kill_before_any_operation),
        CASE(test_seal__survives_a_kill_after_any_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* without fault points there is nothing to make fail */
}

#endif
