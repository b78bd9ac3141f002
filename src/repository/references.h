/* Which objects any snapshot of the repository needs, whatever its target: manifests and what they name. */
#ifndef HF_REPOSITORY_REFERENCES_H
#define HF_REPOSITORY_REFERENCES_H

#include "repository/repository.h"

typedef struct hf_object_name {
    unsigned char bytes[32];
} hf_object_name;

typedef struct hf_references {
    HF_VECTOR(hf_object_name) names; /* sorted and distinct when collected */
    size_t distinct;                 /* so many of them were so at the last sorting */
    size_t snapshots;
} hf_references;

/*
 * Add what the snapshots of a list need.  One whose pointer or manifest cannot be read is HF_E_CORRUPT: what it needs is not known.  `between`
 * (or NULL) is called before each snapshot; its failure ends it.
 */
HF_MUST_CHECK hf_status hf_references_collect(hf_repository *repository, const hf_snapshot_list *snapshots,
                                              hf_references *references,
                                              hf_status (*between)(void *context, hf_error *error),
                                              void *context, hf_error *error);
void hf_references_done(hf_references *references);

/* For those who load manifests themselves: add, and sort in the end. */
HF_MUST_CHECK hf_status hf_references_add(hf_references *references, const hf_object_ref *manifest_object,
                                          const hf_manifest *manifest, hf_error *error);
void hf_references_sort(hf_references *references);

/* By its name, of 64 digits. */
bool hf_references_have_name(const hf_references *references, const char *digits);

/* The object with this key ("objects/<2 digits>/<64 digits>") is needed; false for any other key, with *ret_is_object false. */
bool hf_references_have(const hf_references *references, const char *key, bool *ret_is_object);

#endif
