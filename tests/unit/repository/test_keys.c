/* Encrypted repositories: passphrases, and what somebody who can write to the storage cannot do. */
#include "fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "repository/document.h"
#include "repository/journal.h"

#define OLD "20261120T020000Z-aaaa01"
#define NEW "20261121T020000Z-aaab02"
#define OLD_MS 1795140000000
#define NEW_MS 1795226400000
#define SECOND "battery staple"

static hf_status open_with(fixture *f, const char *passphrase)
{
    HF_AUTO(hf_repository_freep) hf_repository *repository = NULL;

    return hf_repository_open(open_storage(f), passphrase, &repository, &f->error);
}

static char *add(fixture *f, const char *passphrase)
{
    const hf_new_key key = {.passphrase = passphrase, .label = "second", .scrypt_n = 16};
    char *id = NULL;

    assert_int_equal(hf_keys_add(f->repository, &key, &id, &f->error), HF_OK);
    return id;
}

static void test_keys__each_passphrase_opens_and_no_other(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR id = add(f, SECOND);
    HF_AUTO(hf_key_list_done) hf_key_list list = {0};

    seal_new(f, NEW, NEW_MS);
    assert_int_equal(open_with(f, PASSPHRASE), HF_OK);
    assert_int_equal(open_with(f, SECOND), HF_OK);
    assert_int_equal(open_with(f, "correct horsf"), HF_E_PASSPHRASE);
    assert_non_null(strstr(f->error.message, "none of the repository's 2 keys"));
    assert_string_not_equal(f->error.hint, "");
    assert_int_equal(open_with(f, NULL), HF_E_PASSPHRASE);

    assert_int_equal(hf_keys_list(f->repository, &list, &f->error), HF_OK);
    assert_int_equal(list.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const hf_key_info *info = &list.items[i];

        assert_int_equal(info->is_current, !hf_streq(info->id, id));
        assert_int_equal(hf_streq(info->label, "second"), hf_streq(info->id, id));
        assert_true(info->created_ms > 0 && info->broken == NULL);
    }
}

static void test_keys__a_removed_passphrase_opens_no_more(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR second = add(f, SECOND);
    HF_AUTO_STR removed = NULL;
    HF_AUTO_STR again = NULL;
    HF_AUTO_STR first = hf_strdup(hf_repository_key_id(f->repository));

    /* Not the one in use, nor by one that opens nothing else. */
    assert_int_equal(hf_keys_remove(f->repository, PASSPHRASE, first, &removed, &f->error), HF_E_REFUSED);
    assert_int_equal(hf_keys_remove(f->repository, PASSPHRASE, "", &removed, &f->error), HF_E_USAGE);
    assert_int_equal(hf_keys_remove(f->repository, PASSPHRASE, "x", &removed, &f->error), HF_E_NOT_FOUND);
    assert_int_equal(open_with(f, SECOND), HF_OK);

    assert_int_equal(hf_keys_remove(f->repository, PASSPHRASE, second, &removed, &f->error), HF_OK);
    assert_string_equal(removed, second);
    assert_int_equal(open_with(f, SECOND), HF_E_PASSPHRASE);
    assert_int_equal(open_with(f, PASSPHRASE), HF_OK);
    assert_int_equal(hf_keys_remove(f->repository, PASSPHRASE, first, &again, &f->error), HF_E_REFUSED);
}

static void test_keys__what_is_no_passphrase_is_refused(void **state)
{
    fixture *f = *state;
    char long_label[300];
    static const char *const passphrases[] = {"", "1234567"};
    char *id = NULL;

    memset(long_label, 'x', sizeof(long_label));
    long_label[sizeof(long_label) - 1] = '\0';
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(hf_keys_add(f->repository,
                                     &(hf_new_key){.passphrase = passphrases[i], .scrypt_n = 16}, &id,
                                     &f->error),
                         HF_E_USAGE);
    assert_int_equal(
        hf_keys_add(f->repository, &(hf_new_key){.passphrase = SECOND, .label = long_label}, &id, &f->error),
        HF_E_USAGE);
    assert_int_equal(
        hf_keys_add(f->repository, &(hf_new_key){.passphrase = SECOND, .label = "\xff"}, &id, &f->error),
        HF_E_USAGE);
    assert_null(id);
}

static void test_keys__a_plain_repository_has_none(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_key_list_done) hf_key_list list = {0};
    HF_AUTO_STR id = NULL;

    assert_int_equal(hf_keys_list(f->repository, &list, &f->error), HF_E_USAGE);
    assert_int_equal(hf_keys_add(f->repository, &(hf_new_key){.passphrase = SECOND}, &id, &f->error),
                     HF_E_USAGE);
    assert_int_equal(hf_keys_remove(f->repository, SECOND, "x", &id, &f->error), HF_E_USAGE);
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_PASSPHRASE);
    assert_non_null(strstr(f->error.message, "is not encrypted"));
}

static char *only_key(fixture *f)
{
    return hf_format("keys/%s.json", hf_repository_key_id(f->repository));
}

/* Rewrite a key with one member changed, its digest made to fit: what an attacker would do. */
static void forge(fixture *f, const char *key, const char *object, const char *member, json_t *value)
{
    size_t len = 0;
    HF_AUTO_STR text = read_key(f, key, &len);
    HF_AUTO_JSON json = json_loads(text, 0, NULL);
    char digest[HF_SHA256_HEX];

    assert_int_equal(
        json_object_set_new(object == NULL ? json : json_object_get(json, object), member, value), 0);
    hf_canonical_digest(json, "digest", digest);
    assert_int_equal(json_object_set_new(json, "digest", json_string(digest)), 0);
    HF_AUTO_STR forged = hf_canonical_json(json);

    write_key(f, key, forged, strlen(forged));
}

static void test_keys__every_flipped_bit_of_one_shows(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR key = only_key(f);
    size_t len = 0;
    HF_AUTO_STR text = read_key(f, key, &len);

    for (size_t bit = 0; bit < 8 * (len - 1); bit += 3) {
        flip_bit(f, key, bit / 8, (int) (bit % 8));
        hf_status status = open_with(f, PASSPHRASE);

        if (status != HF_E_CORRUPT)
            fail_msg("bit %zu: %s", bit, hf_status_name(status));
        assert_non_null(strstr(f->error.message, hf_repository_key_id(f->repository)));
        write_key(f, key, text, len);
    }
    assert_int_equal(open_with(f, PASSPHRASE), HF_OK);

    /* A damaged one beside a sound one. */
    HF_AUTO_STR second = add(f, SECOND);

    assert_null(strstr(key, second));
    flip_bit(f, key, 20, 0);
    assert_int_equal(open_with(f, SECOND), HF_OK);
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_PASSPHRASE);
    assert_non_null(strstr(f->error.message, "is damaged"));
}

static void test_keys__no_member_of_one_can_be_forged(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR key = only_key(f);
    size_t len = 0;
    HF_AUTO_STR text = read_key(f, key, &len);
    const struct {
        const char *object, *member;
        json_t *value;
        hf_status status;
    } forgeries[] = {
        {NULL, "label", json_string("somebody's"), HF_E_PASSPHRASE},
        {NULL, "created_at", json_string("2026-01-01T00:00:00.000Z"), HF_E_PASSPHRASE},
        {NULL, "repository", json_string("another"), HF_E_CORRUPT}, /* no key of this repository at all */
        {NULL, "format", json_integer(2), HF_E_CORRUPT},
        {"by", "user", json_string("somebody"), HF_E_PASSPHRASE},
        {"kdf", "n", json_integer(2), HF_E_PASSPHRASE},
        {"kdf", "n", json_integer(1 << 30), HF_E_CORRUPT}, /* 1 TiB of memory */
        {"kdf", "n", json_integer(15), HF_E_CORRUPT},
        {"kdf", "p", json_integer(1000000), HF_E_CORRUPT},
        {"kdf", "name", json_string("none"), HF_E_CORRUPT},
        {"kdf", "salt", json_string("00"), HF_E_CORRUPT},
        {"kdf", "salt", json_string("00000000000000000000000000000000"), HF_E_PASSPHRASE},
        {NULL, "key", json_string("00"), HF_E_CORRUPT},
    };

    for (size_t i = 0; i < sizeof(forgeries) / sizeof(*forgeries); i++) {
        forge(f, key, forgeries[i].object, forgeries[i].member, forgeries[i].value);
        hf_status status = open_with(f, PASSPHRASE);

        if (status != forgeries[i].status)
            fail_msg("%zu (%s): %s: %s", i, forgeries[i].member, hf_status_name(status), f->error.message);
        write_key(f, key, text, len);
    }
    HF_AUTO_STR path = file_of(f, key);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_CORRUPT);
    assert_non_null(strstr(f->error.message, "has no key"));
}

/* Whoever can write there makes it look plain, or as of another time: nobody stores anything in the clear for that. */
static void test_open__cannot_be_talked_down(void **state)
{
    fixture *f = *state;
    static const char encryption[] =
        "\"encryption\":{\"cipher\":\"aes-256-gcm\",\"names\":\"hmac-sha-256\"},";
    size_t len = 0;
    HF_AUTO_STR text = read_key(f, "holdfast.json", &len);

    replace_text(f, "holdfast.json", encryption, "");
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_PASSPHRASE);
    write_key(f, "holdfast.json", text, len);
    replace_text(f, "holdfast.json", encryption, "\"encryption\":null,");
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_PASSPHRASE);
    write_key(f, "holdfast.json", text, len);
    replace_text(f, "holdfast.json", "aes-256-gcm", "rot13");
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_FORMAT);
    assert_non_null(strstr(f->error.message, "rot13"));
    write_key(f, "holdfast.json", text, len);
    replace_text(f, "holdfast.json", "\"encryption\":{", "\"encryption\":[],\"x\":{");
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_FORMAT);
    write_key(f, "holdfast.json", text, len);
    assert_int_equal(open_with(f, PASSPHRASE), HF_OK);
}

static void exchange(fixture *f, const char *a, const char *b)
{
    size_t a_len = 0, b_len = 0;
    HF_AUTO_STR a_text = read_key(f, a, &a_len);
    HF_AUTO_STR b_text = read_key(f, b, &b_len);

    write_key(f, a, b_text, b_len);
    write_key(f, b, a_text, a_len);
}

static void expect_broken(fixture *f, const char *id, const char *why)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;

    assert_int_equal(hf_repository_load(f->repository, TARGET, id, &manifest, &f->error), HF_E_CORRUPT);
    if (strstr(f->error.message, why) == NULL)
        fail_msg("%s", f->error.message);
}

static void test_sealed__nothing_can_take_the_place_of_another(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, OLD);
    HF_AUTO(hf_journal_freep) hf_journal *read_back = NULL;
    size_t len = 0;

    seal_new(f, OLD, OLD_MS);
    seal_new(f, NEW, NEW_MS);
    HF_AUTO_STR old_manifest = manifest_key(f, OLD);
    HF_AUTO_STR new_manifest = manifest_key(f, NEW);
    static const char old_key[] = "snapshots/site/" OLD ".json", new_key[] = "snapshots/site/" NEW ".json";

    exchange(f, old_key, new_key);
    expect_broken(f, OLD, "is not what was stored there");
    expect_broken(f, NEW, "is not what was stored there");
    exchange(f, old_key, new_key);
    exchange(f, old_manifest, new_manifest);
    expect_broken(f, NEW, "its manifest cannot be read");
    exchange(f, old_manifest, new_manifest);

    /* A journal, and a pointer in its place; plain text in the place of a sealed document. */
    assert_int_equal(hf_journal_append(journal, "opened", "x", NULL, &f->error), HF_OK);
    exchange(f, "cycles/site/" OLD ".json", old_key);
    assert_int_equal(hf_journal_load(f->repository, TARGET, OLD, &read_back, &f->error), HF_E_CORRUPT);
    exchange(f, "cycles/site/" OLD ".json", old_key);
    HF_AUTO_STR sealed = read_key(f, old_key, &len);
    HF_AUTO_BUF plain = HF_BUF_MAX(1 << 20);

    assert_int_equal(hf_document_get(f->repository, old_key, &plain, &f->error), HF_OK);
    assert_memory_equal(plain.data, "{\"created_at\"", 13);
    write_key(f, old_key, plain.data, plain.len);
    expect_broken(f, OLD, "is not what was stored there");
    write_key(f, old_key, sealed, len);
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;

    assert_int_equal(hf_repository_load(f->repository, TARGET, OLD, &manifest, &f->error), HF_OK);
}

static size_t count_keys(fixture *f)
{
    HF_AUTO_STR path = file_of(f, "keys");
    DIR *folder = opendir(path);
    size_t count = 0;

    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        (void) closedir(folder);
    return count;
}

static int create_in_child(fixture *f)
{
    const hf_new_key key = {.passphrase = PASSPHRASE, .scrypt_n = 16};
    bool created = false;

    return hf_repository_create(open_storage(f), &key, &created, NULL) == HF_OK ? 1 : 2;
}

static int add_in_child(fixture *f)
{
    const hf_new_key key = {.passphrase = SECOND, .scrypt_n = 16};
    char *id = NULL;

    return hf_keys_add(f->repository, &key, &id, NULL) == HF_OK ? 1 : 2;
}

static int remove_in_child(fixture *f)
{
    HF_AUTO_STR id = NULL;
    char *removed = NULL;

    return hf_keys_unwrap(hf_repository_storage(f->repository), hf_repository_id(f->repository), SECOND, NULL,
                          &(hf_key){0}, &id, NULL) == HF_OK &&
                   hf_keys_remove(f->repository, PASSPHRASE, id, &removed, NULL) == HF_OK
               ? 1
               : 2;
}

static void killed(fixture *f, const char *fault, int (*run)(fixture *f))
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        (void) setenv("HOLDFAST_FAULT", fault, 1);
        _exit(run(f));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status))
        fail_msg("%s: exit %d", fault, WEXITSTATUS(status));
}

static void test_create__a_kill_leaves_none_that_cannot_be_opened(void **state)
{
    fixture *f = *state;
    static const char *const before[] = {"keys.before_put:kill", "keys.after_put:kill",
                                         "repository.before_file:kill"};
    const hf_new_key key = {.passphrase = SECOND, .scrypt_n = 16};
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    bool created = false;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    for (size_t i = 0; i < 3; i++) {
        killed(f, before[i], create_in_child);
        assert_int_equal(open_with(f, PASSPHRASE), HF_E_FORMAT);
        assert_int_equal(count_keys(f), i);
    }

    /* What was left behind is in nobody's way, and opens nothing. */
    assert_int_equal(hf_repository_create(storage, &key, &created, &f->error), HF_OK);
    assert_true(created);
    assert_int_equal(open_with(f, SECOND), HF_OK);
    assert_int_equal(open_with(f, PASSPHRASE), HF_E_PASSPHRASE);
}

static void test_keys__a_kill_leaves_the_old_or_the_new(void **state)
{
    fixture *f = *state;
    HF_AUTO_STR id = NULL;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    killed(f, "keys.before_put:kill", add_in_child);
    assert_int_equal(open_with(f, SECOND), HF_E_PASSPHRASE);
    killed(f, "keys.after_put:kill", add_in_child);
    assert_int_equal(open_with(f, SECOND), HF_OK);
    killed(f, "keys.before_remove:kill", remove_in_child);
    assert_int_equal(open_with(f, SECOND), HF_OK);
    killed(f, "keys.after_remove:kill", remove_in_child);
    assert_int_equal(open_with(f, SECOND), HF_E_PASSPHRASE);
    assert_int_equal(open_with(f, PASSPHRASE), HF_OK);

    /* The dead remover's lock is taken over. */
    HF_AUTO_STR second = add(f, SECOND);

    assert_int_equal(hf_keys_remove(f->repository, PASSPHRASE, second, &id, &f->error), HF_OK);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup_encrypted, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_keys__each_passphrase_opens_and_no_other),
        CASE(test_keys__a_removed_passphrase_opens_no_more),
        CASE(test_keys__what_is_no_passphrase_is_refused),
        cmocka_unit_test_setup_teardown(test_keys__a_plain_repository_has_none, setup, teardown),
        CASE(test_keys__every_flipped_bit_of_one_shows),
        CASE(test_keys__no_member_of_one_can_be_forged),
        CASE(test_open__cannot_be_talked_down),
        CASE(test_sealed__nothing_can_take_the_place_of_another),
        cmocka_unit_test_setup_teardown(test_create__a_kill_leaves_none_that_cannot_be_opened, setup_folder,
                                        teardown),
        CASE(test_keys__a_kill_leaves_the_old_or_the_new),
    };

    return cmocka_run_group_tests_name("repository/keys", tests, NULL, NULL);
}
