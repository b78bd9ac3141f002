/* The schema object of a snapshot: what is accepted is written back as it was read. */
#include "fuzz.h"
#include "pg/archive.h"
#include "repository/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_BUF text = fuzz_buf(data, len);
    HF_AUTO(hf_archive_freep) hf_archive *archive = NULL;
    HF_AUTO(hf_archive_freep) hf_archive *again = NULL;
    HF_AUTO_JSON json = NULL;
    HF_AUTO_JSON written = NULL;
    hf_error error = {0};
    hf_status status = hf_parse_document("the schema", &text, &json, &error);

    MUST_TELL(status, error);
    if (status != HF_OK)
        return 0;
    status = hf_archive_from_json(json, &archive, &error);
    MUST_TELL(status, error);
    if (status != HF_OK)
        return 0;
    written = hf_archive_to_json(archive);
    MUST(hf_archive_from_json(written, &again, &error) == HF_OK);
    MUST(again->entries.count == archive->entries.count);
    for (size_t i = 0; i < archive->entries.count; i++) {
        char before[65], after[65];

        hf_entry_digest(&archive->entries.items[i], before);
        hf_entry_digest(&again->entries.items[i], after);
        MUST(strcmp(before, after) == 0);
        (void) hf_archive_find(archive, archive->entries.items[i].id);
    }
    return 0;
}
