#include "unit.h"

#include "stream/digest.h"

/* The examples of FIPS 180-4 and the empty text. */
static const struct {
    const char *text, *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void test_digest__known_values(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char hex[HF_SHA256_HEX];

        hf_sha256_hex(vectors[i].text, strlen(vectors[i].text), hex);
        assert_string_equal(hex, vectors[i].hex);
        assert_true(hf_is_sha256_hex(hex));
    }
}

static void test_digest__pieces_give_the_same(void **state)
{
    (void) state;
    for (size_t i = 0; i < COUNT(vectors); i++)
        for (size_t step = 1; step < 60; step += 7) {
            const size_t len = strlen(vectors[i].text);
            hf_sha256 *digest = hf_sha256_new();
            char hex[HF_SHA256_HEX];

            for (size_t at = 0; at < len; at += step)
                hf_sha256_update(digest, vectors[i].text + at, len - at < step ? len - at : step);
            hf_sha256_final_hex(digest, hex);
            assert_string_equal(hex, vectors[i].hex);
            hf_sha256_free(digest);
        }
}

static void test_digest__a_million_a(void **state)
{
    (void) state;
    hf_sha256 *digest = hf_sha256_new();
    char hex[HF_SHA256_HEX], piece[1000];

    memset(piece, 'a', sizeof(piece));
    for (int i = 0; i < 1000; i++)
        hf_sha256_update(digest, piece, sizeof(piece));
    hf_sha256_final_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    hf_sha256_free(digest);
    hf_sha256_free(NULL);
}

static void test_digest__knows_its_text_form(void **state)
{
    (void) state;
    char hex[HF_SHA256_HEX + 1] = "";

    assert_false(hf_is_sha256_hex(""));
    memset(hex, 'a', 64);
    assert_true(hf_is_sha256_hex(hex));
    hex[5] = 'A';
    assert_false(hf_is_sha256_hex(hex));
    hex[5] = '/';
    assert_false(hf_is_sha256_hex(hex));
    hex[5] = 'a';
    hex[64] = 'a';
    assert_false(hf_is_sha256_hex(hex));
    hex[63] = '\0';
    assert_false(hf_is_sha256_hex(hex));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest__known_values),
        cmocka_unit_test(test_digest__pieces_give_the_same),
        cmocka_unit_test(test_digest__a_million_a),
        cmocka_unit_test(test_digest__knows_its_text_form),
    };

    return cmocka_run_group_tests_name("stream/digest", tests, NULL, NULL);
}
