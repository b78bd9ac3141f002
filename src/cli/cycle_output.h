/* A cycle as people read it, for the commands deploy, resume and report. */
#ifndef HF_CLI_CYCLE_OUTPUT_H
#define HF_CLI_CYCLE_OUTPUT_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/session.h"

/* The report of hf_deploy_report() as text on stdout: the verdict first. */
void hf_cycle_print(const json_t *report);

/*
 * Give the cycle as the command's result, as text or JSON; a report that cannot be read is left out, as the cycle's own
 * outcome matters more.
 */
void hf_cycle_result(hf_cli *cli, const hf_session *session, const char *cycle);

#endif
