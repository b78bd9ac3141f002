/* Where a check could not tell: asking somebody who is at the terminal. */
#ifndef HF_CLI_HELD_H
#define HF_CLI_HELD_H

#include "deploy/deploy.h"

/* For hf_deploy_options.ask_held, where hf_may_prompt().  Who does not answer within 15 minutes is not there. */
hf_held_answer hf_held_ask(void *context, const char *why);

#endif
