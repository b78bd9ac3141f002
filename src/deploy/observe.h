/*
 * Observation: once the checks have passed, they are run again every so often for a while.
 *
 * A check that fails `failures` times has failed; one that cannot tell so often in a row is inconclusive.  What was seen is
 * kept as a series for each check, thinned out to at most HF_OBSERVED_POINTS.
 */
#ifndef HF_DEPLOY_OBSERVE_H
#define HF_DEPLOY_OBSERVE_H

#include "checks/checks.h"

#define HF_OBSERVED_POINTS 400

/*
 * *ret_effect: HF_EFFECT_NONE, HOLD or FAILURE, the latter two with `error` filled.  *ret_observed (caller owns): {"for_ms",
 * "every_ms", "failures", "rounds", "took_ms", "checks": [{"name", "passed", "failed", "inconclusive", "seen": of the last that
 * did not pass, "series": [{"after_ms", "outcome", "value"}]}]}; set also on failure, once anything was seen.  HF_E_CANCELLED at a stop
 * request.
 */
HF_MUST_CHECK hf_status hf_observe(const hf_target_config *target, const hf_checks_scene *scene,
                                   json_t **ret_observed, hf_check_effect *ret_effect, hf_error *error);

#endif
