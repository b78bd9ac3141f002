/*
 * Checks: each looks at the application or the database and says what was expected and what was seen.
 *
 * All run side by side (at most 8 at once).  A check that fails is tried again every `every` until `within` has passed or
 * `retries` are used up.  A failing check is a result, not an error; an error means that the checks could not be run at all.
 * A check that could not look (the metrics server is down) is inconclusive, which is neither passed nor failed.
 *
 * Some compare with what was before the deploy.  hf_checks_before() takes that, as JSON for the journal; hf_checks_run()
 * gets it back, then or after a resume.  Run alone, such a check has nothing to compare with and is skipped.
 */
#ifndef HF_CHECKS_H
#define HF_CHECKS_H

#include <jansson.h>

#include "base/error.h"
#include "config/config.h"

typedef enum hf_check_outcome {
    HF_CHECK_PASSED,
    HF_CHECK_FAILED,
    HF_CHECK_INCONCLUSIVE,
    HF_CHECK_SKIPPED
} hf_check_outcome;

/* What follows from an outcome, with severity and on_inconclusive. */
typedef enum hf_check_effect {
    HF_EFFECT_NONE,
    HF_EFFECT_WARNING,
    HF_EFFECT_HOLD,
    HF_EFFECT_FAILURE
} hf_check_effect;

typedef struct hf_check_result {
    const hf_check_config *check; /* borrowed */
    hf_check_outcome outcome;
    hf_check_effect effect;
    char *expected; /* "status 200 and jq '.status == \"ok\"'" */
    char *seen;     /* "status 500: relation does not exist" */
    double value;   /* what was measured; NaN: nothing */
    int tries;
    int64_t took_ms;
} hf_check_result;

typedef struct hf_check_results {
    HF_VECTOR(hf_check_result) results; /* in the order of the configuration */
    size_t effects[HF_EFFECT_FAILURE + 1];
} hf_check_results;
void hf_check_results_done(hf_check_results *results);
json_t *hf_check_results_json(const hf_check_results *results); /* caller owns */

/* The first result with this effect, or NULL. */
const hf_check_result *hf_check_results_first(const hf_check_results *results, hf_check_effect effect);

/* What the checks look at, beside what their configuration names. */
typedef struct hf_checks_scene {
    const char *target;
    const char *url;      /* the database's; "" where hf_checks_need() does not ask for it */
    const json_t *before; /* of hf_checks_before(); NULL: run alone */
    const json_t
        *snapshot; /* {"id", "tables": [{"schema", "name", "rows"}]} or {"error"}; NULL where not needed */
    const json_t
        *newest; /* {"newest", "proven": null or {"id", "created_ms"}} or {"error"}; NULL where not needed */
    hf_inconclusive on_inconclusive; /* of checks that do not say */
    bool accept;                     /* whatever they say, what is inconclusive passes */
    bool once;                       /* one try each */
    void (*on_result)(void *context,
                      const hf_check_result *result); /* as each ends, from its thread, one at a
                                                                        time; or NULL */
    void *context;
} hf_checks_scene;

enum {
    HF_CHECKS_NEED_DATABASE = 1,
    HF_CHECKS_NEED_SNAPSHOT = 2, /* scene.snapshot */
    HF_CHECKS_NEED_NEWEST = 4,   /* scene.newest */
};
unsigned hf_checks_need(const hf_check_configs *checks);

/* What can be known without running: jq and regular expressions compile, schema files parse. */
void hf_checks_validate(const char *config_path, const hf_check_configs *checks,
                        hf_config_problems *problems);

/*
 * Before anything is changed: what checks will compare with, and whether they can be run.  *ret_before is an object by the
 * checks' names, for scene.before (caller owns).  HF_E_CHECKS_FAILED names a check that could neither fail nor pass after the
 * deploy, unless that would not matter (severity warn, on_inconclusive pass): then it is {"error": "..."}.
 */
HF_MUST_CHECK hf_status hf_checks_before(const hf_check_configs *checks, const hf_checks_scene *scene,
                                         json_t **ret_before, hf_error *error);

HF_MUST_CHECK hf_status hf_checks_run(const hf_check_configs *checks, const hf_checks_scene *scene,
                                      hf_check_results *ret_results, hf_error *error);

const char *hf_check_kind_name(hf_check_kind kind);
const char *hf_check_outcome_name(hf_check_outcome outcome);

#endif
