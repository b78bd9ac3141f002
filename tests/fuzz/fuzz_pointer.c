/* The pointer that makes a snapshot exist; once as it is, and once with the digest that its content asks for. */
#include "fuzz.h"
#include "repository/document.h"
#include "repository/pointer.h"

static void read_pointer(const hf_buf *text)
{
    HF_AUTO(hf_snapshot_info_done) hf_snapshot_info info = {0};
    hf_error error = {0};
    const hf_status status = hf_pointer_read("site", "20261121T073002Z-1f3a9c", text, &info, &error);

    MUST_TELL(status, error);
    MUST(status != HF_OK || (info.id != NULL && strlen(info.manifest.name) == 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_BUF text = fuzz_buf(data, len);
    HF_AUTO_JSON json = NULL;
    hf_error error = {0};
    char digest[HF_SHA256_HEX];

    read_pointer(&text);
    if (hf_parse_document("the pointer", &text, &json, &error) != HF_OK)
        return 0;
    hf_canonical_digest(json, "digest", digest);
    json_object_set_new(json, "digest", json_string(digest));

    HF_AUTO_STR canonical = hf_canonical_json(json);
    HF_AUTO_BUF mended = fuzz_buf((const uint8_t *) canonical, strlen(canonical));
    read_pointer(&mended);
    return 0;
}
