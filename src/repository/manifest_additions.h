/*
 * Members of the manifest that came later: "filters", "degraded", "role_plan".  Earlier writers left them out, which means that there is
 * nothing to tell; for the other files of repository/.
 */
#ifndef HF_REPOSITORY_MANIFEST_ADDITIONS_H
#define HF_REPOSITORY_MANIFEST_ADDITIONS_H

#include "repository/document.h"
#include "repository/manifest.h"

/* False if a text is not UTF-8. */
bool hf_manifest_additions_write(const hf_manifest *manifest, json_t *root);
void hf_manifest_additions_read(const hf_reader *root, hf_manifest *manifest);
void hf_manifest_additions_done(hf_manifest *manifest);

#endif
