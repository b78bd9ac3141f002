#include <stdio.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "config/config.h"

static const char configuration[] = "configuration";

static void print_options(const char *title, const hf_cli_option *options)
{
    if (options == NULL || options->name == NULL)
        return;
    hf_out("\n%s\n", title);
    for (; options->name != NULL; options++) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s", options->name, options->value == NULL ? "" : " ",
                 options->value == NULL ? "" : options->value);
        hf_out("  %-20s %s\n", left, options->help);
    }
}

static void print_usage(const hf_command *command)
{
    hf_out("usage: holdfast %s%s%s [options]\n", command->name, command->arguments == NULL ? "" : " ",
           command->arguments == NULL ? "" : command->arguments);
}

static void print_command(const hf_command *command)
{
    print_usage(command);
    hf_out("\n%s\n", command->summary);
    if (command->details != NULL)
        hf_out("\n%s\n", command->details);
    print_options("options:", command->options);
    print_options("everywhere:", hf_global_options);
}

static void print_overview(void)
{
    hf_out("holdfast wraps PostgreSQL deploys in a guaranteed snapshot cycle.\n\n"
           "usage: holdfast COMMAND [arguments] [options]\n\n");
    for (size_t i = 0; i < hf_commands_count; i++)
        hf_out("  %-10s %s\n", hf_commands[i]->name, hf_commands[i]->summary);
    print_options("everywhere:", hf_global_options);
    hf_out("\n\"holdfast help COMMAND\" tells more, \"holdfast help configuration\" every key of "
           "holdfast.yaml.\n");
}

static json_t *options_json(const hf_cli_option *options)
{
    json_t *list = json_array();

    for (; options != NULL && options->name != NULL; options++)
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "name", options->name, "value",
                                              options->value, "help", options->help));
    return list;
}

static json_t *command_json(const hf_command *command)
{
    return json_pack("{s:s, s:s?, s:s, s:s?, s:o}", "name", command->name, "arguments", command->arguments,
                     "summary", command->summary, "details", command->details, "options",
                     options_json(command->options));
}

static hf_status run(hf_cli *cli, hf_error *error)
{
    const char *topic = hf_cli_argument(cli, 0);

    if (hf_streq(topic, configuration)) {
        HF_AUTO_STR example = hf_config_example();

        if (!cli->json)
            hf_out("%s", example);
        hf_cli_result(cli, json_pack("{s:s}", "example", example));
        return HF_OK;
    }

    const hf_command *command = topic == NULL ? NULL : hf_command_find(topic);
    if (topic != NULL && command == NULL)
        return hf_command_unknown(topic, error);

    json_t *commands = json_array();
    for (size_t i = 0; i < hf_commands_count; i++)
        if (command == NULL || command == hf_commands[i])
            json_array_append_new(commands, command_json(hf_commands[i]));
    hf_cli_result(cli,
                  json_pack("{s:o, s:o}", "commands", commands, "options", options_json(hf_global_options)));
    if (!cli->json && command != NULL)
        print_command(command);
    else if (!cli->json)
        print_overview();
    return HF_OK;
}

const hf_command hf_command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .summary = "tell what a command does and takes",
    .max_arguments = 1,
    .run = run,
};
