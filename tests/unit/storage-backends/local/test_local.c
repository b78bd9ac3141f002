#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "storage-backends/storage.h"

typedef struct fixture {
    char folder[64];
    char *root;
    hf_storage *storage;
    hf_error error;
} fixture;

static int setup(void **state)
{
    fixture *f = hf_alloc(sizeof(*f));

    (void) snprintf(f->folder, sizeof(f->folder), "/tmp/hf-local-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;

    f->root = hf_path_join(f->folder, "root");
    HF_AUTO_STR url = hf_format("file://%s", f->root);

    if (hf_storage_open(url, &f->storage, &f->error) != HF_OK)
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
    free(f->root);
    free(f);
    return 0;
}

static mode_t mode_of(const fixture *f, const char *name)
{
    HF_AUTO_STR path = hf_path_join(f->root, name);
    struct stat info;

    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode & 0777;
}

static int files_seen;

static int count_file(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void) path;
    (void) info;
    (void) place;
    files_seen += type != FTW_D;
    return 0;
}

/* Files below a folder, whatever their names. */
static int count_files(const char *folder)
{
    files_seen = 0;
    (void) nftw(folder, count_file, 16, FTW_PHYS);
    return files_seen;
}

static hf_status count_key(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    (void) key;
    (void) bytes;
    (void) error;
    ++*(int *) context;
    return HF_OK;
}

static void test_local__files_and_folders_are_private(void **state)
{
    fixture *f = *state;

    assert_int_equal(hf_storage_put(f->storage, "a/b/c", "v", 1, &f->error), HF_OK);
    assert_int_equal(mode_of(f, ""), 0700);
    assert_int_equal(mode_of(f, "a"), 0700);
    assert_int_equal(mode_of(f, "a/b"), 0700);
    assert_int_equal(mode_of(f, "a/b/c"), 0600);
}

static void test_local__reading_makes_no_folder(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF data = HF_BUF_MAX(16);
    uint64_t bytes = 0;
    int keys = 0;

    assert_int_equal(hf_storage_get(f->storage, "a/b", &data, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(hf_storage_list(f->storage, "", count_key, &keys, &f->error), HF_OK);
    assert_int_equal(hf_storage_free_bytes(f->storage, &bytes, &f->error), HF_OK);
    assert_int_equal(hf_storage_remove(f->storage, "a/b", &f->error), HF_OK);
    assert_false(hf_file_exists(f->root));
}

static void test_local__makes_folders_anew_that_were_removed(void **state)
{
    fixture *f = *state;

    assert_int_equal(hf_storage_put(f->storage, "a/b/c", "1", 1, &f->error), HF_OK);
    assert_int_equal(nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(hf_storage_put(f->storage, "a/b/c", "22", 2, &f->error), HF_OK);

    uint64_t bytes = 0;

    assert_int_equal(hf_storage_stat(f->storage, "a/b/c", &bytes, &f->error), HF_OK);
    assert_int_equal(bytes, 2);
}

static void test_local__follows_no_symbolic_link(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR outside = hf_path_join(f->folder, "outside");
    HF_AUTO_STR link_path = hf_path_join(f->root, "link");
    HF_AUTO_BUF data = HF_BUF_MAX(64);
    uint64_t bytes = 0;
    int keys = 0;

    assert_int_equal(hf_file_write_atomic(outside, "secret", 6, &f->error), HF_OK);
    assert_int_equal(hf_storage_put(f->storage, "k", "v", 1, &f->error), HF_OK);
    assert_int_equal(symlink(outside, link_path), 0);

    assert_int_equal(hf_storage_get(f->storage, "link", &data, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(hf_storage_stat(f->storage, "link", &bytes, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(hf_storage_list(f->storage, "", count_key, &keys, &f->error), HF_OK);
    assert_int_equal(keys, 1);

    /* A put replaces the link, not what it points to. */
    assert_int_equal(hf_storage_put(f->storage, "link", "new", 3, &f->error), HF_OK);
    hf_buf_clear(&data);
    assert_int_equal(hf_file_read(outside, &data, &f->error), HF_OK);
    assert_string_equal(hf_buf_text(&data), "secret");
}

/* A folder of a key that is a link leads nowhere either: what it points to is not read, written, listed or removed. */
static void test_local__follows_no_link_to_a_folder(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR outside = hf_path_join(f->folder, "outside");
    HF_AUTO_STR victim = hf_path_join(outside, "victim");
    HF_AUTO_STR planted = hf_path_join(outside, "planted");
    HF_AUTO_STR link_path = hf_path_join(f->root, "link");
    HF_AUTO_BUF data = HF_BUF_MAX(64);
    uint64_t bytes = 0;
    int keys = 0;

    assert_int_equal(mkdir(outside, 0700), 0);
    assert_int_equal(hf_file_write_atomic(victim, "secret", 6, &f->error), HF_OK);
    assert_int_equal(hf_storage_put(f->storage, "k", "v", 1, &f->error), HF_OK);
    assert_int_equal(symlink(outside, link_path), 0);

    assert_int_equal(hf_storage_get(f->storage, "link/victim", &data, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(hf_storage_stat(f->storage, "link/victim", &bytes, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(hf_storage_list(f->storage, "", count_key, &keys, &f->error), HF_OK);
    assert_int_equal(keys, 1);
    assert_int_equal(hf_storage_remove(f->storage, "link/victim", &f->error), HF_OK);
    assert_true(hf_file_exists(victim));
    assert_int_equal(hf_storage_put(f->storage, "link/planted", "v", 1, &f->error), HF_E_STORAGE);
    assert_int_equal(f->error.sys_errno, ENOTDIR);
    assert_int_equal(hf_storage_put(f->storage, "link/deeper/planted", "v", 1, &f->error), HF_E_STORAGE);
    assert_false(hf_file_exists(planted));
}

static void test_local__a_fifo_does_not_hold_up_a_get(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR path = hf_path_join(f->root, "pipe");
    HF_AUTO_BUF data = HF_BUF_MAX(16);

    assert_int_equal(hf_storage_put(f->storage, "k", "v", 1, &f->error), HF_OK);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(hf_storage_get(f->storage, "pipe", &data, &f->error), HF_E_NOT_FOUND);
}

static void test_local__a_file_in_the_way_is_named(void **state)
{
    fixture *f = *state;

    assert_int_equal(hf_storage_put(f->storage, "a", "v", 1, &f->error), HF_OK);
    assert_int_equal(hf_storage_put(f->storage, "a/b", "v", 1, &f->error), HF_E_STORAGE);
    assert_non_null(strstr(f->error.message, "\"a/b\""));
    assert_int_equal(f->error.sys_errno, ENOTDIR);
    assert_int_equal(count_files(f->folder), 1);
}

static void test_local__a_put_that_fails_leaves_no_file(void **state)
{
    fixture *f = *state;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    assert_int_equal(hf_storage_put(f->storage, "a", "old", 3, &f->error), HF_OK);
    assert_int_equal(setenv("HOLDFAST_FAULT", "storage.local.before_rename:fail", 1), 0);
    hf_status put = hf_storage_put(f->storage, "a", "v", 1, &f->error);

    assert_int_equal(setenv("HOLDFAST_FAULT", "storage.local.before_rename:fail:1", 1), 0);
    hf_status put_new = hf_storage_put_new(f->storage, "b", "v", 1, &f->error);

    assert_int_equal(unsetenv("HOLDFAST_FAULT"), 0);
    assert_int_not_equal(put, HF_OK);
    assert_int_not_equal(put_new, HF_OK);
    assert_int_equal(count_files(f->folder), 1);
}

/* A private mount table with a file system of 1 MiB at the root; false if this machine does not let us. */
static bool mount_small(const char *path, unsigned long flags)
{
    char map[64];
    int uid = (int) getuid();

    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        (void) snprintf(map, sizeof(map), "0 %d 1", uid);
        HF_AUTO_FD fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, map, strlen(map)) < 0)
            return false;
    }

    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", path, "tmpfs", flags, "size=1m") == 0;
}

enum { CHILD_OK = 0, CHILD_SKIP = 77 };

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void) fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, f->error.message);            \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static int fill_disk(fixture *f)
{
    HF_AUTO_STR big = hf_alloc(700 << 10);

    if (mkdir(f->root, 0700) != 0 || !mount_small(f->root, 0))
        return CHILD_SKIP;

    CHECK(hf_storage_put(f->storage, "a/one", big, 700 << 10, &f->error) == HF_OK);
    CHECK(hf_storage_put(f->storage, "a/two", big, 700 << 10, &f->error) == HF_E_STORAGE_FULL);
    CHECK(strstr(f->error.message, "\"a/two\"") != NULL);
    CHECK(f->error.hint[0] != '\0');
    CHECK(hf_storage_put(f->storage, "a/one", big, 700 << 10, &f->error) == HF_E_STORAGE_FULL);
    CHECK(count_files(f->root) == 1);

    uint64_t bytes = 0;

    CHECK(hf_storage_stat(f->storage, "a/one", &bytes, &f->error) == HF_OK && bytes == 700 << 10);
    CHECK(hf_storage_put(f->storage, "a/small", "v", 1, &f->error) == HF_OK);
    return CHILD_OK;
}

static int write_read_only(fixture *f)
{
    if (mkdir(f->root, 0700) != 0 || !mount_small(f->root, MS_RDONLY))
        return CHILD_SKIP;

    CHECK(hf_storage_put(f->storage, "k", "v", 1, &f->error) == HF_E_STORAGE_DENIED);
    CHECK(hf_storage_put(f->storage, "a/k", "v", 1, &f->error) == HF_E_STORAGE_DENIED);
    CHECK(f->error.hint[0] != '\0');
    return CHILD_OK;
}

/* Mounts need a mount table of their own, and that a process of its own. */
static void run_in_child(fixture *f, int (*run)(fixture *f))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0)
        _exit(run(f));

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIP)
        skip();
    assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

static void test_local__a_full_disk_leaves_what_was_there(void **state)
{
    run_in_child(*state, fill_disk);
}

static void test_local__a_read_only_disk_denies(void **state)
{
    run_in_child(*state, write_read_only);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_local__files_and_folders_are_private),
        CASE(test_local__reading_makes_no_folder),
        CASE(test_local__makes_folders_anew_that_were_removed),
        CASE(test_local__follows_no_symbolic_link),
        CASE(test_local__follows_no_link_to_a_folder),
        CASE(test_local__a_fifo_does_not_hold_up_a_get),
        CASE(test_local__a_file_in_the_way_is_named),
        CASE(test_local__a_put_that_fails_leaves_no_file),
        CASE(test_local__a_full_disk_leaves_what_was_there),
        CASE(test_local__a_read_only_disk_denies),
    };

    return cmocka_run_group_tests_name("storage-backends/local", tests, NULL, NULL);
}
