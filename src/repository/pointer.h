/*
 * A pointer: the small document whose presence makes a snapshot exist.  It names the manifest object, repeats what a
 * listing shows, and holds the digest of its own members.
 */
#ifndef HF_REPOSITORY_POINTER_H
#define HF_REPOSITORY_POINTER_H

#include "repository/repository.h"

/* The stored text of a pointer to this manifest, stored as that object; the caller owns it. */
char *hf_pointer_write(const hf_manifest *manifest, const hf_object_ref *object);

/*
 * Fill an empty info from the stored text of snapshots/<target>/<id>.json.  HF_E_CORRUPT for a changed or cut one,
 * HF_E_FORMAT for a newer format; then only id and target are filled.
 */
HF_MUST_CHECK hf_status hf_pointer_read(const char *target, const char *id, const hf_buf *text,
                                        hf_snapshot_info *ret_info, hf_error *error);

/* The stored text of the same pointer, pinned or not; the caller owns it.  Members that we do not know stay. */
HF_MUST_CHECK hf_status hf_pointer_pin(const hf_buf *text, bool pinned, char **ret_text, hf_error *error);

void hf_snapshot_info_done(hf_snapshot_info *info);

#endif
