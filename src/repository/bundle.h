/*
 * The bundle: one snapshot as one pax tar, which psql restores without holdfast, and which any repository takes in again.
 * FORMAT.md specifies it.
 *
 * Both ways go entry by entry over a descriptor that need not be seekable, with one object in memory.  What an entry must be
 * called and how long it must be is known before it is read, so anything else ends the reading.
 */
#ifndef HF_REPOSITORY_BUNDLE_H
#define HF_REPOSITORY_BUNDLE_H

#include "base/progress.h"
#include "repository/transfer.h"

#define HF_BUNDLE_FILE_MAX (1u << 30) /* of a file that is no object */

/* A file beside the snapshot's own, for people and psql; its name is of [a-z0-9._-]. */
typedef struct hf_bundle_file {
    const char *name;
    const char *text;
} hf_bundle_file;

/* The file that holds an object of a manifest, relative to the bundle's top; the caller owns it. */
char *hf_bundle_object_file(const hf_manifest *manifest, const hf_mapped_object *object);

typedef struct hf_bundle_stream {
    int fd;
    const char *name;      /* for messages */
    bool zstd;             /* writing: compressed; reading finds out by itself */
    hf_progress *progress; /* or NULL; total_bytes is set */
} hf_bundle_stream;

HF_MUST_CHECK hf_status hf_bundle_write(hf_repository *repository, const hf_manifest *manifest,
                                        const hf_bundle_file *files, size_t count,
                                        const hf_bundle_stream *stream, hf_error *error);

/*
 * Store the snapshot of a bundle.  A kill, or a bundle that is damaged anywhere, leaves at most objects that nothing names.
 * check_snapshot, which may be NULL, is asked when the manifest is known and nothing is stored yet.  HF_E_FORMAT: no bundle, or a newer
 * one; HF_E_CORRUPT; what hf_transfer_seal() says.
 */
HF_MUST_CHECK hf_status hf_bundle_read(hf_repository *repository, const hf_bundle_stream *stream,
                                       hf_status (*check_snapshot)(void *context, const hf_manifest *manifest,
                                                                   hf_error *error),
                                       void *context, hf_transfer *ret_transfer, hf_error *error);

#endif
