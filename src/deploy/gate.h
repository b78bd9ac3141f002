/*
 * Gates: what must be the case before a deploy may begin, beside that it can work.
 *
 *     window        the time is inside one of deploy.windows, and in none of deploy.freezes
 *     activity      few sessions, no old transaction, few transactions a second
 *     snapshot      the newest snapshot is not too old: the nightly backups run
 *     replication   the standbys keep up
 *     space         there is room on both sides
 *     shrink        no table has lost a large part of its rows since the snapshot before
 *
 * All but the last are looked at in the preflight (and shown by doctor); the window and shrink once the snapshot is taken.  A gate is
 * overridden by its name and a reason, which the journal keeps.
 */
#ifndef HF_DEPLOY_GATE_H
#define HF_DEPLOY_GATE_H

#include "deploy/preflight.h"

extern const char *const hf_gate_names[]; /* ends with NULL */

/* Wait up to deploy.activity.wait until it is calm.  HF_E_CANCELLED; not being calm in the end is for hf_gates_look() to find. */
HF_MUST_CHECK hf_status hf_gate_wait(const hf_deploy_options *options, hf_error *error);

/* A finding each, for those that are configured. */
void hf_gates_look(const hf_deploy_options *options, hf_pg *pg, uint64_t database_bytes,
                   hf_preflight *preflight);

/* After the snapshot: HF_E_REFUSED if the window has closed meanwhile, unless it is overridden. */
HF_MUST_CHECK hf_status hf_gate_window_again(const hf_deploy_options *options, hf_error *error);

/*
 * Compare a new snapshot with the one before it: HF_E_REFUSED if a table has shrunk by more than deploy.shrink says.  *ret_fact is
 * [{schema, name, before, after}] of those that have, also when it is overridden, else NULL; the caller owns it.
 */
HF_MUST_CHECK hf_status hf_gate_shrink(const hf_deploy_options *options, const hf_manifest *manifest,
                                       json_t **ret_fact, hf_error *error);

/* [{gate, reason, by}] of what the options override; NULL: nothing.  The caller owns it. */
json_t *hf_gate_overrides(const hf_deploy_options *options);
bool hf_gate_is_overridden(const hf_deploy_options *options, const char *gate);

/* ---- for gates.c, and the tests ---- */

/*
 * May a deploy begin at this moment?  *ret_seen tells of the window that is open, or that none is and when the next one opens; the
 * caller owns it.
 */
bool hf_window_is_open(const hf_gates_config *gates, int64_t now_ms, char **ret_seen);

/* The room on the server's disk, as far as that can be known; UINT64_MAX: it cannot. */
uint64_t hf_server_free_bytes(const hf_gates_config *gates, hf_pg *pg, const char **ret_how);

#endif
