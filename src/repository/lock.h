/*
 * The repository's lock on a target: one file, made by a put that only one can win.  It says who (host, process, what
 * for, since when).  A lock whose process is gone on this same machine is taken over.
 */
#ifndef HF_REPOSITORY_LOCK_H
#define HF_REPOSITORY_LOCK_H

#include "repository/repository.h"

typedef struct hf_lock hf_lock;

/* HF_E_BUSY tells who holds it. */
HF_MUST_CHECK hf_status hf_lock_take(hf_repository *repository, const char *target, const char *purpose,
                                     hf_lock **ret_lock, hf_error *error);

/* Give it back (removes the file if it is still ours) and free. */
void hf_lock_release(hf_lock *lock);
void hf_lock_releasep(hf_lock **lock);

#endif
