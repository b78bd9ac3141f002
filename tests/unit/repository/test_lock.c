/* labels: tsan */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "repository/holder.h"
#include "repository/lock.h"

#define KEY "locks/site.json"
#define THREADS 8

static void expect_take(fixture *f, hf_status expected)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    hf_status status = hf_lock_take(f->repository, TARGET, "test", &lock, &f->error);

    if (status != expected)
        fail_msg("%s: %s", hf_status_name(status), f->error.message);
}

static bool is_locked(const fixture *f)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    uint64_t bytes = 0;

    return hf_storage_stat(storage, KEY, &bytes, NULL) == HF_OK;
}

/* Store a lock of somebody else. */
static void put_holder(fixture *f, const char *key, const hf_holder *holder)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    HF_AUTO_STR text = hf_holder_write(holder);

    assert_int_equal(hf_storage_put(storage, key, text, strlen(text), &f->error), HF_OK);
}

/* A process that has ended: forked, waited for. */
static hf_holder ended_holder(void)
{
    hf_holder holder = hf_holder_self(TARGET, "deploy");
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    holder.pid = child;
    return holder;
}

static void test_lock__is_had_once(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;

    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_OK);
    expect_take(f, HF_E_BUSY);
    HF_AUTO_STR pid = hf_format("backup by process %d", (int) getpid());

    assert_non_null(strstr(f->error.message, pid));
    assert_non_null(strstr(f->error.message, "\"site\""));
    assert_non_null(strstr(f->error.hint, KEY));

    hf_lock_releasep(&lock);
    assert_false(is_locked(f));
    expect_take(f, HF_OK);
}

static void test_lock__targets_do_not_hinder_each_other(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO(hf_lock_releasep) hf_lock *other = NULL;

    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_OK);
    assert_int_equal(hf_lock_take(f->repository, "site2", "backup", &other, &f->error), HF_OK);
    hf_lock *invalid = NULL;

    assert_int_equal(hf_lock_take(f->repository, "a/b", "backup", &invalid, &f->error), HF_E_USAGE);
}

static void test_lock__of_a_running_process_stays(void **state)
{
    fixture *f = *state;
    int pipe_fds[2];
    char byte = 0;

    assert_int_equal(pipe(pipe_fds), 0);
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        hf_lock *lock = NULL;

        if (hf_lock_take(f->repository, TARGET, "deploy", &lock, NULL) != HF_OK ||
            write(pipe_fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void) pause();
    }

    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    expect_take(f, HF_E_BUSY);

    /* Killed but not yet waited for, it is as gone as it will be. */
    assert_int_equal(kill(child, SIGKILL), 0);
    siginfo_t info;

    assert_int_equal(waitid(P_PID, (id_t) child, &info, WEXITED | WNOWAIT), 0);
    expect_take(f, HF_OK);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(close(pipe_fds[0]) + close(pipe_fds[1]), 0);
}

typedef enum { ENDED, NUMBER_REUSED, OTHER_BOOT, OTHER_HOST, NO_BOOT_ID, NO_START } holder_kind;

static const struct {
    const char *what;
    holder_kind kind;
    hf_status status;
} holders[] = {
    {"a process that ended", ENDED, HF_OK},
    {"a process number given to another", NUMBER_REUSED, HF_OK},
    {"a boot before this one", OTHER_BOOT, HF_OK},
    {"another host", OTHER_HOST, HF_E_BUSY},
    {"an unknown boot", NO_BOOT_ID, HF_E_BUSY},
    {"a running process of unknown start", NO_START, HF_E_BUSY},
};

static void test_lock__only_a_dead_one_of_this_machine_is_taken_over(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < sizeof(holders) / sizeof(*holders); i++) {
        HF_AUTO(hf_holder_done)
        hf_holder holder = holders[i].kind == ENDED ? ended_holder() : hf_holder_self(TARGET, "deploy");
        char **text = holders[i].kind == OTHER_HOST ? &holder.host : &holder.boot_id;

        if (holders[i].kind == NUMBER_REUSED)
            holder.start_ticks += 1;
        if (holders[i].kind == NO_START)
            holder.start_ticks = 0;
        if (holders[i].kind == OTHER_BOOT || holders[i].kind == OTHER_HOST || holders[i].kind == NO_BOOT_ID) {
            free(*text);
            *text = hf_strdup(holders[i].kind == NO_BOOT_ID ? "" : "another");
        }

        put_holder(f, KEY, &holder);
        hf_lock *lock = NULL;
        hf_status status = hf_lock_take(f->repository, TARGET, "test", &lock, &f->error);

        if (status != holders[i].status)
            fail_msg("%s: %s: %s", holders[i].what, hf_status_name(status), f->error.message);
        hf_lock_release(lock);
    }
}

static void test_lock__an_unreadable_one_is_held(void **state)
{
    fixture *f = *state;
    static const char *const texts[] = {"", "{", "[]", "{\"format\":1}", "{\"format\":2}"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);

        assert_int_equal(hf_storage_put(storage, KEY, texts[i], strlen(texts[i]), &f->error), HF_OK);
        expect_take(f, HF_E_BUSY);
        assert_non_null(strstr(f->error.hint, KEY));
    }
}

static void test_lock__release_leaves_anothers_lock(void **state)
{
    fixture *f = *state;
    hf_lock *lock = NULL;

    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_OK);
    HF_AUTO(hf_holder_done) hf_holder other = hf_holder_self(TARGET, "deploy");

    put_holder(f, KEY, &other);
    hf_lock_release(lock);
    assert_true(is_locked(f));
}

static hf_status fail_on_claim(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) context;
    (void) bytes;
    return hf_fail(error, HF_E_EXISTS, "\"%s\" was left behind", key);
}

/* Takers killed in their takeovers left claims, one to the other. */
static void test_lock__claims_of_the_dead_hinder_nobody(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_holder_done) hf_holder first = ended_holder();
    HF_AUTO(hf_holder_done) hf_holder second = ended_holder();
    HF_AUTO(hf_holder_done) hf_holder third = ended_holder();
    HF_AUTO_STR claim = hf_format("locks/site:takeover:%s", first.id);
    HF_AUTO_STR claim_to_claim = hf_format("locks/site:takeover:%s", second.id);
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);

    put_holder(f, KEY, &first);
    put_holder(f, claim, &second);
    put_holder(f, claim_to_claim, &third);
    expect_take(f, HF_OK);
    assert_int_equal(hf_storage_list(storage, "locks/", fail_on_claim, NULL, &f->error), HF_OK);
}

static void test_lock__a_live_claim_is_respected(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_holder_done) hf_holder gone = ended_holder();
    HF_AUTO(hf_holder_done) hf_holder taker = hf_holder_self(TARGET, "resume");
    HF_AUTO_STR claim = hf_format("locks/site:takeover:%s", gone.id);

    put_holder(f, KEY, &gone);
    put_holder(f, claim, &taker);
    expect_take(f, HF_E_BUSY);
    assert_non_null(strstr(f->error.message, "resume"));
}

/* A taker is killed at each write of its takeover; the next one succeeds. */
static void test_lock__a_killed_takeover_is_taken_over(void **state)
{
    fixture *f = *state;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    for (int point = 1; point <= 4; point++) {
        HF_AUTO(hf_holder_done) hf_holder gone = ended_holder();
        HF_AUTO_STR fault = hf_format("*:kill:%d", point);
        int status = 0;

        put_holder(f, KEY, &gone);
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            hf_lock *lock = NULL;

            (void) setenv("HOLDFAST_FAULT", fault, 1);
            _exit(hf_lock_take(f->repository, TARGET, "deploy", &lock, NULL) == HF_OK ? 1 : 2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        expect_take(f, HF_OK);
    }
}

typedef struct race {
    fixture *fixture;
    pthread_barrier_t start;
    _Atomic int inside, won, busy, failed;
} race;

static void *run_taker(void *context)
{
    race *r = context;
    hf_lock *lock = NULL;

    pthread_barrier_wait(&r->start);
    hf_status status = hf_lock_take(r->fixture->repository, TARGET, "race", &lock, NULL);

    atomic_fetch_add(status == HF_OK ? &r->won : status == HF_E_BUSY ? &r->busy : &r->failed, 1);
    if (status == HF_OK && atomic_fetch_add(&r->inside, 1) != 0)
        atomic_fetch_add(&r->failed, 1);
    pthread_barrier_wait(&r->start); /* held until all have tried */
    hf_lock_release(lock);
    return NULL;
}

static void test_lock__of_many_takers_of_a_dead_lock_one_wins(void **state)
{
    fixture *f = *state;

    for (int round = 0; round < 20; round++) {
        HF_AUTO(hf_holder_done) hf_holder gone = ended_holder();
        race r = {.fixture = f};
        pthread_t threads[THREADS];

        put_holder(f, KEY, &gone);
        assert_int_equal(pthread_barrier_init(&r.start, NULL, THREADS), 0);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, run_taker, &r), 0);
        for (size_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        pthread_barrier_destroy(&r.start);

        assert_int_equal(r.failed, 0);
        assert_int_equal(r.won, 1);
        assert_int_equal(r.busy, THREADS - 1);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_lock__is_had_once),
        CASE(test_lock__targets_do_not_hinder_each_other),
        CASE(test_lock__of_a_running_process_stays),
        CASE(test_lock__only_a_dead_one_of_this_machine_is_taken_over),
        CASE(test_lock__an_unreadable_one_is_held),
        CASE(test_lock__release_leaves_anothers_lock),
        CASE(test_lock__claims_of_the_dead_hinder_nobody),
        CASE(test_lock__a_live_claim_is_respected),
        CASE(test_lock__a_killed_takeover_is_taken_over),
        CASE(test_lock__of_many_takers_of_a_dead_lock_one_wins),
    };

    return cmocka_run_group_tests_name("repository/lock", tests, NULL, NULL);
}
