/*
 * Signed approvals by the rules of deploy.approvers: whose count, and whether they are enough.
 *
 * Who is the author of a plan?  A machine cannot know who thought of it.  Here it is who has it deployed: the name given with
 * `deploy --by`, else the user of the operating system.  So `four_eyes` keeps honest people from mistakes, and holds against others
 * only where they cannot choose that name themselves, as in a CI job that sets it.  What nobody can talk himself round is `required: 2`:
 * two keys.  In the same way the time of a signature is that of its signer's clock.
 */
#ifndef HF_DEPLOY_APPROVERS_H
#define HF_DEPLOY_APPROVERS_H

#include <jansson.h>

#include "config/config.h"
#include "repository/approval.h"

typedef struct hf_approval_word {
    const hf_signed_approval *approval; /* borrowed */
    char *why_not;                      /* NULL: it counts */
} hf_approval_word;

typedef struct hf_approval_count {
    HF_VECTOR(hf_approval_word) words; /* one for each approval, in their order */
    size_t counted;
    int64_t first_ms; /* of those that count; 0: none does */
} hf_approval_count;
void hf_approval_count_done(hf_approval_count *count);

/* Judge each of the approvals of one plan, as of now_ms. */
void hf_approvals_judge(const hf_target_config *target, const hf_signed_approvals *approvals,
                        const char *author, int64_t now_ms, hf_approval_count *ret_count);

/* HF_E_REFUSED, which tells of each approval why it does not count, unless there are enough and they have cooled off. */
HF_MUST_CHECK hf_status hf_approvals_check(const hf_target_config *target, const char *digest,
                                           const hf_approval_count *count, int64_t now_ms, hf_error *error);

/* Those that count: [{name, at, key, user, host}]; the caller owns it. */
json_t *hf_approvals_json(const hf_approval_count *count);

#endif
