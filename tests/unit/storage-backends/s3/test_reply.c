#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "storage-backends/s3/reply.h"

static hf_buf buf_of(const char *text)
{
    hf_buf buf = HF_BUF_MAX(1 << 20);

    hf_buf_puts(&buf, text);
    return buf;
}

static void test_error__is_read(void **state)
{
    HF_AUTO_BUF body =
        buf_of("<?xml version=\"1.0\"?>\n<Error xmlns=\"urn:x\"><Code>AuthorizationHeaderMalformed</Code>"
               "<Message>wrong\nregion \xc3\xa9</Message><Region>eu-west-1</Region></Error>");
    hf_s3_error error;

    (void) state;
    assert_true(hf_s3_error_read(&body, &error));
    assert_string_equal(error.code, "AuthorizationHeaderMalformed");
    assert_string_equal(error.message, "wrong region   ");
    assert_string_equal(error.region, "eu-west-1");
    assert_string_equal(error.server_time, "");
}

static void test_error__anything_else_is_none(void **state)
{
    static const char *const bodies[] = {
        "",
        "x",
        "<html><body>404</body></html>",
        "<Error/>",
        "<Error><Code></Code></Error>",
        "<Error><Code>x</Code>",
        "<!DOCTYPE Error [<!ENTITY a \"b\">]><Error><Code>&a;</Code></Error>",
        "<!DOCTYPE Error SYSTEM \"file:///etc/passwd\"><Error><Code>x</Code></Error>",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        HF_AUTO_BUF body = buf_of(bodies[i]);
        hf_s3_error error = {.code = "untouched"};

        assert_false(hf_s3_error_read(&body, &error));
        assert_string_equal(error.code, "untouched");
    }
}

static void test_role__its_keys_are_read(void **state)
{
    HF_AUTO_BUF body =
        buf_of("<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
               "<AssumeRoleWithWebIdentityResult><Credentials><SessionToken>t/+=</SessionToken>"
               "<SecretAccessKey>s</SecretAccessKey><AccessKeyId>ASIA</AccessKeyId>"
               "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
    HF_AUTO_BUF without = buf_of("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult/>"
                                 "</AssumeRoleWithWebIdentityResponse>");
    HF_AUTO_BUF refusal =
        buf_of("<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>ExpiredTokenException"
               "</Code><Message>m</Message></Error></ErrorResponse>");
    HF_AUTO(hf_s3_credentials_done) hf_s3_credentials keys = {0};
    HF_AUTO_STR expiration = NULL;
    hf_s3_error error;

    (void) state;
    assert_false(hf_s3_role_read(&without, &keys, &expiration));
    assert_false(hf_s3_role_read(&refusal, &keys, &expiration));
    assert_null(keys.access_key);
    assert_true(hf_s3_role_read(&body, &keys, &expiration));
    assert_string_equal(keys.access_key, "ASIA");
    assert_string_equal(keys.secret_key, "s");
    assert_string_equal(keys.session_token, "t/+=");
    assert_null(expiration);
    assert_true(hf_s3_error_read(&refusal, &error));
    assert_string_equal(error.code, "ExpiredTokenException");
}

static void test_page__is_read(void **state)
{
    HF_AUTO_BUF body = buf_of(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><EncodingType>url</EncodingType>"
        "<IsTruncated>true</IsTruncated><NextContinuationToken>a+b/%41==</NextContinuationToken>"
        "<Contents><Key>a%3Ab/c+d%2B</Key><Size>5</Size><LastModified>2026-11-21T09:47:01.194Z</LastModified>"
        "</Contents><Contents><Key>z</Key><Size>0</Size></Contents></ListBucketResult>");
    HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
    HF_AUTO_STR next = NULL;
    hf_error error = {0};

    (void) state;
    assert_int_equal(hf_s3_page_read(&body, &entries, &next, &error), HF_OK);
    assert_string_equal(next, "a+b/%41==");
    assert_int_equal(entries.count, 2);
    assert_string_equal(entries.items[0].key, "a:b/c d+");
    assert_int_equal(entries.items[0].bytes, 5);
    assert_true(entries.items[0].modified_ms > 0);
    assert_string_equal(entries.items[1].key, "z");
    assert_int_equal(entries.items[1].modified_ms, 0);
}

static void test_page__keys_are_taken_as_they_are_without_an_encoding(void **state)
{
    HF_AUTO_BUF body =
        buf_of("<ListBucketResult><Contents><Key>a%3Ab+c</Key><Size>5</Size></Contents></ListBucketResult>");
    HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
    HF_AUTO_STR next = NULL;

    (void) state;
    assert_int_equal(hf_s3_page_read(&body, &entries, &next, NULL), HF_OK);
    assert_string_equal(entries.items[0].key, "a%3Ab+c");
    assert_null(next);
}

static void test_page__refuses_what_is_none(void **state)
{
    static const struct {
        const char *body;
        hf_status status;
    } cases[] = {
        {"", HF_E_USAGE},
        {"<html/>", HF_E_USAGE},
        {"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", HF_E_USAGE},
        {"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>", HF_E_USAGE},
        {"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>", HF_E_USAGE},
        {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", HF_E_UNSUPPORTED},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO_BUF body = buf_of(cases[i].body);
        HF_AUTO(hf_s3_entries_done) hf_s3_entries entries = {0};
        char *next = NULL;
        hf_error error = {0};

        assert_int_equal(hf_s3_page_read(&body, &entries, &next, &error), cases[i].status);
        assert_null(next);
        assert_string_not_equal(error.message, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error__is_read),
        cmocka_unit_test(test_error__anything_else_is_none),
        cmocka_unit_test(test_role__its_keys_are_read),
        cmocka_unit_test(test_page__is_read),
        cmocka_unit_test(test_page__keys_are_taken_as_they_are_without_an_encoding),
        cmocka_unit_test(test_page__refuses_what_is_none),
    };

    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
