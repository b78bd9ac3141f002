/* holdfast.yaml: every mistake is an error with a place, and what is accepted has at least one target. */
#include "config/load.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_STR text = fuzz_text(data, len);
    HF_AUTO(hf_config_freep) hf_config *config = NULL;
    hf_error error = {0};
    const hf_status status = hf_config_parse("holdfast.yaml", "/folder", text, len, &config, &error);

    MUST_TELL(status, error);
    MUST(status != HF_OK || (config->repository.url != NULL && config->targets.count > 0));
    MUST(status == HF_OK || hf_starts_with(error.message, "holdfast.yaml"));
    return 0;
}
