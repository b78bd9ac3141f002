/* labels: tsan */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "repository/holder.h"
#include "repository/lock.h"
#include "repository/presence.h"

#define MINUTE 60000

static void presence_endp(hf_presence **presence)
{
    hf_presence_end(*presence);
    *presence = NULL;
}
#define AUTO_PRESENCE HF_AUTO(presence_endp) hf_presence *

static void begin(fixture *f, hf_presence_kind kind, hf_status expected, hf_presence **ret_presence)
{
    hf_status status =
        hf_presence_begin(hf_repository_storage(f->repository), kind, "test", NULL, ret_presence, &f->error);

    if (status != expected)
        fail_msg("%s: %s", hf_status_name(status), f->error.message);
}

static bool is_there(fixture *f, const char *key)
{
    HF_AUTO_STR path = file_of(f, key);

    return access(path, F_OK) == 0;
}

/* The storage's clock is the file's time. */
static void set_age(fixture *f, const char *key, int64_t age_ms)
{
    HF_AUTO_STR path = file_of(f, key);
    const int64_t time_ms = hf_now_ms() - age_ms;
    const struct timespec times[2] = {{.tv_sec = time_ms / 1000}, {.tv_sec = time_ms / 1000}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A user or gc of another machine, whose last sign of life is so old; the key of its document. */
static char *put_stranger(fixture *f, const char *kind, int64_t age_ms, char **ret_id)
{
    HF_AUTO(hf_holder_done) hf_holder holder = hf_holder_self("", "backup");

    free(holder.host);
    holder.host = hf_strdup("elsewhere");
    HF_AUTO_STR text = hf_holder_write(&holder);
    char *key = hf_format("locks/present/%s:%s.json", kind, holder.id);

    assert_int_equal(hf_storage_put(hf_repository_storage(f->repository), key, text, strlen(text), &f->error),
                     HF_OK);
    set_age(f, key, age_ms);
    *ret_id = HF_TAKE(holder.id);
    return key;
}

static void test_presence__a_gc_gives_up_while_a_user_is_there(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE first = NULL;
    AUTO_PRESENCE second = NULL;
    AUTO_PRESENCE gc = NULL;

    begin(f, HF_PRESENT_USER, HF_OK, &first);
    begin(f, HF_PRESENT_USER, HF_OK, &second);
    begin(f, HF_PRESENT_GC, HF_E_BUSY, &gc);
    assert_non_null(strstr(f->error.message, "test by process"));
    presence_endp(&first);
    begin(f, HF_PRESENT_GC, HF_E_BUSY, &gc);
    presence_endp(&second);
    begin(f, HF_PRESENT_GC, HF_OK, &gc);
    assert_int_equal(hf_presence_look(gc, &f->error), HF_OK);

    AUTO_PRESENCE other = NULL;
    begin(f, HF_PRESENT_GC, HF_OK, &other);
}

static _Atomic int waits;

static void count_wait(const char *whom)
{
    assert_non_null(strstr(whom, "test by process"));
    waits++;
}

static void *begin_user(void *context)
{
    fixture *f = context;
    hf_presence *user = NULL;
    hf_error error = {0};

    hf_status status = hf_presence_begin(hf_repository_storage(f->repository), HF_PRESENT_USER, "test",
                                         count_wait, &user, &error);
    hf_presence_end(user);
    return status == HF_OK ? f : NULL;
}

static void test_presence__a_user_waits_for_a_gc_that_lets_go(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE gc = NULL;
    pthread_t thread;
    void *result = NULL;

    waits = 0;
    begin(f, HF_PRESENT_GC, HF_OK, &gc);
    assert_int_equal(pthread_create(&thread, NULL, begin_user, f), 0);
    while (waits == 0)
        (void) usleep(1000);
    assert_int_equal(hf_presence_look(gc, &f->error), HF_E_BUSY);
    presence_endp(&gc);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, f);
    assert_int_equal(waits, 1);
}

static void test_presence__leaves_nothing_when_it_ends(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE user = NULL;

    begin(f, HF_PRESENT_USER, HF_OK, &user);
    HF_AUTO_STR key = hf_format("locks/present/user:%s.json", hf_presence_id(user));
    HF_AUTO_STR beat = hf_format("locks/present/user:%s.beat", hf_presence_id(user));
    assert_true(is_there(f, key));
    assert_int_equal(hf_presence_look(user, &f->error), HF_OK);
    assert_true(is_there(f, beat));
    presence_endp(&user);
    assert_false(is_there(f, key) || is_there(f, beat));
}

static void test_presence__of_another_host_is_dead_without_a_sign_of_life(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE gc = NULL;
    HF_AUTO_STR id = NULL;
    HF_AUTO_STR key = put_stranger(f, "user", 14 * MINUTE, &id);
    HF_AUTO_STR beat = hf_format("locks/present/user:%s.beat", id);

    begin(f, HF_PRESENT_GC, HF_E_BUSY, &gc);
    assert_non_null(strstr(f->error.message, "\"elsewhere\""));
    set_age(f, key, 60 * MINUTE);
    write_key(f, beat, "", 0);
    begin(f, HF_PRESENT_GC, HF_E_BUSY, &gc);
    set_age(f, beat, 16 * MINUTE);
    begin(f, HF_PRESENT_GC, HF_OK, &gc);
    assert_false(is_there(f, key) || is_there(f, beat));
}

static void test_presence__of_a_killed_process_of_this_host_is_dead_at_once(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE gc = NULL;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        hf_presence *user = NULL;

        _exit(hf_presence_begin(hf_repository_storage(f->repository), HF_PRESENT_USER, "killed", NULL, &user,
                                NULL) == HF_OK
                  ? 0
                  : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    begin(f, HF_PRESENT_GC, HF_OK, &gc);
}

/* However old its last sign is: it may stand still, and go on. */
static void test_presence__of_a_process_of_this_host_that_is_there_stays(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE user = NULL;
    AUTO_PRESENCE gc = NULL;

    begin(f, HF_PRESENT_USER, HF_OK, &user);
    HF_AUTO_STR key = hf_format("locks/present/user:%s.json", hf_presence_id(user));
    set_age(f, key, 600 * MINUTE);
    begin(f, HF_PRESENT_GC, HF_E_BUSY, &gc);
}

/* As if this process were on another machine, and had stood still for an hour. */
static void make_stale(fixture *f, const hf_presence *presence)
{
    HF_AUTO_STR key = hf_format("locks/present/user:%s.json", hf_presence_id(presence));
    HF_AUTO_STR beat = hf_format("locks/present/user:%s.beat", hf_presence_id(presence));
    size_t len = 0;
    HF_AUTO_STR text = read_key(f, key, &len);
    hf_buf buf = {.data = text, .len = len};
    HF_AUTO(hf_holder_done) hf_holder holder = {0};

    assert_int_equal(hf_holder_read(&buf, &holder, &f->error), HF_OK);
    free(holder.host);
    holder.host = hf_strdup("elsewhere");
    HF_AUTO_STR other = hf_holder_write(&holder);
    write_key(f, key, other, strlen(other));
    set_age(f, key, 60 * MINUTE);
    if (is_there(f, beat))
        set_age(f, beat, 60 * MINUTE);
}

static void test_presence__who_was_taken_for_dead_seals_nothing(void **state)
{
    fixture *f = *state;
    AUTO_PRESENCE gc = NULL;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    assert_int_equal(hf_repository_enter(f->repository, "backup", NULL, &f->error), HF_OK);
    manifest = make_manifest(f, "20261121T020000Z-aaab02", 1795226400000);
    make_stale(f, hf_repository_presence(f->repository));
    begin(f, HF_PRESENT_GC, HF_OK, &gc);
    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_E_BUSY);
    assert_non_null(strstr(f->error.message, "no sign of life"));
    assert_int_equal(hf_repository_list(f->repository, TARGET, &list, &f->error), HF_OK);
    assert_int_equal(list.count, 0);
}

static void test_presence__tells_whether_a_lock_is_dead(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_holder_done) hf_holder holder = hf_holder_self(TARGET, "backup");
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO_STR id = NULL;
    HF_AUTO_STR key = put_stranger(f, "user", MINUTE, &id);

    free(holder.host);
    holder.host = hf_strdup("elsewhere");
    free(holder.presence);
    holder.presence = hf_strdup(id);
    HF_AUTO_STR text = hf_holder_write(&holder);
    write_key(f, "locks/site.json", text, strlen(text));

    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_E_BUSY);
    assert_int_equal(hf_repository_enter(f->repository, "backup", NULL, &f->error), HF_OK);
    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_E_BUSY);
    set_age(f, key, 16 * MINUTE);
    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_OK);
    assert_false(is_there(f, key));
}

static void test_presence__the_locks_of_a_target_do_not_hinder_each_other(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO(hf_lock_releasep) hf_lock *snapshots = NULL;
    hf_lock *again = NULL;

    assert_int_equal(hf_lock_take(f->repository, TARGET, "backup", &lock, &f->error), HF_OK);
    assert_int_equal(hf_lock_take_snapshots(f->repository, TARGET, "pin", &snapshots, &f->error), HF_OK);
    assert_int_equal(hf_lock_take_snapshots(f->repository, TARGET, "pin", &again, &f->error), HF_E_BUSY);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_presence__a_gc_gives_up_while_a_user_is_there),
        CASE(test_presence__a_user_waits_for_a_gc_that_lets_go),
        CASE(test_presence__leaves_nothing_when_it_ends),
        CASE(test_presence__of_another_host_is_dead_without_a_sign_of_life),
        CASE(test_presence__of_a_killed_process_of_this_host_is_dead_at_once),
        CASE(test_presence__of_a_process_of_this_host_that_is_there_stays),
        CASE(test_presence__who_was_taken_for_dead_seals_nothing),
        CASE(test_presence__tells_whether_a_lock_is_dead),
        CASE(test_presence__the_locks_of_a_target_do_not_hinder_each_other),
    };

    return cmocka_run_group_tests_name("presence", tests, NULL, NULL);
}
