#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/progress.h"
#include "base/signals.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/notices.h"
#include "cli/output.h"
#include "config/suggest.h"

/* In the order of the help: to begin with, to back up and restore, to deploy. */
const hf_command *const hf_commands[] = {
    &hf_command_init,       &hf_command_config,  &hf_command_doctor,  &hf_command_backup,
    &hf_command_snapshots,  &hf_command_show,    &hf_command_diff,    &hf_command_verify,
    &hf_command_prove,      &hf_command_pin,     &hf_command_unpin,   &hf_command_prune,
    &hf_command_gc,         &hf_command_restore, &hf_command_copy,    &hf_command_export,
    &hf_command_import,     &hf_command_plan,    &hf_command_approve, &hf_command_rehearse,
    &hf_command_deploy,     &hf_command_resume,  &hf_command_salvage, &hf_command_swap_back,
    &hf_command_migrations, &hf_command_drift,   &hf_command_check,   &hf_command_history,
    &hf_command_report,     &hf_command_metrics, &hf_command_key,     &hf_command_notify,
    &hf_command_help,       &hf_command_version,
};
const size_t hf_commands_count = sizeof(hf_commands) / sizeof(hf_commands[0]);

const hf_cli_option hf_global_options[] = {
    {"config", "FILE", "the configuration; default ./holdfast.yaml"},
    {"target", "NAME", "the database of the configuration; not needed when there is only one"},
    {"repository", "NAME", "a copy (repository.copy_to) instead of the first repository, by name or URL"},
    {"output", "FORMAT", "text (default) or json: one document on stdout"},
    {"quiet", NULL, "no progress, and only warnings and errors in the log"},
    {"verbose", NULL, "more in the log"},
    {"help", NULL, "what a command does and takes"},
    {"version", NULL, "holdfast's version"},
    {NULL, NULL, NULL},
};

enum { NAMES_MAX = 64 };

const hf_command *hf_command_find(const char *name)
{
    for (size_t i = 0; i < hf_commands_count; i++)
        if (hf_streq(hf_commands[i]->name, name))
            return hf_commands[i];
    return NULL;
}

hf_status hf_command_unknown(const char *name, hf_error *error)
{
    const char *names[NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < hf_commands_count && count < NAMES_MAX; i++)
        names[count++] = hf_commands[i]->name;
    const char *near = hf_suggest(name, names, count);
    hf_fail(error, HF_E_USAGE, "there is no command \"%s\"", name);
    return near != NULL ? hf_hint(error, "did you mean \"%s\"? \"holdfast help\" lists all", near)
                        : hf_hint(error, "\"holdfast help\" lists all");
}

static const hf_cli_option *find_option(const hf_cli_option *options, const char *name, size_t len)
{
    for (; options != NULL && options->name != NULL; options++)
        if (strlen(options->name) == len && memcmp(options->name, name, len) == 0)
            return options;
    return NULL;
}

static hf_status unknown_option(const hf_cli *cli, const char *name, size_t len, hf_error *error)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    HF_AUTO_STR word = hf_strndup(name, len);

    for (const hf_cli_option *option = hf_global_options; option->name != NULL; option++)
        names[count++] = option->name;
    if (cli->command != NULL && cli->command->options != NULL)
        for (const hf_cli_option *option = cli->command->options; option->name != NULL; option++)
            names[count++] = option->name;
    const char *near = hf_suggest(word, names, count);
    if (cli->command == NULL)
        hf_fail(error, HF_E_USAGE, "unknown option \"--%s\"", word);
    else
        hf_fail(error, HF_E_USAGE, "\"holdfast %s\" has no option \"--%s\"", cli->command->name, word);
    if (near != NULL)
        return hf_hint(error, "did you mean \"--%s\"?", near);
    return cli->command == NULL
               ? hf_hint(error, "a command's options come behind its name; see \"holdfast help\"")
               : hf_hint(error, "see \"holdfast help %s\"", cli->command->name);
}

static hf_status apply_option(hf_cli *cli, const hf_cli_option *option, const char *value, hf_error *error)
{
    if (find_option(hf_global_options, option->name, strlen(option->name)) != option) {
        HF_PUSH(&cli->option_names, option->name);
        HF_PUSH(&cli->option_values, value);
    } else if (hf_streq(option->name, "config")) {
        cli->config_path = value;
    } else if (hf_streq(option->name, "target")) {
        cli->target = value;
        HF_PUSH(&cli->targets, value);
    } else if (hf_streq(option->name, "repository")) {
        cli->repository = value;
    } else if (hf_streq(option->name, "output")) {
        if (!hf_streq(value, "json") && !hf_streq(value, "text"))
            return hf_fail(error, HF_E_USAGE, "\"--output\" must be text or json, not \"%s\"", value);
        cli->json = hf_streq(value, "json");
    } else if (hf_streq(option->name, "quiet")) {
        cli->quiet = true;
    } else if (hf_streq(option->name, "verbose")) {
        cli->verbose = true;
    } else if (hf_streq(option->name, "help")) {
        cli->help = true;
    } else if (cli->command == NULL) {
        cli->command = &hf_command_version;
    }
    return HF_OK;
}

/* One "--name", "--name value" or "--name=value" at *index, which moves to its last word. */
static hf_status read_option(hf_cli *cli, int argc, char **argv, int *index, hf_error *error)
{
    const char *name = argv[*index] + 2;
    size_t len = strcspn(name, "=");
    const hf_cli_option *option = find_option(hf_global_options, name, len);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;

    if (option == NULL && cli->command != NULL)
        option = find_option(cli->command->options, name, len);
    if (option == NULL)
        return unknown_option(cli, name, len, error);
    if (option->value == NULL && value != NULL)
        return hf_fail(error, HF_E_USAGE, "\"--%s\" takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        if (*index + 1 >= argc || hf_starts_with(argv[*index + 1], "--"))
            return hf_fail(error, HF_E_USAGE, "\"--%s\" needs a value: --%s %s", option->name, option->name,
                           option->value);
        value = argv[++*index];
    }
    if (value != NULL && value[0] == '\0')
        return hf_fail(error, HF_E_USAGE, "\"--%s\" has an empty value", option->name);
    return apply_option(cli, option, value, error);
}

/* The one-letter forms that people type without looking. */
static const char *long_form(const char *word)
{
    static const struct {
        const char *letter, *word;
    } forms[] = {{"-h", "--help"}, {"-q", "--quiet"}, {"-v", "--verbose"}, {"-V", "--version"}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (hf_streq(forms[i].letter, word))
            return forms[i].word;
    return NULL;
}

static hf_status check_arguments(const hf_cli *cli, hf_error *error)
{
    const hf_command *command = cli->command;

    if (command == NULL || cli->help)
        return HF_OK;
    if (cli->targets.count > 1 && !command->several_targets) {
        hf_fail(error, HF_E_USAGE, "\"holdfast %s\" takes one --target", command->name);
        return hf_hint(error, "only deploy and resume take several at once");
    }
    if (cli->arguments.count < command->min_arguments)
        hf_fail(error, HF_E_USAGE, "\"holdfast %s\" needs %s", command->name, command->arguments);
    else if (cli->arguments.count > command->max_arguments)
        hf_fail(error, HF_E_USAGE, "\"%s\" is too much for \"holdfast %s\"",
                cli->arguments.items[command->max_arguments], command->name);
    else
        return HF_OK;
    return hf_hint(error, "usage: holdfast %s%s%s", command->name, command->arguments == NULL ? "" : " ",
                   command->arguments == NULL ? "" : command->arguments);
}

hf_status hf_cli_parse(hf_cli *cli, int argc, char **argv, hf_error *error)
{
    bool options_ended = false;

    for (int i = 1; i < argc; i++) {
        char *word = argv[i];

        if (!options_ended && hf_streq(word, "--")) {
            options_ended = true;
        } else if (!options_ended && hf_starts_with(word, "--")) {
            HF_TRY(read_option(cli, argc, argv, &i, error));
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            const char *option = long_form(word);

            if (option == NULL)
                return unknown_option(cli, word + 1, strlen(word + 1), error);
            HF_TRY(apply_option(cli, find_option(hf_global_options, option + 2, strlen(option + 2)), NULL,
                                error));
        } else if (cli->command == NULL) {
            cli->command = hf_command_find(word);
            if (cli->command == NULL)
                return hf_command_unknown(word, error);
        } else {
            HF_PUSH(&cli->arguments, (const char *) word);
        }
    }
    return check_arguments(cli, error);
}

void hf_cli_done(hf_cli *cli)
{
    free(cli->arguments.items);
    free(cli->targets.items);
    free(cli->option_names.items);
    free(cli->option_values.items);
    json_decref(cli->result);
    *cli = (hf_cli){0};
}

const char *hf_cli_argument(const hf_cli *cli, size_t index)
{
    return index < cli->arguments.count ? cli->arguments.items[index] : NULL;
}

const char *hf_cli_value(const hf_cli *cli, const char *option)
{
    for (size_t i = cli->option_names.count; i > 0; i--)
        if (hf_streq(cli->option_names.items[i - 1], option))
            return cli->option_values.items[i - 1];
    return NULL;
}

bool hf_cli_has(const hf_cli *cli, const char *option)
{
    for (size_t i = 0; i < cli->option_names.count; i++)
        if (hf_streq(cli->option_names.items[i], option))
            return true;
    return false;
}

hf_status hf_cli_number(const hf_cli *cli, const char *option, long min, long max, long fallback,
                        long *ret_number, hf_error *error)
{
    const char *text = hf_cli_value(cli, option);
    int64_t number = fallback;

    if (text != NULL && hf_parse_int(text, min, max, &number, NULL) != HF_OK)
        return hf_fail(error, HF_E_USAGE, "\"--%s\" must be a whole number from %ld to %ld, not \"%s\"",
                       option, min, max, text);
    *ret_number = (long) number;
    return HF_OK;
}

hf_status hf_cli_not_both(const hf_cli *cli, const char *a, const char *b, hf_error *error)
{
    if (hf_cli_has(cli, a) && hf_cli_has(cli, b))
        return hf_fail(error, HF_E_USAGE, "\"--%s\" and \"--%s\" exclude each other", a, b);
    return HF_OK;
}

void hf_cli_result(hf_cli *cli, json_t *document)
{
    json_decref(cli->result);
    cli->result = document;
}

/* A line that cannot be read may still say that its answer is to be JSON. */
static bool wants_json(int argc, char **argv)
{
    bool json = false;

    for (int i = 1; i < argc && !hf_streq(argv[i], "--"); i++) {
        if (hf_starts_with(argv[i], "--output="))
            json = hf_streq(argv[i], "--output=json");
        else if (hf_streq(argv[i], "--output") && i + 1 < argc)
            json = hf_streq(argv[i + 1], "json");
    }
    return json;
}

static hf_status run(hf_cli *cli, int argc, char **argv, hf_error *error)
{
    HF_TRY(hf_cli_parse(cli, argc, argv, error));
    hf_log_set_level(cli->verbose ? HF_LOG_DEBUG : cli->quiet ? HF_LOG_WARNING : HF_LOG_INFO);
    hf_progress_set_quiet(cli->quiet);
    if (cli->command == NULL && !cli->help) {
        hf_fail(error, HF_E_USAGE, "no command was given");
        return hf_hint(error, "\"holdfast help\" lists all; \"holdfast init\" is the first");
    }
    if (cli->help && cli->command != NULL && cli->command != &hf_command_help) {
        cli->arguments.count = 0;
        HF_PUSH(&cli->arguments, cli->command->name);
    }
    if (cli->help)
        cli->command = &hf_command_help;
    hf_notices_begin(cli);
    hf_status status = cli->command->run(cli, error);
    hf_notices_end(cli, status, error);
    return status;
}

int hf_cli_main(int argc, char **argv)
{
    HF_AUTO(hf_cli_done) hf_cli cli = {0};
    hf_error error = {0};

    hf_signals_install();
    hf_status status = run(&cli, argc, argv, &error);
    if (status != HF_OK)
        hf_log_error(&error);
    if (cli.json || wants_json(argc, argv)) {
        json_t *document = json_pack("{s:i}", "format", HF_OUTPUT_FORMAT);

        json_object_update(document, cli.result);
        if (status != HF_OK)
            json_object_set_new(document, "error", hf_out_error_json(&error));
        hf_out_json(document);
        json_decref(document);
    }
    if (!hf_out_flush()) {
        hf_fail_errno(&error, "cannot write the result to standard output");
        hf_log_error(&error);
        status = status == HF_OK ? HF_E_SYSTEM : status;
    }
    return hf_status_exit(status);
}
