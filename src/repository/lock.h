/*
 * The repository's lock on a target: one file, made by a put that only one can win.  It says who (host, process, what
 * for, since when).  A lock whose process is gone is taken over: on this same machine that is seen, elsewhere its presence tells
 * (presence.h).
 */
#ifndef HF_REPOSITORY_LOCK_H
#define HF_REPOSITORY_LOCK_H

#include "repository/repository.h"

typedef struct hf_lock hf_lock;

/* HF_E_BUSY tells who holds it. */
HF_MUST_CHECK hf_status hf_lock_take(hf_repository *repository, const char *target, const char *purpose,
                                     hf_lock **ret_lock, hf_error *error);

/* The lock on the list of a target's snapshots, for moments: to remove or to pin one.  It goes with the other one. */
HF_MUST_CHECK hf_status hf_lock_take_snapshots(hf_repository *repository, const char *target,
                                               const char *purpose, hf_lock **ret_lock, hf_error *error);

/*
 * Is it still ours?  HF_E_BUSY: another process has taken it over, or somebody removed it, while this one stood still; nothing may be
 * changed any more.  Storage errors tell nothing.
 */
HF_MUST_CHECK hf_status hf_lock_check(hf_lock *lock, hf_error *error);

/* Give it back (removes the file if it is still ours) and free. */
void hf_lock_release(hf_lock *lock);
void hf_lock_releasep(hf_lock **lock);

#endif
