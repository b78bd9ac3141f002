/*
 * gc: remove the objects that no snapshot needs, and other garbage: proofs of snapshots that are gone, what killed puts left.
 *
 * It works while nobody else does (presence.h): it gives up if somebody needs the objects, and lets go when somebody comes.
 * What it removes no snapshot of any target names, and it is older than the grace period, so a gc may end at any point, also by a kill;
 * the next one goes on.  A pointer or manifest that cannot be read ends it before anything is removed.
 */
#ifndef HF_REPOSITORY_GC_H
#define HF_REPOSITORY_GC_H

#include "repository/repository.h"

typedef struct hf_gc_options {
    int64_t grace_ms; /* what was put later than so long ago stays, by the storage's clock */
    bool dry_run;
} hf_gc_options;

typedef struct hf_gc_count {
    uint64_t count, bytes;
} hf_gc_count;

typedef struct hf_gc_report {
    size_t snapshots;
    hf_gc_count needed;
    hf_gc_count young;   /* not needed, but within the grace period */
    hf_gc_count garbage; /* not needed, and old enough */
    uint64_t removed;    /* objects of it */
    uint64_t proofs;     /* removed */
    hf_storage_swept swept;
} hf_gc_report;

/* The report is filled as far as it got, also on failure.  HF_E_BUSY tells who uses the repository; HF_E_CORRUPT which snapshot is unreadable. */
HF_MUST_CHECK hf_status hf_gc_run(hf_repository *repository, const hf_gc_options *options,
                                  hf_gc_report *report, hf_error *error);

#endif
