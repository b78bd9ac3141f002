#include "unit.h"

#include "base/text.h"

#define BAD (-1)

static void test_text__compares(void **state)
{
    (void) state;
    assert_true(hf_streq(NULL, NULL));
    assert_false(hf_streq(NULL, ""));
    assert_true(hf_streq("a", "a"));
    assert_true(hf_starts_with("abc", "ab"));
    assert_false(hf_starts_with("a", "ab"));
    assert_true(hf_ends_with("abc", "bc"));
    assert_false(hf_ends_with("c", "bc"));
    assert_true(hf_ends_with("c", ""));
}

static void test_text__glob_matches_the_whole(void **state)
{
    (void) state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"a*c", "abbbc", true},
        {"a*c", "abbb", false},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"audit.*", "audit.log", true},
        {"audit.*", "audit", false},
        {"*a*b*", "xxaxxbxx", true},
        {"*ab", "aab", true},
        {"**", "x", true},
        {"a", "ab", false},
        {"*aaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (hf_glob_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].text);
}

static void test_text__cuts_before_a_suffix(void **state)
{
    (void) state;
    static const struct {
        const char *text, *suffix;
        size_t max;
        const char *cut;
    } cases[] = {
        {"shop", "__x", 63, "shop__x"},
        {"shop", "__x", 7, "shop__x"},
        {"shop", "__x", 6, "sho__x"},
        {"sh\xc3\xb6p", "__x", 6, "sh__x"},
        {"sh\xc3\xb6p", "__x", 7, "sh\xc3\xb6__x"},
        {"shop", "__x", 3, "__x"},
        {"", "__x", 63, "__x"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO_STR cut = hf_text_with_suffix(cases[i].text, cases[i].suffix, cases[i].max);

        assert_string_equal(cut, cases[i].cut);
    }
}

static void test_text__parses_durations(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"500ms", 500},
        {"30s", 30000},
        {"30", 30000},
        {"5m", 300000},
        {"2h", 7200000},
        {"7d", 604800000},
        {"1w", 604800000},
        {"0", 0},
        {"", BAD},
        {"s", BAD},
        {"-1s", BAD},
        {"1.5h", BAD},
        {"5 m", BAD},
        {"5x", BAD},
        {" 5s", BAD},
        {"99999999999999999999", BAD},
        {"9223372036854775807s", BAD},
        {"5ss", BAD},
        {"1y", BAD},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = BAD;
        hf_error error = {0};
        const hf_status status = hf_parse_duration(cases[i].text, &ms, &error);

        if (ms != cases[i].ms || status != (cases[i].ms == BAD ? HF_E_USAGE : HF_OK))
            fail_msg("\"%s\" gives %lld", cases[i].text, (long long) ms);
    }
}

static void test_text__parses_sizes(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        uint64_t bytes; /* 1: not a size */
    } cases[] = {
        {"4096", 4096},
        {"8 KiB", 8192},
        {"32MiB", 32U << 20},
        {"1 GB", 1000000000},
        {"1gib", 1U << 30},
        {"0", 0},
        {"2B", 2},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616", 1},
        {"99999999TiB", 1},
        {"", 1},
        {"KiB", 1},
        {"-1", 1},
        {"1  KiB", 1},
        {"1 ", 1},
        {"1K", 1},
        {"1.5GB", 1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t bytes = 1;
        const hf_status status = hf_parse_size(cases[i].text, &bytes, NULL);

        if (bytes != cases[i].bytes || status != (cases[i].bytes == 1 ? HF_E_USAGE : HF_OK))
            fail_msg("\"%s\" gives %llu", cases[i].text, (unsigned long long) bytes);
    }
}

static void test_text__parses_numbers_in_range(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t min, max, value;
        hf_status status;
    } cases[] = {
        {"5", 0, 10, 5, HF_OK},
        {"-5", -10, 10, -5, HF_OK},
        {"11", 0, 10, 77, HF_E_USAGE},
        {"-1", 0, 10, 77, HF_E_USAGE},
        {"", 0, 10, 77, HF_E_USAGE},
        {"-", -10, 10, 77, HF_E_USAGE},
        {"5x", 0, 10, 77, HF_E_USAGE},
        {" 5", 0, 10, 77, HF_E_USAGE},
        {"+5", 0, 10, 77, HF_E_USAGE},
        {"0x5", 0, 10, 77, HF_E_USAGE},
        {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, HF_OK},
        {"9223372036854775808", INT64_MIN, INT64_MAX, 77, HF_E_USAGE},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 77;

        assert_int_equal(hf_parse_int(cases[i].text, cases[i].min, cases[i].max, &value, NULL),
                         cases[i].status);
        assert_int_equal(value, cases[i].value);
    }
}

static void test_text__shows_sizes(void **state)
{
    (void) state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"},
        {UINT64_C(1503238554), "1.4 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    char out[32];

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(hf_show_size(cases[i].bytes, out), cases[i].text);
}

static void test_text__shows_durations(void **state)
{
    (void) state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0ms"},
        {999, "999ms"},
        {1000, "1.0s"},
        {59949, "59.9s"},
        {59950, "1m 00s"},
        {125000, "2m 05s"},
        {3599499, "59m 59s"},
        {3599500, "1h 00m"},
        {3720000, "1h 02m"},
        {86400000, "1d 00h"},
        {273600000, "3d 04h"},
        {-125000, "-2m 05s"},
        {INT64_MIN, "-106751991167d 07h"},
    };
    char out[32];

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(hf_show_duration(cases[i].ms, out), cases[i].text);
}

static void test_text__shows_counts(void **state)
{
    (void) state;
    char out[32];

    assert_string_equal(hf_show_count(0, out), "0");
    assert_string_equal(hf_show_count(999, out), "999");
    assert_string_equal(hf_show_count(1000, out), "1,000");
    assert_string_equal(hf_show_count(1234567, out), "1,234,567");
    assert_string_equal(hf_show_count(UINT64_MAX, out), "18,446,744,073,709,551,615");
}

static void test_text__hexadecimal_there_and_back(void **state)
{
    (void) state;
    const unsigned char bytes[] = {0x00, 0x7f, 0xab, 0xff};
    unsigned char back[4] = {1, 2, 3, 4};
    char hex[9];

    hf_hex(bytes, sizeof(bytes), hex);
    assert_string_equal(hex, "007fabff");
    assert_false(hf_unhex("007fabf", back, 4));
    assert_false(hf_unhex("007fabff00", back, 4));
    assert_false(hf_unhex("007fabfg", back, 4));
    assert_int_equal(back[0], 1);
    assert_true(hf_unhex("007FabFF", back, 4));
    assert_memory_equal(back, bytes, 4);
}

static void test_text__knows_utf8(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        size_t len;
        bool good;
    } cases[] = {
        {"", 0, true},
        {"abc", 3, true},
        {"a\0c", 3, false},
        {"\xc3\xa9", 2, true},         /* U+00E9 */
        {"\xe2\x82\xac", 3, true},     /* U+20AC */
        {"\xf0\x9f\x98\x80", 4, true}, /* U+1F600 */
        {"\xc3", 1, false},            /* cut off */
        {"\xe2\x82", 2, false},
        {"\x80", 1, false},     /* continuation first */
        {"\xc0\xaf", 2, false}, /* too long a form */
        {"\xe0\x80\xaf", 3, false},
        {"\xf0\x80\x80\xaf", 4, false},
        {"\xed\xa0\x80", 3, false},     /* surrogate */
        {"\xf4\x90\x80\x80", 4, false}, /* past U+10FFFF */
        {"\xff", 1, false},
        {"\xc3(", 2, false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (hf_is_utf8(cases[i].text, cases[i].len) != cases[i].good)
            fail_msg("case %zu", i);
}

static void test_text__random_names_differ(void **state)
{
    (void) state;
    char a[129], b[129], id[37];

    hf_random_hex(64, a);
    hf_random_hex(64, b);
    assert_int_equal(strlen(a), 128);
    assert_int_equal(strspn(a, "0123456789abcdef"), 128);
    assert_string_not_equal(a, b);

    hf_uuid4(id);
    assert_true(hf_glob_match("????????-????-4???-????-????????????", id));
    assert_non_null(strchr("89ab", id[19]));
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__compares),
        cmocka_unit_test(test_text__glob_matches_the_whole),
        cmocka_unit_test(test_text__cuts_before_a_suffix),
        cmocka_unit_test(test_text__parses_durations),
        cmocka_unit_test(test_text__parses_sizes),
        cmocka_unit_test(test_text__parses_numbers_in_range),
        cmocka_unit_test(test_text__shows_sizes),
        cmocka_unit_test(test_text__shows_durations),
        cmocka_unit_test(test_text__shows_counts),
        cmocka_unit_test(test_text__hexadecimal_there_and_back),
        cmocka_unit_test(test_text__knows_utf8),
        cmocka_unit_test(test_text__random_names_differ),
    };

    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
