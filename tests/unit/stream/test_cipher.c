#include "unit.h"

#include "base/text.h"
#include "stream/cipher.h"

/* Bytes 0, 1, 2, … */
static hf_key test_key(void)
{
    hf_key key;

    for (size_t i = 0; i < HF_KEY_BYTES; i++)
        key.bytes[i] = (unsigned char) i;
    return key;
}

static hf_scrypt test_cost(uint64_t n, uint64_t r, uint64_t p)
{
    hf_scrypt cost = {.n = n, .r = r, .p = p};

    for (size_t i = 0; i < sizeof(cost.salt); i++)
        cost.salt[i] = (unsigned char) i;
    return cost;
}

static void assert_key(const hf_key *key, const char *expected)
{
    char hex[2 * HF_KEY_BYTES + 1];

    hf_hex(key->bytes, HF_KEY_BYTES, hex);
    assert_string_equal(hex, expected);
}

/* The expected values below are another implementation's (Python's hashlib and cryptography). */
static void test_cipher__keys_are_the_standards(void **state)
{
    const hf_key key = test_key();
    const hf_scrypt cost = test_cost(1024, 8, 16);
    hf_key derived;
    char hex[HF_SHA256_HEX];

    (void) state;
    assert_ok(hf_key_from_passphrase("p\xc3\xa4ssword", &cost, &derived, NULL));
    assert_key(&derived, "20c97bd50b509f34f57efd9ca953b007c57f7767d4b2bd66b4131f3196adc646");
    assert_ok(hf_key_derive(&key, "holdfast names", &derived, NULL));
    assert_key(&derived, "f1599edfe310340917da0315fde117a9e3ca5be967bcfcfc6e06179b9a5858e3");
    assert_ok(hf_hmac_sha256_hex(&key, "row\n", 4, hex, NULL));
    assert_string_equal(hex, "84f4aeaf08a6bce035850a1e28b06a6c2f4a13d09ea9adf80fdaae9ae97cc789");
    assert_ok(hf_hmac_sha256_hex(&key, NULL, 0, hex, NULL));
    assert_string_equal(hex, "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb");
}

static void test_cipher__a_cost_is_bounded(void **state)
{
    static const struct {
        uint64_t n, r, p;
    } refused[] = {
        {0, 8, 1},    {1, 8, 1},    {1000, 8, 1},
        {1024, 0, 1}, {1024, 8, 0}, {1 << 21, 8, 1},
        {2, 65, 1},   {2, 8, 17},   {UINT64_C(1) << 63, 8, 1},
    };
    hf_error error = {0};
    hf_key key;

    (void) state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const hf_scrypt cost = test_cost(refused[i].n, refused[i].r, refused[i].p);

        assert_int_equal(hf_key_from_passphrase("x", &cost, &key, &error), HF_E_LIMIT);
    }
}

static void test_cipher__opens_what_another_implementation_sealed(void **state)
{
    const hf_key key = test_key();
    unsigned char sealed[4 + HF_SEAL_BYTES];
    HF_AUTO_BUF value = HF_BUF_MAX(sizeof(sealed));

    (void) state;
    assert_true(
        hf_unhex("6465666768696a6b6c6d6e6f3a74a96cc19b2cb68c00b1acf6666d43394cd1c4", sealed, sizeof(sealed)));
    hf_buf_append(&value, sealed, sizeof(sealed));
    assert_ok(hf_unseal(&key, "object:name", &value, NULL));
    assert_int_equal(value.len, 4);
    assert_string_equal(hf_buf_text(&value), "row\n");
}

static void test_cipher__values_come_back_and_never_look_alike(void **state)
{
    static const size_t sizes[] = {0, 1, 16, 1000, 300000};
    const hf_key key = test_key();

    (void) state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        HF_AUTO_STR data = hf_alloc(sizes[i] + 1);
        HF_AUTO_BUF a = HF_BUF_MAX(sizes[i] + HF_SEAL_BYTES);
        HF_AUTO_BUF b = HF_BUF_MAX(sizes[i] + HF_SEAL_BYTES);

        memset(data, 'x', sizes[i]);
        hf_buf_append(&a, data, sizes[i]);
        hf_buf_append(&b, data, sizes[i]);
        assert_ok(hf_seal(&key, "a", &a, NULL));
        assert_ok(hf_seal(&key, "a", &b, NULL));
        assert_int_equal(a.len, sizes[i] + HF_SEAL_BYTES);
        assert_memory_not_equal(a.data, b.data, a.len);
        assert_ok(hf_unseal(&key, "a", &a, NULL));
        assert_int_equal(a.len, sizes[i]);
        assert_memory_equal(a.data, data, sizes[i] + 1);
    }
}

static void expect_closed(const hf_key *key, const char *what, const hf_buf *sealed, size_t len)
{
    HF_AUTO_BUF value = HF_BUF_MAX(1000);
    hf_error error = {0};

    hf_buf_append(&value, sealed->data, len);
    assert_int_equal(hf_unseal(key, what, &value, &error), HF_E_CORRUPT);
    assert_int_equal(value.len, 0);
}

static void test_cipher__anything_else_stays_closed(void **state)
{
    hf_key key = test_key();
    HF_AUTO_BUF sealed = HF_BUF_MAX(1000);

    (void) state;
    hf_buf_puts(&sealed, "what was said");
    assert_ok(hf_seal(&key, "a", &sealed, NULL));
    expect_closed(&key, "b", &sealed, sealed.len);
    expect_closed(&key, "", &sealed, sealed.len);
    for (size_t len = 0; len < sealed.len; len++)
        expect_closed(&key, "a", &sealed, len);
    for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
        sealed.data[bit / 8] = (char) (sealed.data[bit / 8] ^ 1 << bit % 8);
        expect_closed(&key, "a", &sealed, sealed.len);
        sealed.data[bit / 8] = (char) (sealed.data[bit / 8] ^ 1 << bit % 8);
    }
    key.bytes[31] ^= 1;
    expect_closed(&key, "a", &sealed, sealed.len);
}

static void test_cipher__needs_its_room(void **state)
{
    const hf_key key = test_key();
    HF_AUTO_BUF value = HF_BUF_MAX(4 + HF_SEAL_BYTES - 1);

    (void) state;
    hf_buf_puts(&value, "four");
    assert_int_equal(hf_seal(&key, "a", &value, NULL), HF_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cipher__keys_are_the_standards),
        cmocka_unit_test(test_cipher__a_cost_is_bounded),
        cmocka_unit_test(test_cipher__opens_what_another_implementation_sealed),
        cmocka_unit_test(test_cipher__values_come_back_and_never_look_alike),
        cmocka_unit_test(test_cipher__anything_else_stays_closed),
        cmocka_unit_test(test_cipher__needs_its_room),
    };

    return cmocka_run_group_tests_name("stream/cipher", tests, NULL, NULL);
}
