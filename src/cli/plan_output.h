/* A plan as people read it on a terminal. */
#ifndef HF_CLI_PLAN_OUTPUT_H
#define HF_CLI_PLAN_OUTPUT_H

#include "migrations/plan.h"

void hf_plan_print(const hf_plan *plan);

size_t
hf_plan_findings(const hf_plan *plan); /* that no comment allows, and what the branch did to the base */

#endif
