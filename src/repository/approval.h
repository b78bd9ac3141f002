/*
 * Approvals: that somebody who holds a key looked at a plan and wants it to run.  approvals/<target>/<digest>.<name>.json.
 *
 * Each is signed (Ed25519) over all of its members, target and digest among them, so that it says nothing about any other plan,
 * and who can write to the storage cannot make one up.  A later one of the same name takes the place of the one before: an approval
 * is withdrawn by one that says so.  Who is believed, the reader decides: here nothing is known of rules.
 */
#ifndef HF_REPOSITORY_APPROVAL_H
#define HF_REPOSITORY_APPROVAL_H

#include "repository/repository.h"
#include "stream/digest.h"
#include "stream/signature.h"

#define HF_APPROVER_NAME_MAX 32

typedef struct hf_signed_approval {
    char *target;
    char digest[HF_SHA256_HEX]; /* of the plan */
    char *by;                   /* the approver's name */
    char *user, *host;          /* where it was signed, as that machine said */
    int64_t at_ms;              /* by the signer's clock */
    bool withdrawn;
    char public_key[HF_PUBLIC_KEY_TEXT];
    char signature[HF_SIGNATURE_HEX];
    char *broken; /* NULL, or why nothing in it can be believed */
} hf_signed_approval;
void hf_signed_approval_done(hf_signed_approval *approval);

typedef HF_VECTOR(hf_signed_approval) hf_signed_approvals;
void hf_signed_approvals_done(hf_signed_approvals *approvals);

/* True for 1 to 32 of [A-Za-z0-9_-]. */
bool hf_is_approver_name(const char *name);

/* Sign with this key, which fills public_key and signature of `approval`, and store it.  HF_E_USAGE for a bad name. */
HF_MUST_CHECK hf_status hf_approval_put(hf_repository *repository, const hf_private_key *key,
                                        hf_signed_approval *approval, hf_error *error);

/*
 * All approvals of a target, of one plan (digest) or of all (NULL), by the order of their keys.  One that cannot be read, that does not belong where it
 * lies, or whose signature is not that of the key in it is there with `broken`.
 */
HF_MUST_CHECK hf_status hf_approval_list(hf_repository *repository, const char *target, const char *digest,
                                         hf_signed_approvals *ret_approvals, hf_error *error);

#endif
