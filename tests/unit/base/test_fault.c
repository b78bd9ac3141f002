#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/file.h"

static hf_status pass_a(hf_error *error)
{
    (void) error;
    HF_FAULT("a", error);
    return HF_FAULT_STATUS("a", error);
}

#ifdef HF_FAULT_POINTS

static int forget_faults(void **state)
{
    (void) state;
    return unsetenv("HOLDFAST_FAULT") | unsetenv("HOLDFAST_FAULT_LOG");
}

static void test_fault__acts_at_the_nth_passage_only(void **state)
{
    (void) state;
    static const struct {
        const char *setting;
        hf_status passages[4]; /* of "a", "b", "a", "a" */
    } cases[] = {
        {"", {HF_OK, HF_OK, HF_OK, HF_OK}},
        {"a:fail", {HF_E_SYSTEM, HF_OK, HF_OK, HF_OK}},
        {"a:fail:2", {HF_OK, HF_OK, HF_E_SYSTEM, HF_OK}},
        {"*:fail:2", {HF_OK, HF_E_SYSTEM, HF_OK, HF_OK}},
        {"b:fail", {HF_OK, HF_E_SYSTEM, HF_OK, HF_OK}},
        {"c:fail", {HF_OK, HF_OK, HF_OK, HF_OK}},
    };
    static const char *const names[] = {"a", "b", "a", "a"};

    for (size_t i = 0; i < COUNT(cases); i++) {
        (void) setenv("HOLDFAST_FAULT", cases[i].setting, 1);
        for (size_t j = 0; j < COUNT(names); j++)
            assert_int_equal(hf_fault_point(names[j], NULL), cases[i].passages[j]);
    }
}

static void test_fault__a_wrong_setting_is_told(void **state)
{
    (void) state;
    static const char *const settings[] = {"a", "a:fail:0", "a:fail:x", "a:explode"};

    for (size_t i = 0; i < COUNT(settings); i++) {
        (void) setenv("HOLDFAST_FAULT", settings[i], 1);
        assert_int_equal(pass_a(NULL), HF_E_USAGE);
    }
}

static void test_fault__sends_signals_to_itself(void **state)
{
    (void) state;
    static const struct {
        const char *setting;
        int signal;
    } cases[] = {{"a:kill", SIGKILL}, {"a:term", SIGTERM}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        const pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
            (void) signal(SIGTERM, SIG_DFL);
            (void) setenv("HOLDFAST_FAULT", cases[i].setting, 1);
            _exit(pass_a(NULL) == HF_OK ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), cases[i].signal);
    }
}

static void test_fault__logs_the_points_passed(void **state)
{
    HF_AUTO_STR path = hf_path_join(*state, "log");
    HF_AUTO_BUF text = HF_BUF_MAX(100);

    (void) setenv("HOLDFAST_FAULT_LOG", path, 1);
    assert_ok(hf_fault_point("one.x", NULL));
    assert_ok(hf_fault_point("two.y", NULL));
    assert_ok(hf_file_read(path, &text, NULL));
    assert_string_equal(hf_buf_text(&text), "one.x\ntwo.y\n");
    assert_int_equal(forget_faults(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_fault__acts_at_the_nth_passage_only, forget_faults),
        cmocka_unit_test_teardown(test_fault__a_wrong_setting_is_told, forget_faults),
        cmocka_unit_test_teardown(test_fault__sends_signals_to_itself, forget_faults),
        unit_test_in_folder(test_fault__logs_the_points_passed),
    };

    return cmocka_run_group_tests_name("base/fault", tests, NULL, NULL);
}

#else

static void test_fault__does_nothing_in_a_release(void **state)
{
    (void) state;
    (void) setenv("HOLDFAST_FAULT", "*:fail", 1);
    assert_ok(pass_a(NULL));
    assert_ok(hf_fault_point("a", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fault__does_nothing_in_a_release)};

    return cmocka_run_group_tests_name("base/fault", tests, NULL, NULL);
}

#endif
