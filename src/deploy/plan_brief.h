/* The plan of a cycle as its journal keeps it: what a report tells, without the SQL. */
#ifndef HF_DEPLOY_PLAN_BRIEF_H
#define HF_DEPLOY_PLAN_BRIEF_H

#include <jansson.h>

#include "config/config.h"

/*
 * {digest (null: unknown), destructive, migrations: [{name, statements, findings: [{rule, class, about, line, explanation,
 * allowed}], more}]}; `more`: findings that were left out.  The caller
 * owns it.  Errors are those of hf_plan_make().
 */
HF_MUST_CHECK hf_status hf_plan_brief(const hf_target_config *target, const char *url, json_t **ret_brief,
                                      hf_error *error);

#endif
