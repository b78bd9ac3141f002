/*
 * Proofs: that a snapshot was restored to a scratch database, and what the comparison gave.  proofs/<target>/<id>.json; a
 * later one takes the place of the one before.  A proof is a record, not a part of the snapshot: losing it loses nothing but the knowledge.
 */
#ifndef HF_REPOSITORY_PROOF_H
#define HF_REPOSITORY_PROOF_H

#include "repository/repository.h"

/* One thing that is not as the snapshot has it. */
typedef struct hf_proof_difference {
    char *
        kind; /* as pg_dump names it: "TABLE", "INDEX"; "TABLE DATA" for rows, "SEQUENCE SET" for a sequence's value */
    char *schema; /* NULL: none */
    char *name;
    char *why;
} hf_proof_difference;

typedef HF_VECTOR(hf_proof_difference) hf_proof_differences;
void hf_proof_differences_done(hf_proof_differences *list);

/* Everything is copied; schema may be NULL. */
void hf_proof_differences_add(hf_proof_differences *list, const char *kind, const char *schema,
                              const char *name, const char *why);

typedef struct hf_proof {
    char *target;
    char *snapshot;
    char *user; /* who had it done, and where */
    char *host;
    char *holdfast_version;
    char *server_version; /* of the server restored to */
    int64_t at_ms;        /* when it began */
    int64_t took_ms;
    bool equal; /* no difference was found */
    uint64_t rows;
    uint64_t difference_count;        /* all of them */
    hf_proof_differences differences; /* the first HF_PROOF_DIFFERENCES_MAX */
} hf_proof;

#define HF_PROOF_DIFFERENCES_MAX 1000

typedef HF_VECTOR(hf_proof) hf_proofs;
void hf_proof_done(hf_proof *proof);
void hf_proofs_done(hf_proofs *proofs);

/* Store it, in the place of an earlier one. */
HF_MUST_CHECK hf_status hf_proof_put(hf_repository *repository, const hf_proof *proof, hf_error *error);

/* HF_E_NOT_FOUND: the snapshot was not proven yet; HF_E_CORRUPT. */
HF_MUST_CHECK hf_status hf_proof_get(hf_repository *repository, const char *target, const char *id,
                                     hf_proof *ret_proof, hf_error *error);

/* One that is not there is no error. */
HF_MUST_CHECK hf_status hf_proof_remove(hf_repository *repository, const char *target, const char *id,
                                        hf_error *error);

/* All proofs of a target (NULL: of all targets).  One that cannot be read is left out: it proves nothing. */
HF_MUST_CHECK hf_status hf_proof_list(hf_repository *repository, const char *target, hf_proofs *ret_proofs,
                                      hf_error *error);

/* The one of a snapshot, or NULL. */
const hf_proof *hf_proofs_find(const hf_proofs *proofs, const char *target, const char *id);

#endif
