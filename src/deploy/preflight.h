/*
 * Everything a cycle needs, looked at before anything is touched: each finding with its remedy.  `doctor` shows the same.
 */
#ifndef HF_DEPLOY_PREFLIGHT_H
#define HF_DEPLOY_PREFLIGHT_H

#include <jansson.h>

#include "deploy/deploy.h"
#include "migrations/migrations.h"
#include "pg/connection.h"

typedef enum hf_finding_level { HF_FINDING_GOOD, HF_FINDING_WARNING, HF_FINDING_BAD } hf_finding_level;

typedef struct hf_finding {
    const char *what; /* "connection", "privileges", ... */
    hf_finding_level level;
    char *seen;   /* "PostgreSQL 15.18 on ..." */
    char *remedy; /* NULL when good */
} hf_finding;

typedef struct hf_preflight {
    HF_VECTOR(hf_finding) findings;
    size_t bad;
    hf_migration_list migrations; /* as far as they could be read */
    hf_rollback_way way;          /* what `auto` means here, or as configured */
    char *way_why;
    json_t *checks_before; /* what the checks will compare with (checks.h); NULL: could not be taken */
} hf_preflight;
void hf_preflight_done(hf_preflight *preflight);
json_t *hf_preflight_json(const hf_preflight *preflight); /* an array; caller owns */

/* For the other files that look; `seen` is taken over, `remedy` is copied and may be NULL. */
void hf_preflight_add(hf_preflight *preflight, const char *what, hf_finding_level level, char *seen,
                      const char *remedy);

/* Look at everything; one finding that is bad does not end the looking, unless the rest hangs on it. */
void hf_preflight_look(const hf_deploy_options *options, hf_preflight *ret_preflight);

/* The first bad finding as an error: HF_E_REFUSED. */
hf_status hf_preflight_refuse(const hf_preflight *preflight, hf_error *error);

/* The maintenance database: the configured one, or the first of postgres and template1 that lets us in. */
HF_MUST_CHECK hf_status hf_maintenance_connect(const hf_target_config *target, const char *url,
                                               const char *purpose, hf_pg **ret_pg, hf_error *error);

#endif
