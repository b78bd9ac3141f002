/*
 * The approval of a plan: what deploy.approval, deploy.approvers and `deploy --approve DIGEST` ask for.
 *
 * A plan that needs one runs if its digest was given with --approve, if somebody at a terminal says so, or if enough have
 * signed it (approvers.h); where there are keys to sign with, only the last, unless the configuration says otherwise.
 *
 * It is looked at twice: in the preflight, and again after the snapshot, right before the first migration, so that SQL or schema
 * that changed meanwhile is not run unseen, nor what was withdrawn.  Without a policy and without --approve no plan is made.
 */
#ifndef HF_DEPLOY_APPROVAL_H
#define HF_DEPLOY_APPROVAL_H

#include "deploy/deploy.h"

/*
 * HF_E_REFUSED unless the plan may run; the hint has its digest.  *ret_fact is for the journal: {policy, digest, approved, how:
 * null, "digest", "terminal" or "signatures", author, at, by: [{name, at, key, user, host}]}, or NULL if nobody asks; the caller owns it,
 * also on refusal.
 */
HF_MUST_CHECK hf_status hf_approval_look(const hf_deploy_options *options, json_t **ret_fact,
                                         hf_error *error);

/* HF_E_REFUSED if the plan is no longer that of the fact (NULL: nobody asked), or a signature that counted then does not now. */
HF_MUST_CHECK hf_status hf_approval_look_again(const hf_deploy_options *options, const json_t *fact,
                                               hf_error *error);

#endif
