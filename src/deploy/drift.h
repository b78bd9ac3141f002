/*
 * Drift: the live schema against what the migrations make in a scratch database, or against a snapshot, object by object, as
 * pg_dump tells both.
 *
 * The order of a table's columns does not count, nor do owners against migrations: a scratch database is built by one role in one
 * go.  The ledger itself does not count either.
 */
#ifndef HF_DEPLOY_DRIFT_H
#define HF_DEPLOY_DRIFT_H

#include "config/config.h"
#include "migrations/migrations.h"
#include "restore/compare.h"

/* Why an object differs from what the migrations make. */
typedef struct hf_drift_cause {
    bool not_run; /* `migration` is in the ledger as applied, and has not run here; else somebody's hands */
    char *migration; /* the one that made it, or changed it last; NULL: not known, or none */
} hf_drift_cause;

typedef struct hf_drift {
    hf_archive *built, *live;          /* built: by the migrations, or by a snapshot */
    hf_schema_differences differences; /* REMOVED: the live database lacks it; ADDED: no migration makes it */
    HF_VECTOR(hf_drift_cause) causes;  /* one for each difference; none against a snapshot */
    char *snapshot;                    /* its id; NULL: against the migrations */
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

/* Compare with a snapshot. */
HF_MUST_CHECK hf_status hf_drift_from(const hf_target_config *target, const char *url,
                                      hf_repository *repository, const hf_manifest *manifest,
                                      const hf_strings *ignore, hf_drift *ret_drift, hf_error *error);

#endif
