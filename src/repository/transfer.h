/*
 * What bundles and copies have in common: a snapshot from elsewhere is stored object by object under the names that this repository
 * gives, and sealed last, with the same id and content as it has there.
 */
#ifndef HF_REPOSITORY_TRANSFER_H
#define HF_REPOSITORY_TRANSFER_H

#include "repository/object_map.h"
#include "repository/repository.h"

/* What came of it. */
typedef struct hf_transfer {
    char *target, *id;
    bool existed;          /* the snapshot was there already; broken objects of it were stored anew */
    uint64_t objects;      /* distinct ones */
    uint64_t objects_new;  /* stored now */
    uint64_t bytes_stored; /* by these */
} hf_transfer;
void hf_transfer_done(hf_transfer *transfer);

/*
 * Store an object's content and read it back: object->to is what it is here.  check_existing: one that is there already is read too, and
 * stored anew if it is broken.
 */
HF_MUST_CHECK hf_status hf_transfer_object(hf_repository *repository, hf_zstd *zstd, int level,
                                           bool check_existing, const hf_buf *content,
                                           hf_mapped_object *object, bool *ret_new, hf_error *error);

/*
 * Seal a manifest whose objects were all stored; the map is applied to it.  HF_E_EXISTS if another snapshot has the id; the damage
 * if one has it and is broken.
 */
HF_MUST_CHECK hf_status hf_transfer_seal(hf_repository *repository, const hf_object_map *map,
                                         hf_manifest *manifest, hf_transfer *ret_transfer, hf_error *error);

#endif
