/*
 * Large objects: made empty before the rows, filled beside them, given their owner, ACL and comment after them, read back; for
 * the other files of restore/.
 */
#ifndef HF_RESTORE_LARGE_OBJECTS_H
#define HF_RESTORE_LARGE_OBJECTS_H

#include "restore/job.h"

/* Where the rows of the two chunk tables go on their way. */
#define HF_LARGE_OBJECTS "pg_temp.hf_large_object"
#define HF_LARGE_OBJECT_PIECES "pg_temp.hf_large_object_piece"
extern const char hf_large_objects_make_table[], hf_large_objects_make_pieces[];

/*
 * A query whose column "sql" has the statements that give the objects in HF_LARGE_OBJECTS owner, comment and grants, one a row, in their
 * order.  $1: with owners, $2: with grants.
 */
extern const char hf_large_objects_statements[];

/* Make all of them, empty.  What they need later stays in a temporary table of the session. */
HF_MUST_CHECK hf_status hf_large_objects_create(hf_job *job, hf_restore_session *session, hf_error *error);

/* Write the data of one chunk. */
HF_MUST_CHECK hf_status hf_large_objects_load(hf_job *job, hf_restore_session *session, size_t chunk,
                                              hf_error *error);

/* Read back the data of the range that begins with a chunk, and add its digest to `sum`. */
HF_MUST_CHECK hf_status hf_large_objects_read(hf_job *job, hf_restore_session *session, size_t chunk,
                                              hf_row_digest *sum, hf_error *error);

/* Owner, comment and ACL, by the session that made them; then all of it is compared with the manifest. */
HF_MUST_CHECK hf_status hf_large_objects_finish(hf_job *job, hf_restore_session *session, hf_error *error);

#endif
