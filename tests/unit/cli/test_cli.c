#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "cli/cli.h"

enum { WORDS_MAX = 12 };

static hf_status parse(hf_cli *cli, const char *line, char *storage, hf_error *error)
{
    char *argv[WORDS_MAX] = {NULL};
    int argc = 0;
    char *rest = storage;

    snprintf(storage, 256, "%s", line);
    for (char *word; (word = strsep(&rest, "|")) != NULL;)
        argv[argc++] = word;
    return hf_cli_parse(cli, argc, argv, error);
}

static void test_cli__reads_options_anywhere(void **state)
{
    static const char *const lines[] = {
        "holdfast|--config|a.yaml|restore|latest|--into|copy|--output=json|--target=site|--quiet",
        "holdfast|restore|--into=copy|-q|--target|site|--config=a.yaml|--output|json|latest",
        "holdfast|--output|json|--quiet|restore|--into|copy|--config|a.yaml|--target=site|--|latest",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        HF_AUTO(hf_cli_done) hf_cli cli = {0};
        hf_error error = {0};
        char storage[256];

        assert_int_equal(parse(&cli, lines[i], storage, &error), HF_OK);
        assert_string_equal(cli.command->name, "restore");
        assert_string_equal(cli.config_path, "a.yaml");
        assert_string_equal(cli.target, "site");
        assert_true(cli.json);
        assert_true(cli.quiet);
        assert_false(cli.verbose);
        assert_string_equal(hf_cli_argument(&cli, 0), "latest");
        assert_null(hf_cli_argument(&cli, 1));
        assert_string_equal(hf_cli_value(&cli, "into"), "copy");
        assert_true(hf_cli_has(&cli, "into"));
        assert_false(hf_cli_has(&cli, "swap"));
    }
}

static void test_cli__tells_what_is_wrong(void **state)
{
    static const struct {
        const char *line, *message, *hint;
    } cases[] = {
        {"holdfast|bakcup", "there is no command \"bakcup\"", "did you mean \"backup\"?"},
        {"holdfast|frobnicate", "there is no command \"frobnicate\"", "\"holdfast help\" lists all"},
        {"holdfast|backup|--lable|x", "\"holdfast backup\" has no option \"--lable\"",
         "did you mean \"--label\"?"},
        {"holdfast|backup|-x", "\"holdfast backup\" has no option \"--x\"", "see \"holdfast help backup\""},
        {"holdfast|--label|x|backup", "unknown option \"--label\"", "behind its name"},
        {"holdfast|backup|--label", "\"--label\" needs a value: --label TEXT", ""},
        {"holdfast|backup|--label|--pin", "\"--label\" needs a value: --label TEXT", ""},
        {"holdfast|backup|--label=", "\"--label\" has an empty value", ""},
        {"holdfast|backup|--pin=yes", "\"--pin\" takes no value", ""},
        {"holdfast|backup|--output|xml", "\"--output\" must be text or json, not \"xml\"", ""},
        {"holdfast|backup|now", "\"now\" is too much for \"holdfast backup\"", "usage: holdfast backup"},
        {"holdfast|show", "\"holdfast show\" needs ID", "usage: holdfast show ID"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO(hf_cli_done) hf_cli cli = {0};
        hf_error error = {0};
        char storage[256];

        assert_int_equal(parse(&cli, cases[i].line, storage, &error), HF_E_USAGE);
        assert_string_equal(error.message, cases[i].message);
        if (strstr(error.hint, cases[i].hint) == NULL)
            fail_msg("hint of \"%s\" is \"%s\"", error.message, error.hint);
    }
}

static void test_cli__bounds_numbers(void **state)
{
    HF_AUTO(hf_cli_done) hf_cli cli = {0};
    hf_error error = {0};
    char storage[256];
    long number = 0;

    (void) state;
    assert_int_equal(parse(&cli, "holdfast|verify|--jobs|7", storage, &error), HF_OK);
    assert_int_equal(hf_cli_number(&cli, "jobs", 1, 64, 4, &number, &error), HF_OK);
    assert_int_equal(number, 7);
    assert_int_equal(hf_cli_number(&cli, "jobs", 1, 6, 4, &number, &error), HF_E_USAGE);
    assert_string_equal(error.message, "\"--jobs\" must be a whole number from 1 to 6, not \"7\"");
    assert_int_equal(hf_cli_number(&cli, "other", 1, 6, 4, &number, &error), HF_OK);
    assert_int_equal(number, 4);
}

static void test_cli__help_fits_on_a_screen(void **state)
{
    (void) state;
    for (size_t i = 0; i < hf_commands_count; i++) {
        const hf_command *command = hf_commands[i];

        assert_ptr_equal(hf_command_find(command->name), command);
        assert_true(strlen(command->name) <= 10);
        assert_true(strlen(command->summary) <= 80);
        assert_true(command->arguments == NULL || command->max_arguments > 0);
        for (const hf_cli_option *option = command->options; option != NULL && option->name != NULL;
             option++) {
            assert_true(strlen(option->help) <= 100);
            for (const hf_cli_option *global = hf_global_options; global->name != NULL; global++)
                assert_string_not_equal(option->name, global->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli__reads_options_anywhere),
        cmocka_unit_test(test_cli__tells_what_is_wrong),
        cmocka_unit_test(test_cli__bounds_numbers),
        cmocka_unit_test(test_cli__help_fits_on_a_screen),
    };

    return cmocka_run_group_tests_name("cli/cli", tests, NULL, NULL);
}
