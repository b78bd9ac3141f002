/* Signature Version 4 against the vectors that AWS publishes: its test suite, and the examples of S3's documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "storage-backends/s3/signature.h"
#include "stream/digest.h"

#define HEADERS_MAX 8

static const char *text(const json_t *vector, const char *name)
{
    const char *value = json_string_value(json_object_get(vector, name));

    assert_non_null(value);
    return value;
}

static void test_signature__equals_the_published_vectors(void **state)
{
    json_t *vectors = json_load_file(HF_SOURCE_DIR "/fixtures/signatures/vectors.json", 0, NULL);
    size_t i;
    json_t *vector;

    (void) state;
    assert_true(json_array_size(vectors) >= 10);
    json_array_foreach(vectors, i, vector)
    {
        const json_t *list = json_object_get(vector, "headers");
        hf_s3_header headers[HEADERS_MAX];
        char payload[HF_SHA256_HEX];
        HF_AUTO_BUF out = HF_BUF_MAX(4096);

        assert_true(json_array_size(list) <= HEADERS_MAX);
        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *pair = json_array_get(list, j);

            headers[j].name = json_string_value(json_array_get(pair, 0));
            headers[j].value = json_string_value(json_array_get(pair, 1));
        }
        hf_sha256_hex(text(vector, "body"), strlen(text(vector, "body")), payload);
        hf_s3_authorization(&(hf_s3_signing){.method = text(vector, "method"),
                                             .path = text(vector, "path"),
                                             .query = text(vector, "query"),
                                             .headers = headers,
                                             .header_count = json_array_size(list),
                                             .payload_sha256 = payload,
                                             .amz_date = text(vector, "date"),
                                             .region = text(vector, "region"),
                                             .service = text(vector, "service"),
                                             .access_key = text(vector, "access_key"),
                                             .secret_key = text(vector, "secret_key")},
                            &out);
        const char *signature = strstr(hf_buf_text(&out), "Signature=");

        assert_non_null(signature);
        if (!hf_streq(signature + strlen("Signature="), text(vector, "signature")))
            fail_msg("%s: %s", text(vector, "name"), hf_buf_text(&out));
    }
    json_decref(vectors);
}

static void test_signature__writes_the_header(void **state)
{
    const hf_s3_header headers[] = {{"host", "h:1"}, {"x-amz-date", "20150830T123600Z"}};
    HF_AUTO_BUF out = HF_BUF_MAX(4096);

    (void) state;
    hf_s3_authorization(&(hf_s3_signing){.method = "GET",
                                         .path = "/",
                                         .query = "",
                                         .headers = headers,
                                         .header_count = 2,
                                         .payload_sha256 = HF_S3_EMPTY_SHA256,
                                         .amz_date = "20150830T123600Z",
                                         .region = "r",
                                         .service = "s3",
                                         .access_key = "AK",
                                         .secret_key = "secret"},
                        &out);
    assert_true(hf_starts_with(hf_buf_text(&out),
                               "AWS4-HMAC-SHA256 Credential=AK/20150830/r/s3/aws4_request, "
                               "SignedHeaders=host;x-amz-date, Signature="));
    assert_null(strstr(hf_buf_text(&out), "secret"));
}

static void test_encode__is_strict(void **state)
{
    static const struct {
        const char *plain, *encoded;
        bool keep_slash;
    } cases[] = {
        {"", "", false},
        {"azAZ09-._~", "azAZ09-._~", false},
        {"a b+c", "a%20b%2Bc", false},
        {"locks/a:b", "locks/a%3Ab", true},
        {"a/b=&", "a%2Fb%3D%26", false},
        {"100%25*'()!", "100%2525%2A%27%28%29%21", false},
        {"\xe1\x88\xb4", "%E1%88%B4", true},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_BUF out = HF_BUF_MAX(256);

        hf_s3_encode(&out, cases[i].plain, cases[i].keep_slash);
        assert_string_equal(hf_buf_text(&out), cases[i].encoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature__equals_the_published_vectors),
        cmocka_unit_test(test_signature__writes_the_header),
        cmocka_unit_test(test_encode__is_strict),
    };

    return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
