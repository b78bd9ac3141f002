/*
 * The plan of a branch, for a pull request: on an empty scratch database the migrations of a git revision are applied, then
 * those that the branch has beside them are planned as pending, and applied too, so that one that fails is seen before it is merged.
 */
#ifndef HF_DEPLOY_BASE_PLAN_H
#define HF_DEPLOY_BASE_PLAN_H

#include "migrations/plan.h"

/*
 * url: of the target's database, for the scratch database to be like it; NULL: a shadow is configured, and the target is not asked.  *ret_plan
 * (zeroed by the caller) is filled as far as it went, also on failure: HF_E_MIGRATION for a migration that fails, of the base or the
 * branch.  It has no digest: nothing in it is about the target.
 */
HF_MUST_CHECK hf_status hf_base_plan_make(const hf_target_config *target, const char *url,
                                          const char *revision, hf_plan *ret_plan, hf_error *error);

#endif
