/*
 * Compression: one object is one zstd frame (RFC 8878) with content size and checksum, made and read whole.
 *
 * A hf_zstd holds the reusable contexts of one thread.
 */
#ifndef HF_STREAM_ZSTD_H
#define HF_STREAM_ZSTD_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

typedef struct hf_zstd hf_zstd;

hf_zstd *hf_zstd_new(void);
void hf_zstd_free(hf_zstd *zstd);
void hf_zstd_freep(hf_zstd **zstd);

/* Replace ret_frame's content by one frame at `level` (1..19). HF_E_LIMIT if it passes ret_frame->max. */
HF_MUST_CHECK hf_status hf_zstd_compress(hf_zstd *zstd, int level, const void *data, size_t len,
                                         hf_buf *ret_frame, hf_error *error);

/*
 * Replace ret_data's content by that of exactly one frame.  The frame's content size must be present and at most
 * ret_data->max (HF_E_LIMIT otherwise); anything malformed or trailing is HF_E_CORRUPT.
 */
HF_MUST_CHECK hf_status hf_zstd_decompress(hf_zstd *zstd, const void *frame, size_t len, hf_buf *ret_data,
                                           hf_error *error);

#endif
