/* Failed databases whose time is up. */
#ifndef HF_DEPLOY_EXPIRE_H
#define HF_DEPLOY_EXPIRE_H

#include "deploy/deploy.h"

/*
 * The failed databases of this target that are still there, oldest first: [{target, database, cycle, bytes (null: unknown), kept_since,
 * expires_at (null: never)}].  The caller owns it.
 */
HF_MUST_CHECK hf_status hf_deploy_kept(const hf_deploy_options *options, json_t **ret_kept, hf_error *error);

/*
 * Drop the databases that this target's ways back have kept for longer than deploy.rollback.keep_failed (0: for ever), and the clones of cycles that
 * were killed after their end.  Only names that a journal records are touched.  What cannot be dropped is logged and left.
 */
void hf_deploy_expire(const hf_deploy_options *options);

/*
 * Drop the scratch databases that killed proofs of this target left behind more than older_ms ago; their names tell when they began.  What
 * cannot be dropped is logged and left.
 */
void hf_deploy_drop_scratch(const hf_deploy_options *options, int64_t older_ms);

#endif
