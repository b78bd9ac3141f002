#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"

static void test_file__joins_and_splits_paths(void **state)
{
    (void) state;
    static const struct {
        const char *dir, *name, *joined;
    } joins[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    static const struct {
        const char *path, *dir;
    } dirs[] = {{"a/b", "a"}, {"a", "."},    {"/a", "/"},     {"/", "/"},
                {"", "."},    {"a/b/", "a"}, {"/a//b", "/a"}, {"/a/b/c", "/a/b"}};

    for (size_t i = 0; i < COUNT(joins); i++) {
        HF_AUTO_STR joined = hf_path_join(joins[i].dir, joins[i].name);
        assert_string_equal(joined, joins[i].joined);
    }
    for (size_t i = 0; i < COUNT(dirs); i++) {
        HF_AUTO_STR dir = hf_path_dirname(dirs[i].path);
        assert_string_equal(dir, dirs[i].dir);
    }
}

static void test_file__makes_folders(void **state)
{
    HF_AUTO_STR deep = hf_path_join(*state, "a/b/c");
    HF_AUTO_STR file = hf_path_join(*state, "f");
    HF_AUTO_STR below_file = hf_path_join(*state, "f/x");
    struct stat info;

    assert_ok(hf_make_folders(deep, NULL));
    assert_ok(hf_make_folders(deep, NULL));
    assert_int_equal(stat(deep, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);

    assert_ok(hf_file_write_atomic(file, "", 0, NULL));
    assert_int_equal(hf_make_folders(file, NULL), HF_E_SYSTEM);
    assert_int_equal(hf_make_folders(below_file, NULL), HF_E_SYSTEM);
}

static void test_file__writes_whole_and_replaces(void **state)
{
    HF_AUTO_STR path = hf_path_join(*state, "f");
    HF_AUTO_BUF content = HF_BUF_MAX(1 << 20);
    HF_AUTO_STR big = hf_alloc(200001);
    struct stat info;

    memset(big, 'b', 200000);
    assert_ok(hf_file_write_atomic(path, big, 200000, NULL));
    assert_ok(hf_file_read(path, &content, NULL));
    assert_string_equal(hf_buf_text(&content), big);

    assert_ok(hf_file_write_atomic(path, "new", 3, NULL));
    assert_ok(hf_file_read(path, &content, NULL));
    assert_string_equal(hf_buf_text(&content), "new");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(unit_count_files(*state), 1);
}

static void test_file__a_failed_write_leaves_nothing(void **state)
{
    HF_AUTO_STR folder = hf_path_join(*state, "taken");
    HF_AUTO_STR nowhere = hf_path_join(*state, "absent/f");
    hf_error error = {0};

    assert_ok(hf_make_folders(folder, NULL));
    assert_int_equal(hf_file_write_atomic(folder, "x", 1, &error), HF_E_SYSTEM);
    assert_int_equal(hf_file_write_atomic(nowhere, "x", 1, &error), HF_E_SYSTEM);
    assert_int_equal(unit_count_files(*state), 1);
}

#ifdef HF_FAULT_POINTS
static void test_file__a_fault_before_the_rename_keeps_the_old(void **state)
{
    HF_AUTO_STR path = hf_path_join(*state, "f");
    HF_AUTO_BUF content = HF_BUF_MAX(100);

    assert_ok(hf_file_write_atomic(path, "old", 3, NULL));
    (void) setenv("HOLDFAST_FAULT", "file.before_rename:fail", 1);
    assert_int_equal(hf_file_write_atomic(path, "new", 3, NULL), HF_E_SYSTEM);
    (void) unsetenv("HOLDFAST_FAULT");
    assert_ok(hf_file_read(path, &content, NULL));
    assert_string_equal(hf_buf_text(&content), "old");
    assert_int_equal(unit_count_files(*state), 1);
}
#endif

static void test_file__reads_within_limits(void **state)
{
    HF_AUTO_STR path = hf_path_join(*state, "f");
    HF_AUTO_STR absent = hf_path_join(*state, "g");
    HF_AUTO_BUF exact = HF_BUF_MAX(5);
    HF_AUTO_BUF small = HF_BUF_MAX(4);
    hf_error error = {0};

    assert_ok(hf_file_write_atomic(path, "12345", 5, NULL));
    assert_ok(hf_file_read(path, &exact, &error));
    assert_string_equal(hf_buf_text(&exact), "12345");
    hf_buf_puts(&small, "kept");
    assert_int_equal(hf_file_read(path, &small, &error), HF_E_LIMIT);
    assert_string_equal(hf_buf_text(&small), "kept");
    assert_int_equal(hf_file_read(absent, &small, &error), HF_E_NOT_FOUND);
    assert_true(hf_file_exists(path));
    assert_false(hf_file_exists(absent));
    assert_int_equal(hf_file_read(*state, &small, &error), HF_E_SYSTEM);
}

static void test_file__a_full_device_is_told_apart(void **state)
{
    (void) state;
    hf_error error = {0};
    HF_AUTO_FD fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(hf_fd_write_all(fd, "x", 1, "disk", &error), HF_E_STORAGE_FULL);
    assert_string_equal(error.message, "cannot write \"disk\": No space left on device");
}

static void test_file__syncs_folders(void **state)
{
    HF_AUTO_STR absent = hf_path_join(*state, "g");

    assert_ok(hf_sync_folder(*state, NULL));
    assert_int_equal(hf_sync_folder(absent, NULL), HF_E_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file__joins_and_splits_paths),
        unit_test_in_folder(test_file__makes_folders),
        unit_test_in_folder(test_file__writes_whole_and_replaces),
        unit_test_in_folder(test_file__a_failed_write_leaves_nothing),
#ifdef HF_FAULT_POINTS
        unit_test_in_folder(test_file__a_fault_before_the_rename_keeps_the_old),
#endif
        unit_test_in_folder(test_file__reads_within_limits),
        cmocka_unit_test(test_file__a_full_device_is_told_apart),
        unit_test_in_folder(test_file__syncs_folders),
    };

    return cmocka_run_group_tests_name("base/file", tests, NULL, NULL);
}
