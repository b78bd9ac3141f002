/*
 * Drift: the live schema against what the migrations make in a scratch database, object by object, as pg_dump tells both.
 *
 * Owners and the order of a table's columns do not count: a scratch database is built by one role in one go.  The ledger
 * itself does not count either.
 */
#ifndef HF_DEPLOY_DRIFT_H
#define HF_DEPLOY_DRIFT_H

#include "config/config.h"
#include "migrations/migrations.h"
#include "restore/compare.h"

typedef struct hf_drift {
    hf_archive *built, *live;
    hf_schema_differences differences; /* REMOVED: the live database lacks it; ADDED: no migration makes it */
    size_t migrations;                 /* that were applied to the scratch database */
    hf_strings warnings;
} hf_drift;
void hf_drift_done(hf_drift *drift);

/*
 * Build those migrations that the ledger calls applied, and compare.  Differences that fit one of the patterns of `ignore`
 * (pg/pattern.h, for schema and name as told) are left out.
 */
HF_MUST_CHECK hf_status hf_drift_look(const hf_target_config *target, const char *url,
                                      const hf_strings *ignore, hf_drift *ret_drift, hf_error *error);

/* Build these migrations instead, whatever the ledger says; as hf_drift_look(), but into a zeroed `drift`. */
HF_MUST_CHECK hf_status hf_drift_build(const hf_target_config *target, const char *url,
                                       const hf_strings *names, const hf_strings *ignore, hf_drift *drift,
                                       hf_error *error);

#endif
