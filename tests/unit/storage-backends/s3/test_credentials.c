/* The shared credentials file, as operators really write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "storage-backends/s3/credentials.h"

#define PATH "/tmp/hf-credentials-XXXXXX"

typedef struct fixture {
    char path[sizeof(PATH)];
    hf_s3_credentials keys;
    hf_error error;
} fixture;

static int setup(void **state)
{
    fixture *f = hf_alloc(sizeof(*f));
    int fd;

    (void) snprintf(f->path, sizeof(f->path), PATH);
    fd = mkstemp(f->path);
    *state = f;
    return fd < 0 || close(fd) != 0 || setenv("AWS_SHARED_CREDENTIALS_FILE", f->path, 1) != 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    (void) unlink(f->path);
    hf_s3_credentials_done(&f->keys);
    free(f);
    return unsetenv("AWS_SHARED_CREDENTIALS_FILE");
}

static hf_status read_keys(fixture *f, const char *content, const char *profile)
{
    FILE *file = fopen(f->path, "w");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    hf_s3_credentials_done(&f->keys);
    return hf_s3_credentials_of_file(profile, &f->keys, &f->error);
}

static void test_file__gives_the_keys_of_the_profile(void **state)
{
    fixture *f = *state;
    const char *content =
        "# mine\r\n[default]\r\naws_access_key_id = FIRST\r\naws_secret_access_key=one=two\r\n\r\n"
        "[ night ]\n; of the backups\n  aws_access_key_id=\tNIGHT \nregion = x\nno setting\n"
        "aws_secret_access_key = abc\naws_session_token = token==\n";

    assert_int_equal(read_keys(f, content, "default"), HF_OK);
    assert_string_equal(f->keys.access_key, "FIRST");
    assert_string_equal(f->keys.secret_key, "one=two");
    assert_null(f->keys.session_token);

    assert_int_equal(read_keys(f, content, "night"), HF_OK);
    assert_string_equal(f->keys.access_key, "NIGHT");
    assert_string_equal(f->keys.secret_key, "abc");
    assert_string_equal(f->keys.session_token, "token==");
}

static void test_file__of_two_settings_the_last_counts(void **state)
{
    fixture *f = *state;

    assert_int_equal(read_keys(f,
                               "[a]\naws_access_key_id = OLD\naws_secret_access_key = old\n[b]\n[a]\n"
                               "aws_access_key_id = NEW\naws_secret_access_key = new",
                               "a"),
                     HF_OK);
    assert_string_equal(f->keys.access_key, "NEW");
    assert_string_equal(f->keys.secret_key, "new");
}

static void test_file__says_what_it_lacks(void **state)
{
    fixture *f = *state;

    assert_int_equal(read_keys(f, "", "night"), HF_E_STORAGE_DENIED);
    assert_non_null(strstr(f->error.message, "there is no profile \"night\""));
    assert_int_equal(
        read_keys(f,
                  "[night]\naws_access_key_id = A\naws_secret_access_key =\n[x]\naws_secret_access_key = s\n",
                  "night"),
        HF_E_STORAGE_DENIED);
    assert_non_null(strstr(f->error.message, "has no keys"));
    assert_null(strstr(f->error.message, "A "));
    assert_string_not_equal(f->error.hint, "");

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(hf_s3_credentials_of_file("night", &f->keys, &f->error), HF_E_NOT_FOUND);
    assert_non_null(strstr(f->error.message, f->path));
}

/* They become part of a header: nothing else may come in with them. */
static void test_file__refuses_keys_that_no_header_can_hold(void **state)
{
    fixture *f = *state;

    assert_int_equal(read_keys(f, "[a]\naws_access_key_id = A B\naws_secret_access_key = hidden-one\n", "a"),
                     HF_E_USAGE);
    assert_null(strstr(f->error.message, "hidden-one"));
    assert_string_not_equal(f->error.hint, "");
    assert_null(f->keys.access_key);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_file__gives_the_keys_of_the_profile),
        CASE(test_file__of_two_settings_the_last_counts),
        CASE(test_file__says_what_it_lacks),
        CASE(test_file__refuses_keys_that_no_header_can_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
