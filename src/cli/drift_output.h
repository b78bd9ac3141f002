/* A drift, as JSON and as text; for `drift` and `migrations baseline`. */
#ifndef HF_CLI_DRIFT_OUTPUT_H
#define HF_CLI_DRIFT_OUTPUT_H

#include <jansson.h>

#include "deploy/drift.h"

/* {equal, migrations, objects, warnings}; the caller owns it. */
json_t *hf_drift_json(const hf_drift *drift);

/* Each object with its SQL: - as the migrations make it, + as it is. */
void hf_drift_print(const hf_drift *drift);

#endif
