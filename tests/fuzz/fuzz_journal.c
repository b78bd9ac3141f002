/* The journal of a deploy; once as it is, and once with the digests that its entries ask for. */
#include <unistd.h>

#include "fuzz.h"
#include "repository/document.h"
#include "repository/journal.h"

#define CYCLE "20261121T073002Z-1f3a9c"
#define KEY "cycles/site/" CYCLE ".json"

static hf_repository *repository;
static char folder[] = "/dev/shm/hf-fuzz-XXXXXX";

static void remove_repository(void)
{
    HF_AUTO_STR key = hf_format("%s/%s", folder, KEY);
    const char *const rest[] = {"cycles/site", "cycles", "holdfast.json", "keys", ""};

    hf_repository_free(repository);
    (void) unlink(key);
    for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++) {
        HF_AUTO_STR path = hf_format("%s/%s", folder, rest[i]);

        (void) remove(path);
    }
}

static void open_repository(void)
{
    hf_error error = {0};
    hf_storage *storage = NULL;
    bool created;

    MUST(mkdtemp(folder) != NULL);
    HF_AUTO_STR url = hf_format("file://%s", folder);
    MUST(hf_storage_open(url, &storage, &error) == HF_OK);
    MUST(hf_repository_create(storage, NULL, &created, &error) == HF_OK);
    MUST(hf_repository_open(storage, NULL, &repository, &error) == HF_OK);
    (void) atexit(remove_repository);
}

static void load(const char *text, size_t len)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
    hf_error error = {0};

    MUST(hf_storage_put(hf_repository_storage(repository), KEY, text, len, &error) == HF_OK);
    const hf_status status = hf_journal_load(repository, "site", CYCLE, &journal, &error);
    MUST_TELL(status, error);
    if (status == HF_OK) {
        MUST(json_array_size(hf_journal_entries(journal)) > 0);
        MUST(hf_journal_state(journal) != NULL);
        (void) hf_journal_text(journal, "snapshot");
    }
}

static void chain(json_t *journal)
{
    HF_AUTO_JSON first =
        json_pack("{s:s, s:i, s:s}", "cycle", CYCLE, "format", HF_REPOSITORY_FORMAT, "target", "site");
    char head[HF_SHA256_HEX];
    json_t *entry;
    size_t i;

    hf_canonical_digest(first, NULL, head);
    json_array_foreach(json_object_get(journal, "entries"), i, entry)
    {
        json_object_set_new(entry, "previous", json_string(head));
        if (json_is_object(entry))
            hf_canonical_digest(entry, NULL, head);
    }
    json_object_set_new(journal, "head", json_string(head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_BUF text = fuzz_buf(data, len);
    HF_AUTO_JSON json = NULL;
    hf_error error = {0};

    if (repository == NULL)
        open_repository();
    load((const char *) data, len);
    if (hf_parse_document("the journal", &text, &json, &error) != HF_OK)
        return 0;
    chain(json);
    HF_AUTO_STR canonical = hf_canonical_json(json);
    load(canonical, strlen(canonical));
    return 0;
}
