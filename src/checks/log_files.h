/*
 * What was written to log files since a mark was taken, through rotation and truncation.
 *
 * A mark is where each file ended, with a digest of the bytes before that place.  A file that has these bytes there is its
 * continuation, whatever its name and inode are now: the same file, a renamed one, or the copy that "copytruncate" makes.
 * Beside the files that the pattern means, those whose names begin with theirs (app.log.1) are looked at.
 */
#ifndef HF_CHECKS_LOG_FILES_H
#define HF_CHECKS_LOG_FILES_H

#include <jansson.h>

#include "base/buffer.h"

typedef struct hf_log_reader {
    void (*feed)(void *context, const char *data, size_t len);
    void (*end)(void *context); /* of a file */
    void *context;
    int64_t deadline_ms; /* hf_monotonic_ms() */
} hf_log_reader;

/*
 * Where the files of a glob pattern end now: an array for hf_log_files_read() (caller owns).  What stands in the last 4 MiB of
 * each is given to `reader`, if it is not NULL.
 */
HF_MUST_CHECK hf_status hf_log_files_mark(const char *pattern, const hf_log_reader *reader,
                                          json_t **ret_marks, hf_error *error);

/*
 * Read what came after the marks.  *ret_files: how many files the pattern means.  `lost` gets the files of which what came can
 * no longer be read: removed, or compressed.  A neighbour that must not be read is an error unless it is as it was at the mark.
 * HF_E_TIMEOUT past the deadline.
 */
HF_MUST_CHECK hf_status hf_log_files_read(const char *pattern, const json_t *marks,
                                          const hf_log_reader *reader, size_t *ret_files, hf_buf *lost,
                                          hf_error *error);

#endif
