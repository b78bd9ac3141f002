/* pg_dump's archive; what is accepted survives the form in which a repository keeps it. */
#include "fuzz.h"
#include "pg/archive.h"

static void check_round_trip(const hf_archive *archive)
{
    HF_AUTO(hf_archive_freep) hf_archive *again = NULL;
    json_t *json = hf_archive_to_json(archive);
    hf_error error = {0};
    char before[65], after[65];
    char *text = json_dumps(json, JSON_COMPACT);

    /* Text that is not UTF-8 has no JSON: the caller of json_dumps() says so. */
    if (text != NULL) {
        MUST(hf_archive_from_json(json, &again, &error) == HF_OK);
        hf_archive_digest(archive, before);
        hf_archive_digest(again, after);
        MUST(strcmp(before, after) == 0);
    }
    free(text);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO(hf_archive_freep) hf_archive *archive = NULL;
    hf_error error = {0};
    const hf_status status = hf_archive_parse(data, len, &archive, &error);

    MUST_TELL(status, error);
    if (status == HF_OK)
        check_round_trip(archive);
    return 0;
}
