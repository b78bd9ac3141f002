/*
 * Who is told of a command: dead-man's switches of its start and its end, people of a backup that failed and of drift.  A deploy
 * tells of itself, with the same notifier.
 */
#ifndef HF_CLI_NOTICES_H
#define HF_CLI_NOTICES_H

#include "cli/cli.h"

/* Before the command: makes cli->notifier, if the configuration names somebody.  One that cannot be read is the command's matter. */
void hf_notices_begin(hf_cli *cli);

/* After it: what failed to be told is logged, and changes nothing else.  error: of a status other than HF_OK. */
void hf_notices_end(hf_cli *cli, hf_status status, const hf_error *error);

#endif
