/*
 * Large objects: made empty before the rows, filled beside them, given their owner, ACL and comment after them, read back; for
 * the other files of restore/.
 */
#ifndef HF_RESTORE_LARGE_OBJECTS_H
#define HF_RESTORE_LARGE_OBJECTS_H

#include "restore/job.h"

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
