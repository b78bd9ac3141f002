/*
 * The approval of a plan: what deploy.approval and `deploy --approve DIGEST` ask for.
 *
 * It is looked at twice: in the preflight, and again after the snapshot, right before the first migration, so that SQL or schema
 * that changed meanwhile is not run unseen.  Without a policy and without --approve no plan is made.
 */
#ifndef HF_DEPLOY_APPROVAL_H
#define HF_DEPLOY_APPROVAL_H

#include "deploy/deploy.h"

/*
 * HF_E_REFUSED unless the plan may run; the hint has its digest.  *ret_fact is for the journal: {policy, digest, approved}, or
 * NULL if nobody asks; the caller owns it, also on refusal.
 */
HF_MUST_CHECK hf_status hf_approval_look(const hf_deploy_options *options, json_t **ret_fact,
                                         hf_error *error);

/* HF_E_REFUSED if the plan is no longer that of the fact (NULL: nobody asked). */
HF_MUST_CHECK hf_status hf_approval_look_again(const hf_deploy_options *options, const json_t *fact,
                                               hf_error *error);

#endif
