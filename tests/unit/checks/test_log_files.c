#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "checks/log_files.h"

static char folder[64], pattern[96];

static void path_of(const char *name, char out[128])
{
    (void) snprintf(out, 128, "%s/%s", folder, name);
}

static void put(const char *name, const char *mode, const char *text)
{
    char path[128];

    path_of(name, path);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void move(const char *from, const char *to)
{
    char a[128], b[128];

    path_of(from, a);
    path_of(to, b);
    assert_int_equal(rename(a, b), 0);
}

static void feed(void *context, const char *data, size_t len)
{
    hf_buf_append(context, data, len);
}

static void end(void *context)
{
    hf_buf_puts(context, "|");
}

/* What came since the marks: its pieces in any order. */
static void assert_read(json_t *marks, size_t pieces, const char *const *wanted, const char *lost_part)
{
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    HF_AUTO_BUF lost = HF_BUF_MAX(1024);
    const hf_log_reader reader = {feed, end, &text, hf_monotonic_ms() + 60000};
    size_t files = 0, len = 0;
    hf_error error;

    assert_int_equal(hf_log_files_read(pattern, marks, &reader, &files, &lost, &error), HF_OK);
    for (size_t i = 0; i < pieces; i++) {
        len += strlen(wanted[i]);
        if (strstr(hf_buf_text(&text), wanted[i]) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", wanted[i], hf_buf_text(&text));
    }
    for (const char *at = hf_buf_text(&text); *at != '\0'; at++)
        len += *at == '|';
    if (len != text.len)
        fail_msg("read more than wanted: \"%s\"", hf_buf_text(&text));
    if (lost_part == NULL ? lost.len > 0 : strstr(hf_buf_text(&lost), lost_part) == NULL)
        fail_msg("lost: \"%s\"", hf_buf_text(&lost));
}

static json_t *mark(void)
{
    json_t *marks = NULL;
    hf_error error;

    assert_int_equal(hf_log_files_mark(pattern, NULL, &marks, &error), HF_OK);
    return marks;
}

static int make_folder(void **state)
{
    (void) state;
    (void) snprintf(folder, sizeof(folder), "/tmp/hf-log-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void) snprintf(pattern, sizeof(pattern), "%s/*.log", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void) state;
    char path[128];
    static const char *const names[] = {"app.log",      "app.log.1", "app.log.2",
                                        "app.log.2.gz", "other.log", "app.log.1.gz"};

    for (size_t i = 0; i < COUNT(names); i++) {
        path_of(names[i], path);
        (void) unlink(path);
    }
    return rmdir(folder);
}

static void test_log_files__reads_what_was_appended(void **state)
{
    (void) state;
    put("app.log", "w", "old\n");
    json_t *marks = mark();

    assert_read(marks, 0, NULL, NULL);
    put("app.log", "a", "new\n");
    put("other.log", "w", "another file\n");
    assert_read(marks, 2, (const char *const[]){"new\n", "another file\n"}, NULL);
    json_decref(marks);
}

static void test_log_files__follows_a_rename(void **state)
{
    (void) state;
    put("app.log", "w", "old\n");
    put("app.log.1", "w", "older\n");
    json_t *marks = mark();

    put("app.log", "a", "before the rotation\n");
    move("app.log.1", "app.log.2");
    move("app.log", "app.log.1");
    put("app.log", "w", "after it\n");
    assert_read(marks, 2, (const char *const[]){"before the rotation\n", "after it\n"}, NULL);
    move("app.log.1", "app.log.2"); /* once more, over an old one */
    move("app.log", "app.log.1");
    put("app.log", "w", "the third\n");
    assert_read(marks, 3, (const char *const[]){"before the rotation\n", "after it\n", "the third\n"}, NULL);
    json_decref(marks);
}

static void test_log_files__follows_a_copy_and_truncation(void **state)
{
    (void) state;
    put("app.log", "w", "old old old old\n");
    json_t *marks = mark();

    put("app.log", "a", "copied\n");
    put("app.log.1", "w", "old old old old\ncopied\n");
    put("app.log", "w", "fresh\n");
    assert_read(marks, 2, (const char *const[]){"copied\n", "fresh\n"}, NULL);
    put("app.log", "a", "and longer than it was before\n");
    assert_read(marks, 3, (const char *const[]){"copied\n", "fresh\n", "and longer than it was before\n"},
                NULL);
    json_decref(marks);
}

static void test_log_files__tells_what_is_lost(void **state)
{
    (void) state;
    put("app.log", "w", "old\n");
    json_t *marks = mark();

    put("app.log", "w", "x\n"); /* truncated, and no copy */
    assert_read(marks, 1, (const char *const[]){"x\n"}, "app.log");
    put("app.log.1.gz", "w", "\x1f\x8b not for us");
    assert_read(marks, 1, (const char *const[]){"x\n"}, "app.log");
    json_decref(marks);
}

static void test_log_files__knows_an_empty_file_by_its_inode(void **state)
{
    (void) state;
    put("app.log", "w", "");
    json_t *marks = mark();

    put("app.log", "a", "first\n");
    move("app.log", "app.log.1");
    put("app.log", "w", "second\n");
    assert_read(marks, 2, (const char *const[]){"first\n", "second\n"}, NULL);
    json_decref(marks);
}

static void test_log_files__a_mark_reads_what_was_before(void **state)
{
    (void) state;
    HF_AUTO_BUF text = HF_BUF_MAX(1024);
    const hf_log_reader reader = {feed, end, &text, hf_monotonic_ms() + 60000};
    json_t *marks = NULL;
    hf_error error;

    put("app.log", "w", "old\n");
    put("app.log.1", "w", "older\n");
    assert_int_equal(hf_log_files_mark(pattern, &reader, &marks, &error), HF_OK);
    assert_string_equal(hf_buf_text(&text), "old\n|");
    json_decref(marks);
}

static void test_log_files__a_neighbour_that_could_never_be_read_does_not_matter(void **state)
{
    (void) state;
    const uid_t user = geteuid();
    HF_AUTO_BUF text = HF_BUF_MAX(1024);
    const hf_log_reader reader = {feed, end, &text, hf_monotonic_ms() + 60000};
    size_t files = 0;
    hf_error error;
    char path[128];

    put("app.log", "w", "old\n");
    put("app.log.1", "w", "older\n");
    path_of("app.log.1", path);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    if (user == 0) /* who reads everything */
        assert_int_equal(seteuid(65534), 0);
    json_t *marks = mark();
    assert_read(marks, 0, NULL, NULL);
    assert_int_equal(seteuid(user), 0);
    put("app.log", "a", "new\n");
    move("app.log.1", "app.log.2");
    if (user == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_read(marks, 1, (const char *const[]){"new\n"}, NULL);
    assert_int_equal(seteuid(user), 0);
    json_decref(marks);

    /* This one holds what came before the rotation. */
    marks = mark();
    put("app.log", "a", "before the rotation\n");
    move("app.log", "app.log.1");
    put("app.log", "w", "after it\n");
    assert_int_equal(chmod(path, 0), 0);
    if (user == 0)
        assert_int_equal(seteuid(65534), 0);
    assert_int_equal(hf_log_files_read(pattern, marks, &reader, &files, &text, &error), HF_E_SYSTEM);
    assert_int_equal(seteuid(user), 0);
    json_decref(marks);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_log_files__reads_what_was_appended),
        CASE(test_log_files__follows_a_rename),
        CASE(test_log_files__follows_a_copy_and_truncation),
        CASE(test_log_files__tells_what_is_lost),
        CASE(test_log_files__knows_an_empty_file_by_its_inode),
        CASE(test_log_files__a_mark_reads_what_was_before),
        CASE(test_log_files__a_neighbour_that_could_never_be_read_does_not_matter),
    };

    return cmocka_run_group_tests_name("checks/log_files", tests, NULL, NULL);
}
