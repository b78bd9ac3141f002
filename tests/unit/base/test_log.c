#include "unit.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

/* Everything that `act` writes on stderr. */
static char *stderr_of(const char *folder, void (*act)(void))
{
    HF_AUTO_STR path = hf_path_join(folder, "stderr");
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    const int saved = dup(STDERR_FILENO);
    const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(saved >= 0 && file >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    act();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void) close(saved);
    (void) close(file);
    assert_ok(hf_file_read(path, &text, NULL));
    return hf_buf_take(&text);
}

static void log_each_level(void)
{
    hf_log(HF_LOG_ERROR, "e%d", 1);
    hf_log(HF_LOG_WARNING, "w");
    hf_log(HF_LOG_INFO, "i");
    hf_log(HF_LOG_DEBUG, "d");
}

static void test_log__lines_have_time_and_level(void **state)
{
    HF_AUTO_STR text = stderr_of(*state, log_each_level);
    const char *const time = "????-??-??T??:??:??.???Z";
    HF_AUTO_STR pattern = hf_format("%s  error    e1\n%s  warning  w\n%s  info     i\n", time, time, time);

    assert_true(hf_glob_match(pattern, text));
}

static void test_log__a_level_drops_what_is_above(void **state)
{
    hf_log_set_level(HF_LOG_ERROR);
    HF_AUTO_STR quiet = stderr_of(*state, log_each_level);
    hf_log_set_level(HF_LOG_DEBUG);
    HF_AUTO_STR verbose = stderr_of(*state, log_each_level);
    hf_log_set_level(HF_LOG_INFO);

    assert_true(hf_ends_with(quiet, "  error    e1\n"));
    assert_null(strstr(quiet, "warning"));
    assert_true(hf_ends_with(verbose, "  debug    d\n"));
}

static void log_an_error_again(void)
{
    hf_error error = {.code = HF_E_STORAGE, .message = "check \"x\" failed"};

    hf_log(HF_LOG_ERROR, "check \"%s\" failed", "x");
    hf_log_error(&error);
    (void) snprintf(error.hint, sizeof(error.hint), "look");
    hf_log_error(&error);
    hf_log_error(&error);
}

static void log_an_error(void)
{
    hf_error error = {
        .code = HF_E_STORAGE, .message = "bad hunter22 here\nforged \033[2J", .hint = "ask hunter22"};

    hf_log_error(&error);
}

static void test_log__an_error_is_told_once(void **state)
{
    HF_AUTO_STR text = stderr_of(*state, log_an_error_again);
    HF_AUTO_STR pattern =
        hf_format("%s  error    %s\n%s  error    %s\nhint: look\n", "????-??-??T??:??:??.???Z",
                  "check \"x\" failed", "????-??-??T??:??:??.???Z", "check \"x\" failed");

    assert_true(hf_glob_match(pattern, text));
}

static void test_log__errors_are_tame_redacted_and_hinted(void **state)
{
    hf_log_redact("hunter22");
    HF_AUTO_STR text = stderr_of(*state, log_an_error);

    assert_true(hf_ends_with(text, "  error    bad *** here forged  [2J\nhint: ask ***\n"));
}

static int hook_calls;

static void count_hook(bool before)
{
    hook_calls = hook_calls * 10 + (before ? 1 : 2);
}

static void log_once(void)
{
    hf_log(HF_LOG_INFO, "x");
}

static void test_log__the_hook_is_called_around_a_line(void **state)
{
    hook_calls = 0;
    hf_log_set_hook(count_hook);
    HF_AUTO_STR with = stderr_of(*state, log_once);
    hf_log_set_hook(NULL);
    HF_AUTO_STR without = stderr_of(*state, log_once);

    assert_int_equal(hook_calls, 12);
    assert_non_null(strstr(with, "  info     x\n"));
    assert_non_null(strstr(without, "  info     x\n"));
}

static void test_log__redacts_overlapping_secrets(void **state)
{
    (void) state;
    static const char *const secrets[] = {"swordfish", "swordfish-and-more", "fish-oil", "$3cr3t", "abc"};
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"", ""},
        {"nothing", "nothing"},
        {"swordfish", "***"},
        {"<swordfish-and-more>", "<***>"},
        {"<swordfish-and-mor>", "<***-and-mor>"},
        {"swordfish-oil", "***"},
        {"swordfish swordfish", "*** ***"},
        {"x$3cr3t$3cr3ty", "x******y"},
        {"abc is too short to be one", "abc is too short to be one"},
        {"swordfis", "swordfis"},
    };

    for (size_t i = 0; i < COUNT(secrets); i++)
        hf_log_redact(secrets[i]);
    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_BUF text = HF_BUF_MAX(100);

        hf_buf_puts(&text, cases[i].text);
        hf_redact(&text);
        assert_string_equal(hf_buf_text(&text), cases[i].shown);
        assert_int_equal(text.len, strlen(cases[i].shown));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_in_folder(test_log__lines_have_time_and_level),
        unit_test_in_folder(test_log__a_level_drops_what_is_above),
        unit_test_in_folder(test_log__an_error_is_told_once),
        unit_test_in_folder(test_log__errors_are_tame_redacted_and_hinted),
        unit_test_in_folder(test_log__the_hook_is_called_around_a_line),
        cmocka_unit_test(test_log__redacts_overlapping_secrets),
    };

    return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
