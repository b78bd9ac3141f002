#include "unit.h"

#include "base/text.h"
#include "stream/signature.h"

/* RFC 8032, 7.1. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0595"
     "bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "eb43"
     "02aeeb00d291612bb0c00"},
};

static void test_signature__is_that_of_the_standard(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        HF_AUTO_STR text = hf_format(HF_PRIVATE_KEY_PREFIX "%s", vectors[i].seed);
        HF_AUTO_PRIVATE_KEY key;
        char shown[HF_PRIVATE_KEY_TEXT], public_key[HF_PUBLIC_KEY_TEXT], signature[HF_SIGNATURE_HEX];
        size_t len = strlen(vectors[i].message);

        assert_ok(hf_private_key_parse(text, &key, NULL));
        hf_private_key_show(&key, shown);
        assert_string_equal(shown, text);
        assert_ok(hf_private_key_public(&key, public_key, NULL));
        assert_string_equal(public_key, vectors[i].public_key);
        assert_ok(hf_sign(&key, vectors[i].message, len, signature, NULL));
        assert_string_equal(signature, vectors[i].signature);
        assert_true(hf_is_signed(public_key, vectors[i].message, len, signature));
    }
}

static void test_signature__of_anything_else_is_none(void **state)
{
    const char *key = vectors[0].public_key, *signature = vectors[0].signature;
    char changed[HF_SIGNATURE_HEX];

    (void) state;
    assert_false(hf_is_signed(key, "x", 1, signature));
    assert_false(hf_is_signed(vectors[1].public_key, "", 0, signature));
    assert_false(hf_is_signed(key, "", 0, vectors[1].signature));
    assert_false(hf_is_signed(key, "", 0, ""));
    assert_false(hf_is_signed("", "", 0, signature));
    assert_false(hf_is_signed("ed25519:00", "", 0, signature));
    assert_false(hf_is_signed(key + strlen(HF_PUBLIC_KEY_PREFIX), "", 0, signature));
    /* a key that is no point of the curve, and the neutral element, with which some libraries accept everything */
    assert_false(hf_is_signed("ed25519:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "",
                              0, signature));
    for (size_t i = 0; i < HF_SIGNATURE_HEX - 1; i += 7) {
        memcpy(changed, signature, sizeof(changed));
        changed[i] = changed[i] == '0' ? '1' : '0';
        assert_false(hf_is_signed(key, "", 0, changed));
    }
}

static void test_signature__a_private_key_is_one_text(void **state)
{
    static const char *const bad[] = {"", "ed25519-private:", "ed25519-private:00", "9d61",
                                      "-----BEGIN PRIVATE KEY-----"};
    HF_AUTO_PRIVATE_KEY key, other;
    hf_error error = {0};

    (void) state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(hf_private_key_parse(bad[i], &key, &error), HF_E_USAGE);
        assert_non_null(strstr(error.message, "no private key"));
    }
    assert_int_equal(hf_private_key_parse(vectors[0].public_key, &key, &error), HF_E_USAGE);
    assert_non_null(strstr(error.message, "public"));
    assert_ok(hf_private_key_random(&key, NULL));
    assert_ok(hf_private_key_random(&other, NULL));
    assert_memory_not_equal(&key, &other, sizeof(key));
}

static void test_signature__tells_public_keys(void **state)
{
    (void) state;
    assert_true(hf_is_public_key(vectors[0].public_key));
    assert_false(hf_is_public_key("ed25519:d75a"));
    assert_false(
        hf_is_public_key("ed25519-private:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature__is_that_of_the_standard),
        cmocka_unit_test(test_signature__of_anything_else_is_none),
        cmocka_unit_test(test_signature__a_private_key_is_one_text),
        cmocka_unit_test(test_signature__tells_public_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
