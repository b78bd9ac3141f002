/* How long a deploy will take, by what earlier ones took. */
#ifndef HF_DEPLOY_OUTLOOK_H
#define HF_DEPLOY_OUTLOOK_H

#include "repository/repository.h"

/* Milliseconds; -1: no earlier deploy tells. */
typedef struct hf_outlook {
    int64_t snapshot_ms, migrate_ms, verify_ms; /* the last time */
    int64_t way_back_ms;                        /* the last one, or what the last `prove` took to restore */
} hf_outlook;

/* What the target's newest cycles and proofs say; journals that cannot be read say nothing. */
HF_MUST_CHECK hf_status hf_outlook_read(hf_repository *repository, const char *target,
                                        hf_outlook *ret_outlook, hf_error *error);

#endif
