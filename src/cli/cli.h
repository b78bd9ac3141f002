/*
 * The command line: a table of commands, one file each (cmd_<name>.c).
 *
 * cli.c reads the line, runs the command and turns its status into the exit status.  A command prints its result as text on
 * stdout, or gives it as a JSON document; both go through output.h, so that secrets are redacted and what came from
 * outside cannot steer the terminal.  Its error is reported by cli.c alone.
 */
#ifndef HF_CLI_H
#define HF_CLI_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"
#include "notify/notify.h"

typedef struct hf_cli hf_cli;

typedef struct hf_cli_option {
    const char *name;  /* without the dashes; NULL ends a list */
    const char *value; /* what its value is called ("NAME"), or NULL: it takes none */
    const char *help;
} hf_cli_option;

typedef struct hf_command {
    const char *name;
    const char *arguments; /* for the usage line: "[ID]" */
    const char *summary;   /* one line */
    const char *details;   /* lines for its help, or NULL */
    size_t min_arguments, max_arguments;
    const hf_cli_option *options; /* beside the global ones, or NULL */
    bool several_targets;         /* --target may be given more than once */
    hf_status (*run)(hf_cli *cli, hf_error *error);
} hf_command;

struct hf_cli {
    const hf_command *command;
    const char *config_path;         /* NULL: the default */
    const char *target;              /* the last one given; NULL: the only one */
    HF_VECTOR(const char *) targets; /* all given */
    const char *repository;          /* NULL: the first */
    bool json, quiet, verbose, help;
    HF_VECTOR(const char *) arguments;
    HF_VECTOR(const char *) option_names;
    HF_VECTOR(const char *) option_values; /* NULL for those that take none */
    json_t *result;
    hf_notifier *notifier; /* of the commands that somebody is told of (notices.h); or NULL */
};

extern const hf_command *const hf_commands[];
extern const size_t hf_commands_count;
extern const hf_cli_option hf_global_options[];

/* Run one command line; the process's exit status. */
int hf_cli_main(int argc, char **argv);

/* Read a line into a cleared `cli`.  HF_E_USAGE with a hint.  command is NULL if the line names none. */
HF_MUST_CHECK hf_status hf_cli_parse(hf_cli *cli, int argc, char **argv, hf_error *error);
void hf_cli_done(hf_cli *cli);

const char *hf_cli_argument(const hf_cli *cli, size_t index);    /* NULL if there are fewer */
const char *hf_cli_value(const hf_cli *cli, const char *option); /* the last one given, or NULL */
bool hf_cli_has(const hf_cli *cli, const char *option);

/* An option's whole number, `fallback` if it is not given.  HF_E_USAGE names the option. */
HF_MUST_CHECK hf_status hf_cli_number(const hf_cli *cli, const char *option, long min, long max,
                                      long fallback, long *ret_number, hf_error *error);

/* HF_E_USAGE if both are given. */
HF_MUST_CHECK hf_status hf_cli_not_both(const hf_cli *cli, const char *a, const char *b, hf_error *error);

/* The command's document (an object; the reference is stolen).  "format" and, on failure, "error" are added to it. */
void hf_cli_result(hf_cli *cli, json_t *document);

/* The command of this name, or NULL. */
const hf_command *hf_command_find(const char *name);

/* HF_E_USAGE with what may have been meant. */
hf_status hf_command_unknown(const char *name, hf_error *error);

#endif
