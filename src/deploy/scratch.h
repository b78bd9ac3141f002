/*
 * A scratch database on the target's server, "<database>__scratch_<8 digits>": empty, with the target's encoding, locale
 * and database-level settings.
 *
 * Its maker holds an advisory lock on its name in the maintenance database, taken before the database is made.  A kill
 * leaves the database behind and frees the lock, so whoever makes the next one for the same target knows it as nobody's
 * and drops it.
 */
#ifndef HF_DEPLOY_SCRATCH_H
#define HF_DEPLOY_SCRATCH_H

#include "config/config.h"
#include "pg/connection.h"

typedef struct hf_scratch {
    const char *target_url; /* borrowed */
    hf_pg *keeper;          /* holds the lock */
    char *name;
    char *url; /* of the scratch database; a secret as the target's */
} hf_scratch;

/* Sweep, and make one.  HF_E_PRIVILEGE without CREATEDB. */
HF_MUST_CHECK hf_status hf_scratch_make(const hf_target_config *target, const char *url,
                                        hf_scratch *ret_scratch, hf_error *error);

/* Drop it; what cannot be dropped is logged, and swept by the next. */
void hf_scratch_done(hf_scratch *scratch);

#endif
