#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/file.h"
#include "base/log.h"
#include "config/secret.h"

static hf_status read_secret(const hf_secret_source *source, char **ret_text, hf_error *error)
{
    return hf_secret_read(source, "the database URL", ret_text, error);
}

static void assert_redacted(const char *secret)
{
    HF_AUTO_BUF text = HF_BUF_MAX(1024);

    hf_buf_printf(&text, "before %s after", secret);
    hf_redact(&text);
    assert_string_equal(hf_buf_text(&text), "before *** after");
}

static void test_secret__comes_from_the_environment_and_is_hidden(void **state)
{
    hf_secret_source source = {.kind = HF_SECRET_ENV, .name = hf_strdup("HF_TEST_SECRET")};
    HF_AUTO_SECRET text = NULL;
    HF_AUTO_BUF output = HF_BUF_MAX(1 << 16);
    const char *const argv[] = {"env", NULL};
    const hf_child_options child = {.argv = argv, .ret_stdout = &output};
    hf_child_result result;
    hf_error error = {0};

    (void) state;
    unsetenv("HF_TEST_SECRET");
    assert_int_equal(read_secret(&source, &text, &error), HF_E_USAGE);
    assert_string_equal(error.message,
                        "the database URL: the environment variable \"HF_TEST_SECRET\" is not set");
    setenv("HF_TEST_SECRET", "", 1);
    assert_int_equal(read_secret(&source, &text, &error), HF_E_USAGE);
    assert_null(text);

    setenv("HF_TEST_SECRET", "postgresql://env-secret", 1);
    assert_int_equal(read_secret(&source, &text, &error), HF_OK);
    assert_string_equal(text, "postgresql://env-secret");
    assert_redacted("postgresql://env-secret");
    assert_int_equal(hf_child_run(&child, &result, &error), HF_OK);
    assert_null(strstr(hf_buf_text(&output), "env-secret"));
    assert_null(strstr(hf_buf_text(&output), "HF_TEST_SECRET"));
    hf_secret_source_done(&source);
}

static void test_secret__comes_from_a_file(void **state)
{
    static const struct {
        const char *content, *secret;
    } cases[] = {
        {"file-secret", "file-secret"},
        {"file-secret\n", "file-secret"},
        {"file-secret\r\n", "file-secret"},
        {" a b \n", " a b "},
        {"two lines\n\n", "two lines\n"},
        {"\n", NULL},
        {"", NULL},
    };
    char path[] = "/tmp/hf-secret-XXXXXX";
    int fd = mkstemp(path);
    hf_secret_source source = {.kind = HF_SECRET_FILE, .name = hf_strdup(path)};
    hf_error error = {0};

    (void) state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_SECRET text = NULL;

        assert_int_equal(hf_file_write_atomic(path, cases[i].content, strlen(cases[i].content), &error),
                         HF_OK);
        assert_int_equal(read_secret(&source, &text, &error), cases[i].secret == NULL ? HF_E_USAGE : HF_OK);
        if (cases[i].secret != NULL)
            assert_string_equal(text, cases[i].secret);
    }
    assert_redacted("file-secret");
    unlink(path);

    HF_AUTO_SECRET text = NULL;
    assert_int_equal(read_secret(&source, &text, &error), HF_E_USAGE);
    assert_non_null(strstr(error.message, "there is no file"));
    hf_secret_source_done(&source);
}

static void test_secret__comes_from_a_command(void **state)
{
    static const struct {
        const char *script, *secret, *message;
    } cases[] = {
        {"echo command-secret", "command-secret", NULL},
        {"echo no such service >&2; exit 3", NULL,
         "the database URL: the command \"sh\" ended with status 3: no such service"},
        {"true", NULL, "the database URL: \"sh\" gives nothing"},
        {"head -c 100000 /dev/zero", NULL, "the database URL: \"sh\" gives more than 64 KiB"},
        {"printf 'a\\0b'", NULL, "the database URL: \"sh\" gives a text with a NUL character"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_secret_source source = {.kind = HF_SECRET_COMMAND};
        HF_AUTO_SECRET text = NULL;
        hf_error error = {0};

        hf_strings_add(&source.argv, "sh");
        hf_strings_add(&source.argv, "-c");
        hf_strings_add(&source.argv, cases[i].script);
        assert_int_equal(read_secret(&source, &text, &error), cases[i].secret != NULL ? HF_OK : HF_E_USAGE);
        if (cases[i].secret != NULL) {
            assert_string_equal(text, cases[i].secret);
            assert_redacted(cases[i].secret);
        } else {
            assert_string_equal(error.message, cases[i].message);
        }
        hf_secret_source_done(&source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret__comes_from_the_environment_and_is_hidden),
        cmocka_unit_test(test_secret__comes_from_a_file),
        cmocka_unit_test(test_secret__comes_from_a_command),
    };

    return cmocka_run_group_tests_name("config/secret", tests, NULL, NULL);
}
