/* Cycles as deploy, resume, report and history show them; their JSON is hf_deploy_report()'s. */
#ifndef HF_CLI_CYCLES_H
#define HF_CLI_CYCLES_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "deploy/deploy.h"

void hf_print_cycle(const json_t *report);

/* The report of a cycle that was begun or resumed here, delivered; the caller owns it.  NULL: it cannot be read, which is logged. */
json_t *hf_ended_cycle(const hf_session *session, const char *cycle);

/*
 * After hf_deploy_run() or hf_deploy_resume(): show the cycle, if there is one, and pass `status` on.  A report that
 * cannot be read is logged and hides nothing.
 */
hf_status hf_show_ended_cycle(hf_cli *cli, const hf_session *session, const char *cycle, hf_status status);

#endif
