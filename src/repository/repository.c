#include "repository/repository.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/keys.h"
#include "repository/layout.h"
#include "repository/presence.h"
#include "repository/vault.h"

#define REPOSITORY_FILE_MAX (64u << 10)
#define CIPHER "aes-256-gcm"
#define NAMES "hmac-sha-256"

struct hf_repository {
    hf_storage *storage;
    char *id;              /* NULL: it may not be read */
    hf_presence *presence; /* NULL: not entered */
    char *key_id;          /* NULL: not encrypted */
    hf_vault *vault;       /* the same */
};

/* What holdfast.json says. */
typedef struct repository_file {
    char *id;
    bool is_encrypted;
} repository_file;

static void repository_file_done(repository_file *file)
{
    free(file->id);
}

static hf_status not_a_repository(hf_storage *storage, hf_error *error)
{
    (void) hf_fail(error, HF_E_FORMAT, "\"%s\" is not a holdfast repository: it has no \"%s\"",
                   hf_storage_url(storage), HF_REPOSITORY_FILE);
    (void) hf_hint(
        error, "check repository.url in the configuration, or create the repository with `holdfast init`");
    return HF_E_FORMAT;
}

static hf_status read_encryption(const hf_reader *root, bool *ret_is_encrypted)
{
    const json_t *json = json_object_get(root->json, "encryption");

    *ret_is_encrypted = json != NULL && !json_is_null(json);
    if (!*ret_is_encrypted)
        return root->reading->status;

    hf_reader encryption = hf_read_object(root, "encryption");
    const char *cipher = hf_read_text(&encryption, "cipher");
    const char *names = hf_read_text(&encryption, "names");

    if (root->reading->status == HF_OK && (!hf_streq(cipher, CIPHER) || !hf_streq(names, NAMES))) {
        root->reading->status = hf_fail(
            root->reading->error, HF_E_FORMAT,
            "it is encrypted with \"%.50s\" and \"%.50s\", which this version does not know", cipher, names);
        (void) hf_hint(root->reading->error, "use the holdfast that wrote it, or a newer one");
    }
    return root->reading->status;
}

static hf_status parse_repository_file(const hf_buf *text, repository_file *ret_file, hf_error *error)
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
    HF_TRY(read_encryption(&root, &ret_file->is_encrypted));
    ret_file->id = hf_strdup(id);
    return HF_OK;
}

/* Read holdfast.json; HF_E_NOT_FOUND if there is none. */
static hf_status read_repository_file(hf_storage *storage, repository_file *ret_file, hf_error *error)
{
    HF_AUTO_BUF text = HF_BUF_MAX(REPOSITORY_FILE_MAX);
    hf_status status = hf_storage_get(storage, HF_REPOSITORY_FILE, &text, error);

    if (status == HF_OK)
        status = parse_repository_file(&text, ret_file, error);

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
    if (hf_starts_with(key, "keys/"))
        return HF_OK; /* of a creation that was cut short; it is no key of the one to come */
    (void) hf_fail(error, HF_E_FORMAT, "\"%s\" is not empty and not a holdfast repository: it holds \"%s\"",
                   url, key);
    if (hf_starts_with(key, "objects/") || hf_starts_with(key, "snapshots/")) {
        (void) hf_hint(error,
                       "this looks like a repository that lost its \"%s\": restore that file from a copy",
                       HF_REPOSITORY_FILE);
        return HF_E_FORMAT;
    }
    (void) hf_hint(error, "choose an empty folder or prefix, or one that does not exist yet");
    return HF_E_FORMAT;
}

/* The text of holdfast.json; the caller owns it. */
static char *write_repository_file(const char *id, bool is_encrypted)
{
    char now[32];
    HF_AUTO_JSON json =
        json_pack("{s:s, s:i, s:s, s:s}", "holdfast", "repository", "format", HF_REPOSITORY_FORMAT, "id", id,
                  "created_at", hf_time_format(hf_now_ms(), now));

    if (is_encrypted)
        (void) json_object_set_new(json, "encryption",
                                   json_pack("{s:s, s:s}", "cipher", CIPHER, "names", NAMES));

    HF_AUTO_STR text = hf_canonical_json(json);

    return hf_format("%s\n", text);
}

/* The key goes first: a repository that is there can always be opened. */
static hf_status put_first_key(hf_storage *storage, const char *id, const hf_new_key *key, char **ret_key_id,
                               hf_error *error)
{
    HF_AUTO_KEY repository_key = {0};

    HF_TRY(hf_key_random(&repository_key, error));
    return hf_keys_wrap(storage, id, &repository_key, key, ret_key_id, error);
}

hf_status hf_repository_create(hf_storage *storage, const hf_new_key *key, bool *ret_created, hf_error *error)
{
    HF_AUTO(repository_file_done) repository_file file = {0};
    HF_AUTO_STR key_id = NULL;
    char id[37];
    hf_status status = read_repository_file(storage, &file, error);

    if (status == HF_OK)
        *ret_created = false;
    if (status != HF_E_NOT_FOUND)
        return status;

    HF_TRY(hf_storage_list(storage, "", refuse_foreign, (void *) hf_storage_url(storage), error));
    hf_uuid4(id);
    if (key != NULL)
        HF_TRY(put_first_key(storage, id, key, &key_id, error));

    HF_AUTO_STR text = write_repository_file(id, key != NULL);

    HF_FAULT("repository.before_file", error);
    status = hf_storage_put_new(storage, HF_REPOSITORY_FILE, text, strlen(text), error);
    if (status != HF_OK && status != HF_E_EXISTS)
        return status;

    /* HF_E_EXISTS: another process made it between our look and our put; our key belongs to nothing. */
    if (status == HF_E_EXISTS && key_id != NULL) {
        HF_AUTO_STR name = hf_key_key(key_id);

        HF_TRY(hf_storage_remove(storage, name, error));
    }
    *ret_created = status == HF_OK;
    return HF_OK;
}

/* Is there a passphrase if and only if one is needed? */
static hf_status check_passphrase(const hf_storage *storage, bool is_encrypted, bool has_passphrase,
                                  hf_error *error)
{
    if (is_encrypted == has_passphrase)
        return HF_OK;
    if (is_encrypted) {
        (void) hf_fail(error, HF_E_PASSPHRASE,
                       "the repository \"%s\" is encrypted, and there is no passphrase",
                       hf_storage_url(storage));
        return hf_hint(error, "say in the configuration where it comes from: repository.passphrase: "
                              "{env: HOLDFAST_PASSPHRASE}");
    }
    (void) hf_fail(error, HF_E_PASSPHRASE,
                   "the repository \"%s\" is not encrypted, and the configuration has a passphrase",
                   hf_storage_url(storage));
    return hf_hint(error,
                   "was another one put in its place? if it never was encrypted, take repository.passphrase "
                   "out, or make a new repository with it");
}

static hf_status open_vault(hf_repository *repository, const char *passphrase, hf_error *error)
{
    HF_AUTO_KEY key = {0};
    hf_status status = hf_keys_unwrap(repository->storage, repository->id, passphrase, NULL, &key,
                                      &repository->key_id, error);

    if (status == HF_OK)
        return hf_vault_new(&key, &repository->vault, error);
    (void) hf_prefix(error, "repository \"%s\"", hf_storage_url(repository->storage));
    return status;
}

static hf_status see_key(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    bool *seen = context;

    (void) key;
    (void) bytes;
    (void) error;
    *seen = true;
    return HF_OK;
}

/* Whether it is encrypted is told by the names of its keys, to those who may list; to others by nothing. */
static hf_status open_unread(hf_storage **storage, const char *passphrase, hf_repository **ret_repository,
                             hf_error *error)
{
    bool has_keys = false;

    if (passphrase != NULL)
        return hf_hint(error,
                       "a backup with keys that may not read needs s3:GetObject for an encrypted repository; "
                       "do not take the passphrase away, or it is stored in the clear");
    if (hf_storage_list(*storage, "keys/", see_key, &has_keys, NULL) == HF_OK && has_keys)
        return check_passphrase(*storage, true, false, error);

    hf_repository *repository = hf_alloc(sizeof(*repository));

    repository->storage = HF_TAKE(*storage);
    *ret_repository = repository;
    if (error != NULL)
        *error = (hf_error){0};
    return HF_OK;
}

static hf_status open_any(hf_storage *storage, const char *passphrase, bool to_write,
                          hf_repository **ret_repository, hf_error *error)
{
    HF_AUTO(hf_storage_freep) hf_storage *owned = storage;
    HF_AUTO(repository_file_done) repository_file file = {0};
    hf_status status = read_repository_file(owned, &file, error);

    if (status == HF_E_NOT_FOUND)
        return not_a_repository(owned, error);
    if (status == HF_E_STORAGE_DENIED && to_write)
        return open_unread(&owned, passphrase, ret_repository, error);
    HF_TRY(status);
    HF_TRY(check_passphrase(owned, file.is_encrypted, passphrase != NULL, error));

    HF_AUTO(hf_repository_freep) hf_repository *repository = hf_alloc(sizeof(*repository));

    repository->storage = HF_TAKE(owned);
    repository->id = HF_TAKE(file.id);
    if (passphrase != NULL)
        HF_TRY(open_vault(repository, passphrase, error));
    *ret_repository = HF_TAKE(repository);
    return HF_OK;
}

hf_status hf_repository_open(hf_storage *storage, const char *passphrase, hf_repository **ret_repository,
                             hf_error *error)
{
    return open_any(storage, passphrase, false, ret_repository, error);
}

hf_status hf_repository_open_to_write(hf_storage *storage, const char *passphrase,
                                      hf_repository **ret_repository, hf_error *error)
{
    return open_any(storage, passphrase, true, ret_repository, error);
}

bool hf_repository_is_write_only(const hf_repository *repository)
{
    return repository->id == NULL;
}

void hf_repository_free(hf_repository *repository)
{
    if (repository == NULL)
        return;

    hf_presence_end(repository->presence);
    hf_vault_free(repository->vault);
    hf_storage_free(repository->storage);
    free(repository->key_id);
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

const char *hf_repository_key_id(const hf_repository *repository)
{
    return repository->key_id;
}

const hf_vault *hf_repository_vault(const hf_repository *repository)
{
    return repository->vault;
}
