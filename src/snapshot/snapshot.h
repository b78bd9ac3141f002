/*
 * Taking a snapshot of a database into a repository.
 *
 * Order of events, and what a kill leaves:
 *   1. the session locks every table (ACCESS SHARE) and exports its snapshot         nothing
 *   2. pg_dump reads the schema while workers copy page ranges into objects          objects nobody refers to
 *   3. the manifest is stored as an object                                           the same
 *   4. the pointer is written                                                        the snapshot exists
 * Nothing is ever overwritten, so every older snapshot is untouched throughout.
 */
#ifndef HF_SNAPSHOT_H
#define HF_SNAPSHOT_H

#include "base/error.h"
#include "base/memory.h"
#include "base/progress.h"
#include "pg/archive_filter.h"
#include "repository/manifest.h"
#include "repository/repository.h"

typedef struct hf_snapshot_options {
    hf_repository *repository;
    const char *target;         /* its name in the repository */
    const char *url;            /* of the database */
    size_t jobs;                /* worker connections, >= 1 */
    int compression;            /* zstd level */
    bool text_only;             /* never COPY's binary form */
    uint32_t range_pages;       /* heap pages a chunk */
    uint64_t chunk_bytes;       /* most text in a chunk, unless one row is longer */
    int64_t lock_timeout_ms;    /* for ACCESS SHARE */
    const hf_strings *pg_dump;  /* argv of the configuration, or NULL */
    int64_t pg_dump_timeout_ms; /* 0: an hour */
    bool verify_full;           /* read back what was stored, and what was there already */
    hf_filter filter;           /* what to leave out */
    bool salvage;               /* keep what can be read of damaged tables, and note what is lost */
    const hf_role_settings
        *settings;     /* the database's, where they are others for the moment; NULL: as they are */
    const char *label; /* or NULL */
    const char *cycle; /* or NULL */
    bool pinned;
    hf_progress *progress; /* or NULL */
} hf_snapshot_options;

typedef struct hf_snapshot_result {
    hf_manifest *manifest;
    uint64_t chunks_new, chunks_reused;
    uint64_t bytes_written; /* stored, of new chunks */
    int64_t took_ms;
} hf_snapshot_result;
void hf_snapshot_result_done(hf_snapshot_result *result);

/*
 * Take and seal a snapshot.  HF_E_PRIVILEGE names every table that the role may not read, before anything is copied;
 * HF_E_UNSUPPORTED names what would be lost; HF_E_REFUSED a kept table that needs what the filter leaves out; HF_E_LOCKED who holds a lock; storage errors as they come.
 */
HF_MUST_CHECK hf_status hf_snapshot_take(const hf_snapshot_options *options, hf_snapshot_result *ret_result,
                                         hf_error *error);

#endif
