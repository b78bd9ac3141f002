/*
 * Copying snapshots from one repository to another one, of whatever keys: only the objects that it lacks, each read back; then the
 * manifest, and last the pointer, as for any seal.  A kill leaves at most objects that nothing names, which the next copy finds.
 */
#ifndef HF_REPOSITORY_COPY_H
#define HF_REPOSITORY_COPY_H

#include "base/progress.h"
#include "repository/transfer.h"

typedef struct hf_copy_options {
    hf_repository *from, *to; /* both entered (hf_repository_enter) */
    const char *target, *id;
    size_t jobs;
    bool check_existing;   /* read back what is there already too; broken objects are stored anew */
    hf_progress *progress; /* or NULL; total_bytes grows by what this snapshot has */
} hf_copy_options;

/* Holds the target's lock in `to` meanwhile.  Errors as of hf_repository_load() and hf_transfer_seal(). */
HF_MUST_CHECK hf_status hf_copy_snapshot(const hf_copy_options *options, hf_transfer *ret_transfer,
                                         hf_error *error);

#endif
