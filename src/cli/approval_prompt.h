/* The approval of a plan at a terminal: what will run is shown, and the target's name asked for. */
#ifndef HF_CLI_APPROVAL_PROMPT_H
#define HF_CLI_APPROVAL_PROMPT_H

#include "cli/cli.h"
#include "cli/session.h"
#include "migrations/plan.h"

/* Is somebody there to be asked?  stdin, stdout and stderr are terminals, and the output is for people. */
bool hf_may_prompt(const hf_cli *cli);

/* HF_OK if the target's name is typed; HF_E_REFUSED for anything else, or after 15 minutes; HF_E_CANCELLED by a signal. */
HF_MUST_CHECK hf_status hf_approval_prompt(const hf_session *session, const hf_plan *plan, hf_error *error);

#endif
