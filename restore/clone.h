/*
 * A copy of the live database, made beside it by the server itself (CREATE DATABASE ... TEMPLATE), to be exchanged for it later.
 *
 *     names: live, clone
 *     block      the live database refuses clients, those in it are ended        killed here: it refuses clients until reopened
 *     create     the server copies its files; the clone lets nobody in
 *     allow      the live database is open again                                 killed before: as above, and the clone is there
 *     compare    rows and schema of the clone with the snapshot, if wanted
 *     close      nobody is let in any more, but for one session of ours
 *     finish     what CREATE DATABASE does not copy: grants, settings, comment, connection limit
 *     mark       when the last session in it is gone
 *
 * Nobody can have written to the clone from then on if its entry in pg_database is still the one that closed it: each ALTER DATABASE, also
 * one that lets clients in, writes a new one.  `mark` is what that entry is known by.
 */
#ifndef HF_RESTORE_CLONE_H
#define HF_RESTORE_CLONE_H

#include "base/progress.h"
#include "repository/repository.h"
#include "restore/verify.h"

typedef struct hf_clone_options {
    hf_repository *repository;
    const hf_manifest *manifest; /* the snapshot of just now */
    const char *url;
    const char *live, *clone;
    const hf_strings *pg_dump; /* for comparing the schema */
    size_t jobs;
    bool compare;       /* read all of it, and compare */
    int64_t timeout_ms; /* for getting the last client out; 0: 60 s */
    hf_progress *progress;
} hf_clone_options;

typedef struct hf_clone {
    uint32_t oid;
    char *mark;
    hf_difference_list later; /* tables that were written to between the snapshot and the clone */
    int64_t blocked_ms;       /* how long clients were kept out */
    int64_t took_ms;
} hf_clone;
void hf_clone_done(hf_clone *clone);

/*
 * HF_E_LOCKED: somebody cannot be got out of the live database, or out of the clone; HF_E_MISMATCH: the schema is no longer the snapshot's.
 * On failure the live database is open again and the clone is gone, or hf_clone_remove() is to be called.
 */
HF_MUST_CHECK hf_status hf_clone_make(const hf_clone_options *options, hf_clone *ret_clone, hf_error *error);

/* Is it still the one that was made, and can nobody have changed it? */
HF_MUST_CHECK hf_status hf_clone_check(const char *url, const char *clone, uint32_t oid, const char *mark,
                                       bool *ret_untouched, hf_error *error);

/* Let clients into the live database, if it refuses them, and drop the clone, if it is there. */
HF_MUST_CHECK hf_status hf_clone_remove(const char *url, const char *live, const char *clone,
                                        hf_error *error);

#endif
