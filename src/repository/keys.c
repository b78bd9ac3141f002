#include "repository/keys.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/text.h"
#include "repository/document.h"
#include "repository/find.h"
#include "repository/holder.h"
#include "repository/lock.h"
#include "repository/vault.h"

#define KEY_FILE_MAX (64u << 10)
#define KEYS_MAX 64u
#define ID_DIGITS 16
#define WRAPPED_BYTES (HF_KEY_BYTES + HF_SEAL_BYTES)
#define PASSPHRASE_MIN 8
#define LABEL_MAX 200
#define LOCK_NAME "holdfast-keys" /* a target of this name would only wait */

/* 64 MiB, and a third of a second of one core. */
static const hf_scrypt default_cost = {.n = 1u << 16, .r = 8, .p = 1};

/* What keys/<id>.json holds. */
typedef struct key_file {
    hf_key_info info;
    hf_scrypt cost;
    unsigned char wrapped[WRAPPED_BYTES];
    char *bound; /* what the repository key is sealed as: all the rest of the file */
} key_file;

static void key_info_done(hf_key_info *info)
{
    free(info->id);
    free(info->user);
    free(info->host);
    free(info->label);
    free(info->broken);
    *info = (hf_key_info){0};
}

static void key_file_done(key_file *file)
{
    key_info_done(&file->info);
    free(file->bound);
    *file = (key_file){0};
}

void hf_key_list_done(hf_key_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        key_info_done(&list->items[i]);
    free(list->items);
    *list = (hf_key_list){0};
}

char *hf_key_key(const char *id)
{
    return hf_format("keys/%s.json", id);
}

static char *bound_text(const json_t *json)
{
    HF_AUTO_JSON copy = json_copy((json_t *) json);

    (void) json_object_del(copy, "key");
    (void) json_object_del(copy, "digest");
    HF_AUTO_STR text = hf_canonical_json(copy);

    return hf_format("key:%s", text);
}

static hf_status seal_key(const hf_key *with, const char *bound, const hf_key *repository_key,
                          unsigned char ret_wrapped[WRAPPED_BYTES], hf_error *error)
{
    HF_AUTO_BUF value = HF_BUF_MAX(WRAPPED_BYTES);

    /* Room for all of it from the start: a buffer that grows leaves a copy behind; sealing overwrites this one. */
    (void) hf_buf_reserve(&value, WRAPPED_BYTES);
    hf_buf_append(&value, repository_key->bytes, HF_KEY_BYTES);
    HF_TRY(hf_seal(with, bound, &value, error));
    memcpy(ret_wrapped, value.data, WRAPPED_BYTES);
    return HF_OK;
}

static hf_status unseal_key(const hf_key *with, const key_file *file, hf_key *ret_repository_key,
                            hf_error *error)
{
    HF_AUTO_BUF value = HF_BUF_MAX(WRAPPED_BYTES);

    hf_buf_append(&value, file->wrapped, WRAPPED_BYTES);
    HF_TRY(hf_unseal(with, file->bound, &value, error));
    memcpy(ret_repository_key->bytes, value.data, HF_KEY_BYTES);
    explicit_bzero(value.data, value.capacity);
    return HF_OK;
}

static char *this_user(void)
{
    const struct passwd *account = getpwuid(getuid());

    return hf_strdup(
        account != NULL && hf_is_utf8(account->pw_name, strlen(account->pw_name)) ? account->pw_name : "");
}

static hf_status check_new_key(const hf_new_key *key, hf_error *error)
{
    const size_t label_len = key->label == NULL ? 0 : strlen(key->label);

    if (strlen(key->passphrase) < PASSPHRASE_MIN) {
        (void) hf_fail(error, HF_E_USAGE, "the passphrase has fewer than %d bytes", PASSPHRASE_MIN);
        return hf_hint(error, "nothing else protects the repository: take a long one, such as what "
                              "`openssl rand -base64 24` prints");
    }
    if (label_len > LABEL_MAX || (key->label != NULL && !hf_is_utf8(key->label, label_len)))
        return hf_fail(error, HF_E_USAGE, "the label of a key is at most %d bytes of UTF-8", LABEL_MAX);
    return HF_OK;
}

/* The document without "key" and "digest"; the caller owns it. */
static json_t *describe_key(const char *repository_id, const char *id, const hf_new_key *key,
                            const hf_scrypt *cost)
{
    HF_AUTO_STR user = this_user();
    HF_AUTO_STR host = hf_this_host();
    char now[32], salt[2 * HF_SCRYPT_SALT_BYTES + 1];

    hf_hex(cost->salt, sizeof(cost->salt), salt);
    return json_pack("{s:i, s:s, s:s, s:s, s:{s:s, s:s}, s:s?, s:{s:s, s:I, s:I, s:I, s:s}}", "format",
                     HF_REPOSITORY_FORMAT, "repository", repository_id, "id", id, "created_at",
                     hf_time_format(hf_now_ms(), now), "by", "user", user, "host", host, "label", key->label,
                     "kdf", "name", "scrypt", "n", (json_int_t) cost->n, "r", (json_int_t) cost->r, "p",
                     (json_int_t) cost->p, "salt", salt);
}

/* The stored text; the caller owns it. */
static hf_status write_key_file(const char *repository_id, const char *id, const hf_key *repository_key,
                                const hf_new_key *key, char **ret_text, hf_error *error)
{
    hf_scrypt cost = default_cost;
    char salt[2 * HF_SCRYPT_SALT_BYTES + 1], hex[2 * WRAPPED_BYTES + 1], digest[HF_SHA256_HEX];
    unsigned char wrapped[WRAPPED_BYTES];
    HF_AUTO_KEY with = {0};

    hf_random_hex(HF_SCRYPT_SALT_BYTES, salt);
    (void) hf_unhex(salt, cost.salt, sizeof(cost.salt));
    if (key->scrypt_n != 0)
        cost.n = key->scrypt_n;

    HF_AUTO_JSON json = describe_key(repository_id, id, key, &cost);
    HF_AUTO_STR bound = bound_text(json);

    HF_TRY(hf_key_from_passphrase(key->passphrase, &cost, &with, error));
    HF_TRY(seal_key(&with, bound, repository_key, wrapped, error));
    hf_hex(wrapped, sizeof(wrapped), hex);
    (void) json_object_set_new(json, "key", json_string(hex));
    hf_canonical_digest(json, NULL, digest);
    (void) json_object_set_new(json, "digest", json_string(digest));

    HF_AUTO_STR text = hf_canonical_json(json);

    *ret_text = hf_format("%s\n", text);
    return HF_OK;
}

static void read_scrypt(const hf_reader *root, key_file *file)
{
    hf_reader kdf = hf_read_object(root, "kdf");

    if (!hf_streq(hf_read_text(&kdf, "name"), "scrypt"))
        hf_reader_fail(&kdf, "name", "is not \"scrypt\"");
    file->cost.n = hf_read_u64(&kdf, "n", HF_NUMBER_MAX);
    file->cost.r = hf_read_u64(&kdf, "r", HF_NUMBER_MAX);
    file->cost.p = hf_read_u64(&kdf, "p", HF_NUMBER_MAX);
    if (!hf_unhex(hf_read_text(&kdf, "salt"), file->cost.salt, sizeof(file->cost.salt)))
        hf_reader_fail(&kdf, "salt", "is not %d hexadecimal digits", 2 * HF_SCRYPT_SALT_BYTES);
    if (!hf_unhex(hf_read_text(root, "key"), file->wrapped, sizeof(file->wrapped)))
        hf_reader_fail(root, "key", "is not %d hexadecimal digits", 2 * WRAPPED_BYTES);
}

/* *ret_is_foreign: it is another repository's, left behind where two were made at once or making one was cut short. */
static hf_status read_key_file(const hf_buf *text, const char *repository_id, const char *id,
                               key_file *ret_file, bool *ret_is_foreign, hf_error *error)
{
    HF_AUTO_JSON json = NULL;
    hf_reading reading = {.what = "the key", .error = error};
    HF_AUTO(key_file_done) key_file file = {0};
    char digest[HF_SHA256_HEX];

    HF_TRY(hf_parse_document(reading.what, text, &json, error));
    hf_reader root = hf_reader_root(&reading, json);

    HF_TRY(hf_read_format(&root));
    hf_canonical_digest(json, "digest", digest);
    if (!hf_streq(hf_read_text(&root, "digest"), digest))
        hf_reader_fail(&root, "digest", "is not that of the key: it was changed");
    if (!hf_streq(hf_read_text(&root, "id"), id))
        hf_reader_fail(&root, "id", "is not that of its file");
    hf_reader by = hf_read_object(&root, "by");

    file.info.id = hf_strdup(id);
    file.info.created_ms = hf_read_time(&root, "created_at");
    file.info.user = hf_strdup(hf_read_text(&by, "user"));
    file.info.host = hf_strdup(hf_read_text(&by, "host"));
    file.info.label = hf_strdup(hf_read_text_or_null(&root, "label"));
    file.bound = bound_text(json);
    read_scrypt(&root, &file);

    const bool is_foreign = !hf_streq(hf_read_text(&root, "repository"), repository_id);

    HF_TRY(reading.status);
    *ret_is_foreign = is_foreign;
    *ret_file = file;
    file = (key_file){0};
    return HF_OK;
}

/* HF_E_CORRUPT: the passphrase is not that of this key; HF_E_LIMIT: the key is not to be tried at all. */
static hf_status open_key_file(const key_file *file, const char *passphrase, hf_key *ret_repository_key,
                               hf_error *error)
{
    HF_AUTO_KEY with = {0};

    HF_TRY(hf_key_from_passphrase(passphrase, &file->cost, &with, error));
    return unseal_key(&with, file, ret_repository_key, error);
}

typedef HF_VECTOR(key_file) key_files;

static void key_files_done(key_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        key_file_done(&files->items[i]);
    free(files->items);
}

static hf_status collect_id(void *context, const char *key, uint64_t bytes, hf_error *error)
{
    static const size_t prefix = sizeof("keys/") - 1;
    hf_strings *ids = context;

    (void) bytes;
    if (strspn(key + prefix, "0123456789abcdef") != ID_DIGITS || !hf_streq(key + prefix + ID_DIGITS, ".json"))
        return HF_OK;
    if (ids->count == KEYS_MAX)
        return hf_fail(error, HF_E_LIMIT, "the repository has more than %u keys", KEYS_MAX);
    HF_AUTO_STR id = hf_strndup(key + prefix, ID_DIGITS);
    hf_strings_add(ids, id);
    return HF_OK;
}

/* A key that cannot be read is added as broken. */
static hf_status load_key(hf_storage *storage, const char *repository_id, const char *id, key_files *files,
                          hf_error *error)
{
    HF_AUTO_STR key = hf_key_key(id);
    HF_AUTO_BUF text = HF_BUF_MAX(KEY_FILE_MAX);
    key_file file = {0};
    bool is_foreign = false;
    hf_error why = {0};
    hf_status status = hf_storage_get(storage, key, &text, &why);

    if (status == HF_E_NOT_FOUND)
        return HF_OK; /* removed since it was listed */
    if (status == HF_OK)
        status = read_key_file(&text, repository_id, id, &file, &is_foreign, &why);
    if (status != HF_OK && !hf_is_damage(status)) {
        if (error != NULL)
            *error = why;
        return status;
    }
    if (is_foreign) {
        key_file_done(&file);
        return HF_OK;
    }
    if (status != HF_OK) {
        file.info.id = hf_strdup(id);
        file.info.broken = hf_strdup(why.message);
    }
    HF_PUSH(files, file);
    return HF_OK;
}

static hf_status load_keys(hf_storage *storage, const char *repository_id, key_files *ret_files,
                           hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings ids = {0};

    HF_TRY(hf_storage_list(storage, "keys/", collect_id, &ids, error));
    for (size_t i = 0; i < ids.count; i++)
        HF_TRY(load_key(storage, repository_id, ids.items[i], ret_files, error));
    return HF_OK;
}

/* `damaged`: what is wrong with one that could not be tried, or empty. */
static hf_status opens_nothing(size_t tried, const hf_buf *damaged, hf_error *error)
{
    if (tried > 0) {
        HF_AUTO_STR count = hf_format("opens none of the repository's %zu keys", tried);

        (void) hf_fail(error, HF_E_PASSPHRASE, "the passphrase %s%s%s",
                       tried == 1 ? "does not open the repository's key" : count,
                       damaged->len == 0 ? "" : "; ", hf_buf_text(damaged));
        return hf_hint(error, "repository.passphrase in the configuration says where it comes from; another "
                              "one may have taken its place (`holdfast key`)");
    }
    if (damaged->len == 0)
        (void) hf_fail(error, HF_E_CORRUPT, "the repository is encrypted and has no key");
    else
        (void) hf_fail(error, HF_E_CORRUPT, "no key of the repository can be used: %s", hf_buf_text(damaged));
    return hf_hint(error, "restore its folder \"keys\" from a copy: without a key nothing can be read");
}

hf_status hf_keys_unwrap(hf_storage *storage, const char *repository_id, const char *passphrase,
                         const char *without, hf_key *ret_repository_key, char **ret_id, hf_error *error)
{
    HF_AUTO(key_files_done) key_files files = {0};
    HF_AUTO_BUF damaged = HF_BUF_MAX(512);
    size_t tried = 0;

    HF_TRY(load_keys(storage, repository_id, &files, error));
    for (size_t i = 0; i < files.count; i++) {
        const key_file *file = &files.items[i];
        const char *bad = file->info.broken;
        hf_status status = HF_E_LIMIT;

        if (hf_streq(file->info.id, without))
            continue;
        if (bad == NULL)
            status = open_key_file(file, passphrase, ret_repository_key, error);
        if (status == HF_OK) {
            *ret_id = hf_strdup(file->info.id);
            return HF_OK;
        }
        tried += status == HF_E_CORRUPT;
        if (status == HF_E_LIMIT)
            hf_buf_printf(&damaged, "%skey \"%s\" is damaged: %s", damaged.len > 0 ? "; " : "", file->info.id,
                          bad != NULL ? bad : "its cost is not allowed");
        else if (status != HF_E_CORRUPT)
            return status;
    }
    return opens_nothing(tried, &damaged, error);
}

/* Read a key back and try it. */
static hf_status try_key(hf_storage *storage, const char *repository_id, const char *id,
                         const hf_key *repository_key, const char *passphrase, hf_error *error)
{
    HF_AUTO(key_files_done) key_files files = {0};
    HF_AUTO_KEY opened = {0};
    hf_status status = load_key(storage, repository_id, id, &files, error);

    if (status == HF_OK && (files.count == 0 || files.items[0].info.broken != NULL))
        status = hf_fail(error, HF_E_CORRUPT, "it reads back differently from what was written");
    if (status == HF_OK)
        status = open_key_file(&files.items[0], passphrase, &opened, error);
    if (status == HF_OK && memcmp(opened.bytes, repository_key->bytes, HF_KEY_BYTES) != 0)
        status = hf_fail(error, HF_E_CORRUPT, "it opens another repository");
    if (status != HF_OK)
        (void) hf_prefix(error, "the new key \"%s\"", id);
    return status;
}

hf_status hf_keys_wrap(hf_storage *storage, const char *repository_id, const hf_key *repository_key,
                       const hf_new_key *key, char **ret_id, hf_error *error)
{
    char id[ID_DIGITS + 1];
    HF_AUTO_STR text = NULL;

    HF_TRY(check_new_key(key, error));
    hf_random_hex(ID_DIGITS / 2, id);
    HF_TRY(write_key_file(repository_id, id, repository_key, key, &text, error));

    HF_AUTO_STR name = hf_key_key(id);

    HF_FAULT("keys.before_put", error);
    HF_TRY(hf_storage_put_new(storage, name, text, strlen(text), error));
    HF_FAULT("keys.after_put", error);
    HF_TRY(try_key(storage, repository_id, id, repository_key, key->passphrase, error));
    *ret_id = hf_strdup(id);
    return HF_OK;
}

static hf_status check_encrypted(const hf_repository *repository, hf_error *error)
{
    if (hf_repository_key_id(repository) != NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_USAGE, "the repository is not encrypted: it has no keys");
    return hf_hint(error, "whether it is, is decided when it is made: see repository.passphrase in "
                          "\"holdfast help configuration\"");
}

hf_status hf_keys_list(hf_repository *repository, hf_key_list *ret_list, hf_error *error)
{
    HF_AUTO(key_files_done) key_files files = {0};

    HF_TRY(check_encrypted(repository, error));
    HF_TRY(load_keys(hf_repository_storage(repository), hf_repository_id(repository), &files, error));
    for (size_t i = 0; i < files.count; i++) {
        hf_key_info *info = &files.items[i].info;

        info->is_current = hf_streq(info->id, hf_repository_key_id(repository));
        HF_PUSH(ret_list, *info);
        *info = (hf_key_info){0};
    }
    return HF_OK;
}

hf_status hf_keys_add(hf_repository *repository, const hf_new_key *key, char **ret_id, hf_error *error)
{
    HF_AUTO(hf_key_list_done) hf_key_list list = {0};

    HF_TRY(hf_keys_list(repository, &list, error));
    if (list.count >= KEYS_MAX)
        return hf_fail(error, HF_E_LIMIT, "the repository has %zu keys, and no more are allowed", list.count);
    return hf_keys_wrap(hf_repository_storage(repository), hf_repository_id(repository),
                        hf_vault_key(hf_repository_vault(repository)), key, ret_id, error);
}

static hf_status find_key(hf_repository *repository, const char *id, char **ret_id, hf_error *error)
{
    HF_AUTO(hf_key_list_done) hf_key_list list = {0};
    const char *found = NULL;

    HF_TRY(hf_keys_list(repository, &list, error));
    for (size_t i = 0; i < list.count; i++) {
        if (!hf_starts_with(list.items[i].id, id))
            continue;
        if (found != NULL) {
            (void) hf_fail(error, HF_E_USAGE, "\"%.100s\" begins the id of more than one key", id);
            return hf_hint(error, "give more of the id; `holdfast key list` lists them");
        }
        found = list.items[i].id;
    }
    if (found == NULL) {
        (void) hf_fail(error, HF_E_NOT_FOUND, "\"%.100s\" is no key of the repository", id);
        return hf_hint(error, "`holdfast key list` lists those that exist");
    }
    *ret_id = hf_strdup(found);
    return HF_OK;
}

hf_status hf_keys_remove(hf_repository *repository, const char *passphrase, const char *id, char **ret_id,
                         hf_error *error)
{
    hf_storage *storage = hf_repository_storage(repository);
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    HF_AUTO_STR whole = NULL;
    HF_AUTO_STR other = NULL;
    HF_AUTO_KEY key = {0};

    HF_TRY(check_encrypted(repository, error));
    /* Two removals at once must not remove each other's keys. */
    HF_TRY(hf_lock_take(repository, LOCK_NAME, "key remove", &lock, error));
    HF_TRY(find_key(repository, id, &whole, error));
    hf_status status =
        hf_keys_unwrap(storage, hf_repository_id(repository), passphrase, whole, &key, &other, error);

    if (status == HF_E_PASSPHRASE || status == HF_E_CORRUPT) {
        (void) hf_fail(error, HF_E_REFUSED, "the configured passphrase opens no other key than \"%s\"",
                       whole);
        return hf_hint(error, "add a passphrase with `holdfast key add`, configure that one, and remove this "
                              "key then");
    }
    HF_TRY(status);

    HF_AUTO_STR name = hf_key_key(whole);

    HF_FAULT("keys.before_remove", error);
    HF_TRY(hf_storage_remove(storage, name, error));
    HF_FAULT("keys.after_remove", error);
    *ret_id = HF_TAKE(whole);
    return HF_OK;
}
