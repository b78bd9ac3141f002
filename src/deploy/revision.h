/* A folder as a git revision has it. */
#ifndef HF_DEPLOY_REVISION_H
#define HF_DEPLOY_REVISION_H

#include "base/error.h"

/*
 * Write the files that `revision` has of `folder`, byte for byte as they are stored, into a new folder (0700, below TMPDIR); links and
 * submodules are left out.  A revision without that folder gives an empty one.  *ret_path (caller owns) is there also on failure, if
 * anything was made; *ret_commit is the full name of the commit (caller owns).  HF_E_NOT_FOUND: no git, no work tree, or no such
 * revision, with what git said.
 */
HF_MUST_CHECK hf_status hf_revision_extract(const char *folder, const char *revision, char **ret_path,
                                            char **ret_commit, hf_error *error);

/* Remove such a folder with all that is in it; what cannot be removed is left. */
void hf_revision_remove(const char *path);

#endif
