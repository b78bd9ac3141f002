/*
 * Checks: each looks at the application or the database and says what was expected and what was seen.
 *
 * All run side by side (at most 8 at once).  A check that fails is tried again every `every` until `within` has passed.
 * A failing check is a result, not an error; an error means that the checks could not be run at all.
 */
#ifndef HF_CHECKS_H
#define HF_CHECKS_H

#include <jansson.h>

#include "base/error.h"
#include "config/config.h"

typedef struct hf_check_result {
    const hf_check_config *check; /* borrowed */
    bool passed;
    char *expected; /* "status 200 and jq '.status == \"ok\"'" */
    char *seen;     /* "status 500: relation does not exist" */
    int tries;
    int64_t took_ms;
} hf_check_result;

typedef struct hf_check_results {
    HF_VECTOR(hf_check_result) results; /* in the order of the configuration */
    size_t failed;                      /* with severity fail */
    size_t warnings;                    /* failed with severity warn */
} hf_check_results;
void hf_check_results_done(hf_check_results *results);
json_t *hf_check_results_json(const hf_check_results *results); /* caller owns */

/* What can be known without running: jq expressions compile, schema files parse.  HF_E_USAGE with file:line:column. */
HF_MUST_CHECK hf_status hf_checks_validate(const char *config_path, const hf_check_configs *checks,
                                           hf_error *error);

/* url: the database's; on_result (may be NULL) is called as each check ends, from its thread, one at a time. */
HF_MUST_CHECK hf_status hf_checks_run(const hf_check_configs *checks, const char *target, const char *url,
                                      void (*on_result)(void *context, const hf_check_result *result),
                                      void *context, hf_check_results *ret_results, hf_error *error);

const char *hf_check_kind_name(hf_check_kind kind);

#endif
