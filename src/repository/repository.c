#include "repository/repository.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/layout.h"
#include "repository/presence.h"

#define REPOSITORY_FILE_MAX (64u << 10)

struct hf_repository {
    hf_storage *storage;
    char *id;
    hf_presence *presence; /* NULL: not entered */
};

static hf_status not_a_repository(hf_storage *storage, hf_error *error)
{
    (void) hf_fail(error, HF_E_FORMAT, "\"%s\" is not a holdfast repository: it has no \"%s\"",
                   hf_storage_url(storage), HF_REPOSITORY_FILE);
    (void) hf_hint(
        error, "check repository.url in the configuration, or create the repository with `holdfast init`");
    return HF_E_FORMAT;
}

static hf_status parse_repository_file(const hf_buf *text, char **ret_id, hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    hf_reading reading = {.what = "\"" HF_REPOSITORY_FILE "\"", .error = error};

    HF_TRY(hf_parse_document(reading.what, text, &json, error));

    hf_reader root = hf_reader_root(&reading, json);

    if (!hf_streq(hf_read_text(&root, "holdfast"), "repository"))
        hf_reader_fail(&root, "holdfast", "is not \"repository\"");
    HF_TRY(hf_read_format(&root));

    const char *id = hf_read_text(&root, "id");

    if (reading.status == HF_OK && !hf_is_repository_name(id))
        hf_reader_fail(&root, "id", "is not a valid name");
    if (reading.status == HF_OK)
        *ret_id = hf_strdup(id);
    return reading.status;
}

/* Read holdfast.json and give the repository's id; HF_E_NOT_FOUND if there is none. */
static hf_status read_repository_file(hf_storage *storage, char **ret_id, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(REPOSITORY_FILE_MAX);
    hf_status status = hf_storage_get(storage, HF_REPOSITORY_FILE, &text, error);

    if (status == HF_OK)
        status = parse_repository_file(&text, ret_id, error);

    if (status == HF_E_CORRUPT || status == HF_E_LIMIT) {
        status = HF_E_FORMAT;
        if (error != NULL)
            error->code = status;
        (void) hf_hint(error,
                       "the file is damaged; objects and snapshots may be whole: restore it from a copy");
    }

    if (status != HF_OK && status != HF_E_NOT_FOUND)
        (void) hf_prefix(error, "repository \"%s\"", hf_storage_url(storage));
    return status;
}

static hf_status refuse_foreign(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    const char *url = context;

    (void) bytes;
    (void) hf_fail(error, HF_E_FORMAT, "\"%s\" is not empty and not a holdfast repository: it holds \"%s\"",
                   url, key);
    if (hf_starts_with(key, "objects/") || hf_starts_with(key, "snapshots/")) {
        (void) hf_hint(error,
                       "this looks like a repository that lost its \"%s\": restore that file from a copy",
                       HF_REPOSITORY_FILE);
        return HF_E_FORMAT;
    }
    (void) hf_hint(error, "choose an empty folder, or one that does not exist yet");
    return HF_E_FORMAT;
}

hf_status hf_repository_create(hf_storage *storage, bool *ret_created, hf_error *error)
{
    HF_AUTO_STR id = NULL;
    hf_status status = read_repository_file(storage, &id, error);

    if (status == HF_OK) {
        *ret_created = false;
        return HF_OK;
    }
    if (status != HF_E_NOT_FOUND)
        return status;

    HF_TRY(hf_storage_list(storage, "", refuse_foreign, (void *) hf_storage_url(storage), error));

    char uuid[37];
    char now[32];

    hf_uuid4(uuid);
    HF_AUTO_JSON json =
        json_pack("{s:s, s:i, s:s, s:s}", "holdfast", "repository", "format", HF_REPOSITORY_FORMAT, "id",
                  uuid, "created_at", hf_time_format(hf_now_ms(), now));
    HF_AUTO_STR text = hf_canonical_json(json);
    HF_AUTO_STR line = hf_format("%s\n", text);

    status = hf_storage_put_new(storage, HF_REPOSITORY_FILE, line, strlen(line), error);
    if (status != HF_OK && status != HF_E_EXISTS)
        return status;

    /* HF_E_EXISTS: another process made it between our look and our put. */
    *ret_created = status == HF_OK;
    return HF_OK;
}

hf_status hf_repository_open(hf_storage *storage, hf_repository **ret_repository, hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *owned = storage;
    char *id = NULL;
    hf_status status = read_repository_file(owned, &id, error);

    if (status == HF_E_NOT_FOUND)
        return not_a_repository(owned, error);
    HF_TRY(status);

    hf_repository *repository = hf_alloc(sizeof(*repository));

    repository->storage = HF_TAKE(owned);
    repository->id = id;
    *ret_repository = repository;
    return HF_OK;
}

void hf_repository_free(hf_repository *repository)
{
    if (repository == NULL)
        return;

    hf_presence_end(repository->presence);
    hf_storage_free(repository->storage);
    free(repository->id);
    free(repository);
}

void hf_repository_freep(hf_repository **repository)
{
    hf_repository_free(*repository);
    *repository = NULL;
}

hf_status hf_repository_enter(hf_repository *repository, const char *purpose,
                              void (*on_wait)(const char *whom), hf_error *error)
{
    if (repository->presence != NULL)
        return HF_OK;
    return hf_presence_begin(repository->storage, HF_PRESENT_USER, purpose, on_wait, &repository->presence,
                             error);
}

hf_presence *hf_repository_presence(hf_repository *repository)
{
    return repository->presence;
}

hf_storage *hf_repository_storage(hf_repository *repository)
{
    return repository->storage;
}

const char *hf_repository_id(const hf_repository *repository)
{
    return repository->id;
}
