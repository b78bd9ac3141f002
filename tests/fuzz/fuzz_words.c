/* The short texts that people type: URLs, durations, sizes, times, patterns.  The first byte says which. */
#include "base/clock.h"
#include "fuzz.h"
#include "pg/pattern.h"
#include "pg/url.h"

static void read_url(const char *text)
{
    PQconninfoOption *options = NULL;
    hf_error error = {0};
    const hf_status status = hf_pg_url_parse(text, &options, &error);

    MUST_TELL(status, error);
    if (status == HF_OK)
        PQconninfoFree(options);
}

static void read_pattern(const char *text)
{
    hf_pattern pattern = {0};

    if (hf_pattern_parse(text, &pattern))
        (void) hf_pattern_fits(&pattern, "public", text);
    hf_pattern_done(&pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;

    HF_AUTO_STR text = fuzz_text(data + 1, len - 1);
    hf_error error = {0};
    hf_status status = HF_OK;
    uint64_t bytes;
    int64_t ms;

    switch (data[0] % 6) {
    case 0:
        read_url(text);
        break;
    case 1:
        status = hf_parse_duration(text, &ms, &error);
        MUST(status != HF_OK || ms >= 0);
        break;
    case 2:
        status = hf_parse_size(text, &bytes, &error);
        break;
    case 3:
        status = hf_time_parse(text, &ms, &error);
        break;
    case 4:
        status = hf_time_parse_human(text, 1795246202123, &ms, &error);
        break;
    default:
        read_pattern(text);
    }
    MUST_TELL(status, error);
    return 0;
}
