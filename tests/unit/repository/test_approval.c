#include "fixture.h"

#include "repository/approval.h"

#define PLAN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER_PLAN "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY_OF(target, plan, by) "approvals/" target "/" plan "." by ".json"

static const hf_private_key key = {{1, 2, 3}}, other_key = {{3, 2, 1}};

static void put(fixture *f, const char *target, const char *by, const hf_private_key *with, bool withdrawn)
{
    HF_AUTO(hf_signed_approval_done)
    hf_signed_approval approval = {.target = hf_strdup(target),
                                   .digest = PLAN,
                                   .by = hf_strdup(by),
                                   .user = hf_strdup("deployer"),
                                   .host = hf_strdup("h\xc3\xb4te"),
                                   .at_ms = 1795246202123,
                                   .withdrawn = withdrawn};

    assert_int_equal(hf_approval_put(f->repository, with, &approval, &f->error), HF_OK);
}

static void list(fixture *f, const char *target, const char *plan, hf_signed_approvals *approvals)
{
    assert_int_equal(hf_approval_list(f->repository, target, plan, approvals, &f->error), HF_OK);
}

static void test_approval__comes_back(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals all = {0};
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals none = {0};
    char public_key[HF_PUBLIC_KEY_TEXT];

    put(f, TARGET, "anna", &key, false);
    put(f, TARGET, "ben", &other_key, true);
    put(f, "another", "anna", &key, false);
    list(f, TARGET, PLAN, &all);
    assert_int_equal(all.count, 2);
    assert_null(all.items[0].broken);
    assert_string_equal(all.items[0].by, "anna");
    assert_string_equal(all.items[0].digest, PLAN);
    assert_string_equal(all.items[0].host, "h\xc3\xb4te");
    assert_int_equal(all.items[0].at_ms, 1795246202123);
    assert_false(all.items[0].withdrawn);
    assert_int_equal(hf_private_key_public(&key, public_key, &f->error), HF_OK);
    assert_string_equal(all.items[0].public_key, public_key);
    assert_string_equal(all.items[1].by, "ben");
    assert_true(all.items[1].withdrawn);
    list(f, TARGET, OTHER_PLAN, &none);
    assert_int_equal(none.count, 0);
}

static void test_approval__a_later_one_takes_the_place(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals all = {0};

    put(f, TARGET, "anna", &key, false);
    put(f, TARGET, "anna", &key, true);
    list(f, TARGET, NULL, &all);
    assert_int_equal(all.count, 1);
    assert_true(all.items[0].withdrawn);
}

/* What somebody does who can write to the storage; "from" NULL: the file is copied to `to`. */
static void test_approval__what_is_tampered_with_is_broken(void **state)
{
    static const struct {
        const char *from, *to, *why;
    } cases[] = {
        {"\"verdict\":\"approved\"", "\"verdict\":\"withdrawn\"", "forged"},
        {"\"at\":\"2026", "\"at\":\"2027", "forged"},
        {"\"user\":\"deployer\"", "\"user\":\"deployed\"", "forged"},
        {"\"by\":\"anna\"", "\"by\":\"ben\"", "was moved here"},
        {"\"plan\":\"0", "\"plan\":\"1", "was moved here"},
        {"\"target\":\"site\"", "\"target\":\"other\"", "was moved here"},
        {"\"key\":\"ed25519:", "\"key\":\"ed25518:", "forged"},
        {"\"verdict\":\"approved\"", "\"verdict\":\"maybe\"", "verdict"},
        {"\"format\":1", "\"format\":2", "newer"},
        {"\"format\":1", "\"also\":1,\"format\":1", "forged"},
        {NULL, KEY_OF("site", OTHER_PLAN, "anna"), "was moved here"},
        {NULL, KEY_OF("site", PLAN, "ben"), "was moved here"},
        {NULL, KEY_OF("another", PLAN, "anna"), "was moved here"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture *f = *state;
        HF_AUTO(hf_signed_approvals_done) hf_signed_approvals all = {0};
        const char *where = cases[i].from != NULL ? KEY_OF("site", PLAN, "anna") : cases[i].to;
        HF_AUTO_STR target =
            hf_strndup(where + strlen("approvals/"), strcspn(where + strlen("approvals/"), "/"));
        const char *name = where + strlen("approvals/") + strlen(target) + 1;
        bool seen = false;

        put(f, TARGET, "anna", &key, false);
        put(f, "another", "anna", &key, false);
        if (cases[i].from != NULL) {
            replace_text(f, where, cases[i].from, cases[i].to);
        } else {
            size_t len = 0;
            HF_AUTO_STR data = read_key(f, KEY_OF("site", PLAN, "anna"), &len);

            put(f, target, "ben", &key, false); /* so that the folder is there */
            write_key(f, where, data, len);
        }
        list(f, target, NULL, &all);
        for (size_t k = 0; k < all.count; k++) {
            const hf_signed_approval *item = &all.items[k];
            HF_AUTO_STR file = hf_format("%s.%s.json", item->digest, item->by);

            if (!hf_streq(file, name))
                continue;
            seen = true;
            if (item->broken == NULL || strstr(item->broken, cases[i].why) == NULL)
                fail_msg("case %zu: %s", i, item->broken != NULL ? item->broken : "is believed");
        }
        assert_true(seen);
        assert_int_equal(hf_storage_remove(hf_repository_storage(f->repository), where, &f->error), HF_OK);
    }
}

static void test_approval__an_unfit_name_is_refused(void **state)
{
    static const char *const bad[] = {
        "", ".", "../x", "a b", "a.b", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        hf_signed_approval approval = {.target = (char *) TARGET, .digest = PLAN, .by = (char *) bad[i]};

        assert_int_equal(hf_approval_put(f->repository, &key, &approval, &f->error), HF_E_USAGE);
    }
}

static void test_approval__is_sealed_in_an_encrypted_repository(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_signed_approvals_done) hf_signed_approvals all = {0};
    size_t len = 0;

    put(f, TARGET, "anna", &key, false);
    HF_AUTO_STR data = read_key(f, KEY_OF("site", PLAN, "anna"), &len);
    assert_null(memmem(data, len, "anna", 4));
    list(f, TARGET, PLAN, &all);
    assert_int_equal(all.count, 1);
    assert_null(all.items[0].broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_approval__comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_approval__a_later_one_takes_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_approval__what_is_tampered_with_is_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_approval__an_unfit_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_approval__is_sealed_in_an_encrypted_repository, setup_encrypted,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
