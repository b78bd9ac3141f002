/*
 * Restoring a snapshot inside the live database, for roles that may not make another one.
 *
 * One transaction over one connection: lock, keep, drop, make, load, compare row by row, commit.  Until the commit nobody sees
 * anything of it, and whatever ends it before (an error, a kill of either side) leaves the database as it was.  Clients that
 * hold a lock are ended first; those that come meanwhile wait.  What is about to go is kept by the caller while they do, so that
 * no row of a table falls between what is kept and what is restored.  Large objects and sequences have no such lock.
 *
 * What extensions brought, and what belongs to roles that this one may not act for, is neither dropped nor made, filled or
 * compared; the report names it as skipped.  What would fall with something that is dropped is an error before anything is.
 */
#ifndef HF_RESTORE_IN_PLACE_H
#define HF_RESTORE_IN_PLACE_H

#include "restore/restore.h"

typedef struct hf_in_place_options {
    hf_repository *repository;
    const hf_manifest *manifest;
    const char *url;                  /* of the live database */
    int64_t timeout_ms;               /* for getting the locks; 0: 60 s */
    bool no_analyze;                  /* leave statistics to autovacuum */
    const hf_role_settings *settings; /* that the database gets last, whatever the snapshot's are; or NULL */
    hf_progress *progress;            /* or NULL */
    /* Store what is there, over other connections.  A failure changes nothing; HF_E_LOCKED has it called again. */
    hf_status (*keep)(void *context, hf_error *error);
    hf_status (*before_commit)(
        void *context, const char *transaction,
        hf_error *error); /* everything is in and equal; a failure takes it back; or NULL */
    void *context;
} hf_in_place_options;

/*
 * As hf_restore_run(); the rows are proved equal before the commit, the schema is to be compared after it, by whoever can see
 * it.  HF_E_UNSUPPORTED: something is in the way, see hf_in_place_obstacles(); HF_E_LOCKED: somebody cannot be got out of the
 * tables.  HF_E_CONNECTION leaves open whether it was committed: hf_in_place_is_done() tells.
 */
HF_MUST_CHECK hf_status hf_in_place_run(const hf_in_place_options *options, hf_restore_report *ret_report,
                                        hf_error *error);

/*
 * Did the transaction of that name, as told to before_commit, commit?  Told by the objects that bear its number.  Its session
 * is over, or is ended here.
 */
HF_MUST_CHECK hf_status hf_in_place_is_done(const char *url, const char *transaction, bool *ret_done,
                                            hf_error *error);

/* What a restore in place of the database of `pg` could not do, a line each; empty: nothing is known to be in the way. */
HF_MUST_CHECK hf_status hf_in_place_obstacles(hf_pg *pg, hf_strings *ret_obstacles, hf_error *error);

#endif
