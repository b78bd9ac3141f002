/*
 * A rehearsal: a snapshot is restored to a scratch database, the pending migrations run there, measured, and the checks that look
 * at a database alone.  The scratch database goes in every case; a kill leaves it under the name of a proof's, which `gc` drops.
 *
 * Which tables a migration rewrites shows in their file nodes before and after it, and is certain.  Which locks it takes is seen by
 * another connection that looks again and again: what is held for less than some milliseconds may be missed.
 */
#ifndef HF_DEPLOY_REHEARSE_H
#define HF_DEPLOY_REHEARSE_H

#include <jansson.h>

#include "config/config.h"
#include "repository/repository.h"

typedef struct hf_rehearsal_options {
    hf_repository *repository;
    const hf_manifest *manifest;
    const hf_target_config *target;
    const char *url; /* of the live database: only its server is used */
} hf_rehearsal_options;

/*
 * *ret_json is filled as far as it came, also on failure; the caller owns it: {snapshot, scratch, restore_ms, rows, migrations:
 * [{name, took_ms (null: it failed), locks: [{relation, mode}], rewrites: [{relation, bytes}], blocked}], migrate_ms, checks, checks_not_run:
 * [names], check_ms}.  HF_E_MIGRATION, HF_E_CHECKS_FAILED, or what kept it from beginning.
 */
HF_MUST_CHECK hf_status hf_rehearse(const hf_rehearsal_options *options, json_t **ret_json, hf_error *error);

#endif
