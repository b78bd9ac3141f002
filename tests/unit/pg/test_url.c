#include "unit.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "pg/connection.h"
#include "pg/url.h"

static void test_url__prismas_own_parameters_are_left_out(void **state)
{
    (void) state;
    static const struct {
        const char *url, *expected;
    } cases[] = {
        {"postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/d"},
        {"postgresql://h/d?schema=shop", "postgresql://h/d"},
        {"postgresql://h/d?schema=shop&sslmode=require", "postgresql://h/d?sslmode=require"},
        {"postgresql://h/d?sslmode=require&connection_limit=5&pgbouncer=true",
         "postgresql://h/d?sslmode=require"},
        {"postgres://h/d?a=1&&schema=x&b=2", "postgres://h/d?a=1&b=2"},
        {"postgresql://h/d?schemas=x", "postgresql://h/d?schemas=x"},
        {"host=h dbname=d", "host=h dbname=d"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_STR clean = hf_pg_url_for_libpq(cases[i].url);
        assert_string_equal(clean, cases[i].expected);
    }
}

static void test_url__a_parameter_is_decoded(void **state)
{
    (void) state;
    HF_AUTO_STR schema = hf_pg_url_parameter("postgresql://h/d?x=1&schema=my%20shop", "schema");
    HF_AUTO_STR none = hf_pg_url_parameter("postgresql://h/d?x=1", "schema");

    assert_string_equal(schema, "my shop");
    assert_null(none);
}

/* What libpq makes of the URL must be the same but for the database. */
static void test_url__another_database_keeps_the_rest(void **state)
{
    (void) state;
    static const struct {
        const char *url, *database, *host, *password;
    } cases[] = {
        {"postgresql://u:p%40ss@h:5433/d?sslmode=require", "other", "h", "p@ss"},
        {"postgresql://u@h", "o/t?h&er", "h", NULL},
        {"postgresql:///d?host=/tmp/x&password=a%20b", "nam\xc3\xa9", "/tmp/x", "a b"},
        {"host='/tmp/a b' password='q\\'\\\\'", "b", "/tmp/a b", "q'\\"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_STR url = NULL;
        hf_error error;
        PQconninfoOption *options = NULL;
        const char *host = NULL, *password = NULL, *database = NULL;

        assert_int_equal(hf_pg_url_with_database(cases[i].url, cases[i].database, &url, &error), HF_OK);
        assert_int_equal(hf_pg_url_parse(url, &options, &error), HF_OK);
        for (PQconninfoOption *o = options; o->keyword != NULL; o++) {
            if (hf_streq(o->keyword, "host"))
                host = o->val;
            if (hf_streq(o->keyword, "password"))
                password = o->val;
            if (hf_streq(o->keyword, "dbname"))
                database = o->val;
        }
        assert_string_equal(host, cases[i].host);
        assert_true(hf_streq(password, cases[i].password));
        assert_string_equal(database, cases[i].database);
        PQconninfoFree(options);
    }
}

static void test_url__an_error_and_what_is_shown_hold_no_password(void **state)
{
    (void) state;
    hf_error error;
    PQconninfoOption *options = NULL;
    HF_AUTO_STR shown = hf_pg_url_shown("postgresql://u:geheim@h:5433/d");

    assert_string_equal(shown, "postgresql://u@h:5433/d");
    assert_int_equal(hf_pg_url_parse("postgresql://u:geheim@h:port%%/d", &options, &error), HF_E_USAGE);
    assert_null(strstr(error.message, "geheim"));
    assert_null(strstr(error.hint, "geheim"));
}

/* libpq takes these, and would show a part of the password as a host, a port or a database. */
static void test_url__a_badly_encoded_password_is_not_echoed(void **state)
{
    (void) state;
    static const char *const malformed[] = {
        "postgresql://blog:S3C@R3T@127.0.0.1/d",
        "postgresql://blog:S3C@R3T@[::1]:5432/d",
        "postgresql://blog:pa/S3C@h/d",
        "postgresql://blog:12/S3C@h/d",
        "postgresql://blog:12/S3C@R3T@h/d?sslmode=require",
        "postgresql://blog:S3C?R3T@h/d",
        "postgresql://u@h:S3C/d",
        "postgresql://u:p@S3C:R3T:1/d",
        "postgresql://u:p@h S3C/d",
        "postgresql://u:p@h,x@S3C/d",
        "host=h port=S3C",
        "host='h S3C'",
        "host=u@S3C",
    };
    static const char *const sound[] = {
        "postgresql://u:p@h,i:5432/d",
        "postgresql://u@[::1]:5432/d",
        "postgresql://u@[fe80::1%25eth0]",
        "postgresql://u@h:5432,i:5433/d",
        "postgresql://u@%2Ftmp%2Fa:1/d",
        "postgresql:///d?host=/tmp/a@b",
        "postgresql:///d?host=@abstract",
        "postgresql://u@h/d@e",
        "postgresql://h/d?user=a@b",
        "postgresql://u@h?options=a@b",
        "host=::1",
        "host=@abstract",
        "host='/tmp/a b' password='x@y/z'",
    };

    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        PQconninfoOption *options = NULL;
        hf_error error;

        assert_int_equal(hf_pg_url_parse(malformed[i], &options, &error), HF_E_USAGE);
        assert_null(options);
        assert_string_equal(error.message, "the database URL is malformed");
        assert_non_null(strstr(error.hint, "percent-encoded"));
        assert_null(strstr(error.hint, "S3C"));
    }
    for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
        PQconninfoOption *options = NULL;
        hf_error error;

        assert_int_equal(hf_pg_url_parse(sound[i], &options, &error), HF_OK);
        PQconninfoFree(options);
    }
}

static void test_url__every_form_of_a_password_is_redacted(void **state)
{
    (void) state;
    static const struct {
        const char *url;
        const char *texts[4];
    } cases[] = {
        {"postgresql://u:ab%40first%2fx@h/d", {"ab@first/x", "ab%40first%2fx", "ab%40first%2Fx"}},
        {"postgresql:///d?user=u&password=cd%20secnd", {"cd secnd", "cd%20secnd"}},
        {"postgresql://h/d?sslpassword=key%21word&schema=x", {"key!word", "key%21word"}},
        {"host=h password=third@word", {"third@word", "third%40word"}},
        {"host=h password = 'fo\\'ur th' dbname=d", {"fo'ur th", "fo\\'ur th"}},
        {"postgresql://u:fif@th/word@h/d", {"fif@th/word", "fif%40th%2Fword"}},
    };

    assert_int_equal(setenv("PGPASSWORD", "ofthe_environment", 1), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_BUF whole = HF_BUF_MAX(1024);

        hf_pg_url_redact(cases[i].url);
        hf_buf_puts(&whole, cases[i].url);
        hf_redact(&whole);
        assert_string_equal(hf_buf_text(&whole), "***");
        for (size_t k = 0; k < 4 && cases[i].texts[k] != NULL; k++) {
            HF_AUTO_BUF text = HF_BUF_MAX(1024);

            hf_buf_printf(&text, "it is %s.", cases[i].texts[k]);
            hf_redact(&text);
            assert_string_equal(hf_buf_text(&text), "it is ***.");
        }
    }

    HF_AUTO_BUF text = HF_BUF_MAX(1024);

    hf_buf_puts(&text, "ofthe_environment");
    hf_redact(&text);
    assert_string_equal(hf_buf_text(&text), "***");
    assert_int_equal(unsetenv("PGPASSWORD"), 0);
}

static void test_url__the_database_it_means(void **state)
{
    (void) state;
    HF_AUTO_STR named = hf_pg_url_database("postgresql://u@h/d");
    HF_AUTO_STR by_user = hf_pg_url_database("postgresql://u@h");

    assert_string_equal(named, "d");
    assert_string_equal(by_user, "u");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__prismas_own_parameters_are_left_out),
        cmocka_unit_test(test_url__a_parameter_is_decoded),
        cmocka_unit_test(test_url__another_database_keeps_the_rest),
        cmocka_unit_test(test_url__an_error_and_what_is_shown_hold_no_password),
        cmocka_unit_test(test_url__a_badly_encoded_password_is_not_echoed),
        cmocka_unit_test(test_url__every_form_of_a_password_is_redacted),
        cmocka_unit_test(test_url__the_database_it_means),
    };

    return cmocka_run_group_tests_name("pg/url", tests, NULL, NULL);
}
