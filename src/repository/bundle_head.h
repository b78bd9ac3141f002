/* bundle.json, the first entry of a bundle: what it is, and the files that come before the objects; for bundle_*.c. */
#ifndef HF_REPOSITORY_BUNDLE_HEAD_H
#define HF_REPOSITORY_BUNDLE_HEAD_H

#include "base/buffer.h"
#include "repository/manifest.h"

#define HF_BUNDLE_FORMAT 1
#define HF_BUNDLE_HEAD "bundle.json"
#define HF_BUNDLE_MANIFEST "manifest.json"
#define HF_BUNDLE_HEAD_MAX (64u << 10)
#define HF_BUNDLE_FILES_MAX 16

typedef struct hf_bundle_part {
    char *name;
    uint64_t bytes;
    char digest[HF_SHA256_HEX];
} hf_bundle_part;

typedef struct hf_bundle_head {
    char *target, *id;
    HF_VECTOR(hf_bundle_part) parts; /* the first is the manifest */
} hf_bundle_head;
void hf_bundle_head_done(hf_bundle_head *head);

void hf_bundle_head_add(hf_bundle_head *head, const char *name, const char *text);
char *hf_bundle_head_write(const hf_bundle_head *head); /* the stored text; the caller owns it */
HF_MUST_CHECK hf_status hf_bundle_head_read(const hf_buf *text, hf_bundle_head *ret_head, hf_error *error);

#endif
