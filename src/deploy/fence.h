/*
 * The fence: what keeps writers out of the database while a cycle changes it (deploy.fence).
 *
 *   connections   ALTER DATABASE ... SET local_preload_libraries to a library that does not exist: the server then ends each
 *                 session of the database as it begins, a superuser's too, unless its startup packet says otherwise, as that
 *                 of hf_fence_url() does.  Grants and connection limits cannot tell the application from a migrator of the same
 *                 role, nor keep a superuser out.
 *   read_only     default_transaction_read_only, of the database or of roles in it; the URL turns it off again.
 *   hook          two commands of the operator.
 *
 * Sessions that are older than the setting are ended.  Background workers (of a subscription, of an extension) read no such
 * setting and are not kept out.
 *
 * The journal has the fact `fence` before anything is changed: {kind, database, settings (all that the database had), ended,
 * undone}.  A kill after that leaves a fence that is up, or is not; lowering it is the same for both, and is done at each end of the cycle but
 * `stuck`, after that end is durable, and by resume if a kill came between.
 */
#ifndef HF_DEPLOY_FENCE_H
#define HF_DEPLOY_FENCE_H

#include "deploy/cycle.h"
#include "repository/manifest.h"

/* The URL with which a session passes the target's fence; the caller owns it. */
HF_MUST_CHECK hf_status hf_fence_url(const hf_fence_config *fence, const char *url, char **ret_url,
                                     hf_error *error);

/* HF_E_REFUSED if some role would pass it, because of settings of its own; for the preflight too. */
HF_MUST_CHECK hf_status hf_fence_check(hf_pg *pg, const hf_fence_config *fence, const char *database,
                                       hf_error *error);

/*
 * Raise it, if one is configured and it is not up.  HF_OK: from now on no transaction of a client that it keeps out is under way, nor
 * begins.  On failure it may be up, and is to be lowered.
 */
HF_MUST_CHECK hf_status hf_fence_raise(hf_cycle *cycle, hf_error *error);

/* Undo what the journal says, in the live database and in the one that a swap put aside; nothing if it is not up. */
HF_MUST_CHECK hf_status hf_fence_lower(hf_cycle *cycle, hf_error *error);

/* By the journal: raised, or begun to be, and not known to be lowered. */
bool hf_fence_is_up(const hf_journal *journal);

/* What it sets while it is up, none where it is down or no setting; the strings are the journal's.  free() its items. */
hf_role_settings hf_fence_settings(const hf_journal *journal);

/* What the database's settings were before it went up; the strings are the journal's.  free() its items. */
hf_role_settings hf_fence_former_settings(const hf_journal *journal);

#endif
