/* A lock: who works on a target. */
#include "fuzz.h"
#include "repository/holder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_BUF text = fuzz_buf(data, len);
    HF_AUTO(hf_holder_done) hf_holder holder = {0};
    hf_error error = {0};
    const hf_status status = hf_holder_read(&text, &holder, &error);

    MUST_TELL(status, error);
    MUST(status != HF_OK || (holder.id != NULL && holder.target != NULL && holder.host != NULL));
    if (status == HF_OK)
        (void) hf_holder_look(&holder);
    return 0;
}
