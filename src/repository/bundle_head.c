#include "repository/bundle_head.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repository/bundle.h"
#include "repository/document.h"

void hf_bundle_head_done(hf_bundle_head *head)
{
    free(head->target);
    free(head->id);
    for (size_t i = 0; i < head->parts.count; i++)
        free(head->parts.items[i].name);
    free(head->parts.items);
    *head = (hf_bundle_head){0};
}

void hf_bundle_head_add(hf_bundle_head *head, const char *name, const char *text)
{
    hf_bundle_part *part = HF_APPEND_NEW(&head->parts);

    part->name = hf_strdup(name);
    part->bytes = strlen(text);
    hf_sha256_hex(text, strlen(text), part->digest);
}

char *hf_bundle_head_write(const hf_bundle_head *head)
{
    HF_AUTO_JSON json = json_pack("{s:s, s:i, s:s, s:s, s:[]}", "holdfast", "bundle", "format",
                                  HF_BUNDLE_FORMAT, "target", head->target, "id", head->id, "files");
    char digest[HF_SHA256_HEX];

    for (size_t i = 0; i < head->parts.count; i++) {
        const hf_bundle_part *part = &head->parts.items[i];

        (void) json_array_append_new(json_object_get(json, "files"),
                                     json_pack("{s:s, s:I, s:s}", "name", part->name, "bytes",
                                               (json_int_t) part->bytes, "sha256", part->digest));
    }
    hf_canonical_digest(json, NULL, digest);
    (void) json_object_set_new(json, "digest", json_string(digest));
    HF_AUTO_STR text = hf_canonical_json(json);
    return hf_format("%s\n", text);
}

static void read_part(const hf_reader *root, const json_t *files, size_t index, hf_bundle_part *part)
{
    hf_reader reader = hf_reader_item(root, "files", files, index);
    const char *name = hf_read_text(&reader, "name");
    const char *digest = hf_read_text(&reader, "sha256");

    part->name = hf_strdup(name);
    part->bytes = hf_read_u64(&reader, "bytes", HF_BUNDLE_FILE_MAX);
    if (root->reading->status == HF_OK && !hf_is_sha256_hex(digest))
        hf_reader_fail(&reader, "sha256", "is no SHA-256");
    if (root->reading->status == HF_OK)
        memcpy(part->digest, digest, HF_SHA256_HEX);
    if (index == 0 && !hf_streq(name, HF_BUNDLE_MANIFEST))
        hf_reader_fail(&reader, "name", "is not \"" HF_BUNDLE_MANIFEST "\"");
}

hf_status hf_bundle_head_read(const hf_buf *text, hf_bundle_head *ret_head, hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    HF_AUTO(hf_bundle_head_done) hf_bundle_head head = {0};
    hf_reading reading = {.what = "\"" HF_BUNDLE_HEAD "\"", .error = error};
    char digest[HF_SHA256_HEX];

    HF_TRY(hf_parse_document(reading.what, text, &json, error));

    hf_reader root = hf_reader_root(&reading, json);

    if (!hf_streq(hf_read_text(&root, "holdfast"), "bundle"))
        hf_reader_fail(&root, "holdfast", "is not \"bundle\"");
    HF_TRY(hf_read_format(&root));
    hf_canonical_digest(json, "digest", digest);
    if (!hf_streq(hf_read_text(&root, "digest"), digest))
        hf_reader_fail(&root, "digest", "is not that of the document: it was changed");
    head.target = hf_strdup(hf_read_text(&root, "target"));
    head.id = hf_strdup(hf_read_text(&root, "id"));

    const json_t *files = hf_read_array(&root, "files", HF_BUNDLE_FILES_MAX);

    if (json_array_size(files) == 0)
        hf_reader_fail(&root, "files", "is empty");
    for (size_t i = 0; i < json_array_size(files); i++)
        read_part(&root, files, i, HF_APPEND_NEW(&head.parts));
    if (reading.status != HF_OK)
        return reading.status;
    *ret_head = head;
    head = (hf_bundle_head){0};
    return HF_OK;
}
