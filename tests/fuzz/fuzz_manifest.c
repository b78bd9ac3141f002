/* A snapshot's manifest: what is accepted is written back, and then reads the same. */
#include "fuzz.h"
#include "repository/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_BUF text = fuzz_buf(data, len);
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_manifest_freep) hf_manifest *again = NULL;
    HF_AUTO_JSON json = NULL;
    hf_error error = {0};
    hf_status status = hf_parse_document("the manifest", &text, &json, &error);

    if (status == HF_OK)
        status = hf_manifest_from_json(json, &manifest, &error);
    MUST_TELL(status, error);
    if (status != HF_OK)
        return 0;

    HF_AUTO_JSON first = hf_manifest_to_json(manifest);
    MUST(hf_manifest_from_json(first, &again, &error) == HF_OK);
    HF_AUTO_JSON second = hf_manifest_to_json(again);
    MUST(json_equal(first, second));
    return 0;
}
