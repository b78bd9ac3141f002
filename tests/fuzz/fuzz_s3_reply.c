/* What an S3 service answers in XML. */
#include "fuzz.h"
#include "storage-backends/s3/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_BUF body = fuzz_buf(data, len);
    HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
    HF_AUTO_STR next = NULL;
    hf_s3_error answer = {0};
    hf_error error = {0};

    if (hf_s3_error_read(&body, &answer))
        MUST(answer.code[0] != '\0' && memchr(answer.message, '\0', sizeof(answer.message)) != NULL);
    const hf_status status = hf_s3_page_read(&body, &entries, &next, &error);
    MUST_TELL(status, error);
    for (size_t i = 0; i < entries.count; i++)
        MUST(entries.items[i].key != NULL);
    return 0;
}
