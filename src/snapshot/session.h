/*
 * The session that a snapshot hangs on: every table locked first, then one snapshot exported, so that no definition of a
 * table can change between listing and reading.
 */
#ifndef HF_SNAPSHOT_SESSION_H
#define HF_SNAPSHOT_SESSION_H

#include "pg/catalog.h"
#include "pg/large_objects.h"
#include "snapshot/snapshot.h"

typedef struct hf_snapshot_session {
    hf_pg *pg;
    hf_pg_tables tables;
    hf_pg_oid_ranges large_objects;
    char *exported;
    char *lsn;
    char *definitions; /* a digest of the catalogs as the snapshot sees them */
    bool is_standby;
} hf_snapshot_session;

/*
 * Open it into a zeroed struct, which is done with on failure too.  Errors as of hf_snapshot_take().  The transaction stays open until
 * hf_snapshot_session_done() or a COMMIT.
 */
HF_MUST_CHECK hf_status hf_snapshot_session_open(const hf_snapshot_options *options,
                                                 hf_snapshot_session *self, hf_error *error);
void hf_snapshot_session_done(hf_snapshot_session *self);

/*
 * Did a standby cancel what failed with this error, because what it replays removes what the snapshot sees?  The error is then the
 * conflict's own, also where it hit the session itself and another one saw only what followed.
 */
bool hf_snapshot_session_is_conflict(const hf_snapshot_session *self, hf_error *error);

#endif
