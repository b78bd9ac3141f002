/*
 * A scratch database, "<database>__scratch_<8 digits>": empty, with the target's encoding, locale and database-level settings.
 * It is on the target's server, or on that of `shadow.url`, where the configuration names one.
 *
 * Its maker holds an advisory lock on its name, taken before the database is made.  A kill leaves the database behind and
 * frees the lock, so whoever makes the next one for the same target knows it as nobody's and drops it.
 */
#ifndef HF_DEPLOY_SCRATCH_H
#define HF_DEPLOY_SCRATCH_H

#include "config/config.h"
#include "pg/connection.h"

typedef struct hf_scratch {
    char *server_url; /* of another database of its server; a secret */
    hf_pg *keeper;    /* holds the lock */
    char *name;
    char *url; /* of the scratch database; a secret */
} hf_scratch;

/*
 * Sweep, and make one.  url: of the target's database; NULL: it is not asked, and the scratch database is as its server makes them (only with
 * a shadow).  HF_E_PRIVILEGE without CREATEDB; HF_E_REFUSED if the shadow is the target's database itself, by what both servers say of
 * themselves.
 */
HF_MUST_CHECK hf_status hf_scratch_make(const hf_target_config *target, const char *url,
                                        hf_scratch *ret_scratch, hf_error *error);

/* Drop it; what cannot be dropped is logged, and swept by the next. */
void hf_scratch_done(hf_scratch *scratch);

#endif
