#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "migrations/prisma_files.h"
#include "migrations/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* As sorted by Node.js 20 with localeCompare (ICU 78). */
static const char *const sorted[] = {
    "_a",
    "-a",
    ",x",
    ";x",
    ":x",
    "!x",
    "?x",
    ".git",
    "'x",
    "\"x",
    "[x",
    "]x",
    "{x",
    "}x",
    "@x",
    "*x",
    "\\x",
    "&x",
    "#x",
    "%x",
    "`x",
    "^x",
    "+x",
    "<x",
    "=x",
    ">x",
    "|x",
    "~x",
    "$x",
    "0",
    "20240101_z",
    "20240101000000_a",
    "2024010809301",
    "20240108093012_init",
    "20240108093012_Init",
    "20240108093012-init",
    "9",
    "a",
    "A",
    "a b",
    "a_b",
    "a-b",
    "a.b",
    "a(",
    "a)",
    "a~b",
    "a$b",
    "a0",
    "a1",
    "a10",
    "a2",
    "ab",
    "aB",
    "Ab",
    "AB",
    "b",
    "B",
    "tmp",
    "tmp_old",
    "Tmp2",
    "z",
    "Z",
    "zA",
    "Za",
};

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_prisma_files__orders_names_as_locale_compare(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(sorted); i++)
        for (size_t j = 0; j < COUNT(sorted); j++) {
            int expected = (i > j) - (i < j);
            int order = sign(hf_prisma_compare_names(sorted[i], sorted[j]));

            if (order != expected)
                fail_msg("\"%s\" against \"%s\": %d instead of %d", sorted[i], sorted[j], order, expected);
        }
}

static void test_prisma_files__orders_other_scripts_too(void **state)
{
    (void) state;
    static const char *const ordered[] = {"😀", "1_é", "1_f", "3",  "٣", "３", "4", "å",  "Å", "ä",
                                          "Ä", "e",   "E",   "é",  "É", "f",  "i", "İ",  "ı", "o",
                                          "ø", "œ",   "øre", "ss", "ß", "z",  "а", "あ", "中"};

    for (size_t i = 0; i + 1 < COUNT(ordered); i++)
        if (hf_prisma_compare_names(ordered[i], ordered[i + 1]) >= 0)
            fail_msg("\"%s\" is not before \"%s\"", ordered[i], ordered[i + 1]);
    assert_int_equal(hf_prisma_compare_names("a", "a"), 0);
    assert_true(hf_prisma_compare_names("a\001c", "ab") > 0 && hf_prisma_compare_names("a\001a", "ab") < 0);
    assert_int_not_equal(hf_prisma_compare_names("a\001", "a"), 0); /* equal for ICU */
    assert_true(hf_prisma_compare_names("", "a") < 0);
}

static void test_prisma_files__lists_real_folders_only(void **state)
{
    (void) state;
    char folder[] = "/tmp/hf-unit-XXXXXX";
    hf_strings names = {0};
    hf_error error;

    assert_non_null(mkdtemp(folder));
    HF_AUTO_STR b = hf_path_join(folder, "20240101_b");
    HF_AUTO_STR a = hf_path_join(folder, "20240101000000_a");
    HF_AUTO_STR hidden = hf_path_join(folder, ".hidden");
    HF_AUTO_STR link = hf_path_join(folder, "20240202_link");
    HF_AUTO_STR file = hf_path_join(folder, "migration_lock.toml");

    assert_int_equal(hf_make_folders(a, &error), HF_OK);
    assert_int_equal(hf_make_folders(b, &error), HF_OK);
    assert_int_equal(hf_make_folders(hidden, &error), HF_OK);
    assert_int_equal(symlink(a, link), 0);
    assert_int_equal(hf_file_write_atomic(file, "", 0, &error), HF_OK);

    assert_int_equal(hf_prisma_list(folder, &names, &error), HF_OK);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.items[0], ".hidden");
    assert_string_equal(names.items[1], "20240101_b");
    assert_string_equal(names.items[2], "20240101000000_a");
    hf_strings_done(&names);

    (void) unlink(link);
    (void) unlink(file);
    (void) rmdir(a);
    (void) rmdir(b);
    (void) rmdir(hidden);
    (void) rmdir(folder);
    assert_int_equal(hf_prisma_list(folder, &names, &error), HF_E_MIGRATION);
    assert_non_null(strstr(error.message, "does not exist"));
}

static void test_prisma_files__judges_the_lock_file_as_prisma(void **state)
{
    (void) state;
    static const struct {
        const char *content;
        bool good;
    } cases[] = {
        {NULL, true},
        {"provider = \"postgresql\"\n", true},
        {"# comment\nprovider = \"postgresql\"", true},
        {"# comment\r\nprovider = \"postgresql\"\r\n", true},
        {"provider = postgresql\n", true},
        {"provider = \"postgresql\"\nprovider = \"mysql\"\n", true},
        {"provider = provider = \"postgresql\"\n", true},
        {"", false},
        {"# nothing\n", false},
        {" provider = \"postgresql\"\n", false},
        {"provider=\"postgresql\"\n", false},
        {"provider  = \"postgresql\"\n", false},
        {"provider = 'postgresql'\n", false},
        {"provider = \"postgresql\" \n", false},
        {"provider = \"postgresql\" # ours\n", false},
        {"provider = \"PostgreSQL\"\n", false},
        {"provider = \"mysql\"\nprovider = \"postgresql\"\n", false},
        {"provider = \"sqlite\"\n", false},
        {"provider = \"postgres\"\n", false},
        {"providers = \"postgresql\"\n", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (hf_prisma_lock_is_postgresql(cases[i].content) != cases[i].good)
            fail_msg("case %zu: \"%s\"", i, cases[i].content);
}

/* What each decodes to is what Node.js makes of it. */
static void test_prisma_files__checksums_the_decoded_text(void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *same_as; /* bytes that are well-formed and have this checksum */
    } cases[] = {
        {"", 0, ""},
        {"SELECT 1;\n", 10, "SELECT 1;\n"},
        {"\xEF\xBB\xBFSELECT 1;", 12, "\xEF\xBB\xBFSELECT 1;"},
        {"a\xFFz", 3, "a\xEF\xBF\xBDz"},
        {"\xC3", 1, "\xEF\xBF\xBD"},
        {"\xE2\x82z", 3, "\xEF\xBF\xBDz"},
        {"\xE2\x82", 2, "\xEF\xBF\xBD"},
        {"\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80"},
        {"\xF0\x9F\x98", 3, "\xEF\xBF\xBD"},
        {"\xC0\xAF", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF5\x80", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\x80\xE9t\xE9", 4, "\xEF\xBF\xBD\xEF\xBF\xBDt\xEF\xBF\xBD"},
    };
    char checksum[HF_SHA256_HEX], expected[HF_SHA256_HEX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_prisma_checksum(cases[i].bytes, cases[i].len, checksum);
        hf_sha256_hex(cases[i].same_as, strlen(cases[i].same_as), expected);
        if (!hf_streq(checksum, expected))
            fail_msg("case %zu", i);
    }
    hf_prisma_checksum("SELECT 1;", 9, checksum);
    assert_string_equal(checksum, "17db4fd369edb9244b9f91d9aeed145c3d04ad8ba6e95d06247f07a63527d11a");
}

static void unpadded(const char *hex, char *out)
{
    for (; *hex != '\0'; hex += 2) {
        if (hex[0] != '0')
            *out++ = hex[0];
        *out++ = hex[1];
    }
    *out = '\0';
}

static void test_prisma_files__compares_checksums_with_line_ends_exchanged(void **state)
{
    (void) state;
    static const struct {
        const char *file, *applied;
        bool matches;
    } cases[] = {
        {"a\nb\n", "a\nb\n", true},
        {"a\r\nb\r\n", "a\nb\n", true},
        {"a\nb\n", "a\r\nb\r\n", true},
        {"a\r\nb\n", "a\nb\n", true},
        {"a\nb\n", "a\r\nb\n", false},
        {"a\r\nb\n", "a\r\r\nb\r\n", true},
        {"a\r\nb\r\n", "a\r\nb\n", false},
        {"a\rb", "a\nb", false},
        {"a\n", "a", false},
        {"a", "b", false},
    };
    char stored[HF_SHA256_HEX];

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_sha256_hex(cases[i].applied, strlen(cases[i].applied), stored);
        if (hf_prisma_checksum_matches(cases[i].file, strlen(cases[i].file), stored) != cases[i].matches)
            fail_msg("case %zu", i);
    }
}

static void test_prisma_files__knows_checksums_of_the_early_engine(void **state)
{
    (void) state;
    char hex[HF_SHA256_HEX], stored[HF_SHA256_HEX];

    hf_sha256_hex("a\nb\n", 4, hex);
    unpadded(hex, stored);
    assert_true(strlen(stored) < 64);
    assert_true(hf_prisma_checksum_matches("a\nb\n", 4, stored));
    assert_true(hf_prisma_checksum_matches("a\r\nb\r\n", 6, stored));
    assert_false(hf_prisma_checksum_matches("a\nc\n", 4, stored));
    assert_false(hf_prisma_checksum_matches("a\nb\n", 4, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prisma_files__orders_names_as_locale_compare),
        cmocka_unit_test(test_prisma_files__orders_other_scripts_too),
        cmocka_unit_test(test_prisma_files__lists_real_folders_only),
        cmocka_unit_test(test_prisma_files__judges_the_lock_file_as_prisma),
        cmocka_unit_test(test_prisma_files__checksums_the_decoded_text),
        cmocka_unit_test(test_prisma_files__compares_checksums_with_line_ends_exchanged),
        cmocka_unit_test(test_prisma_files__knows_checksums_of_the_early_engine),
    };

    return cmocka_run_group_tests_name("migrations/prisma_files", tests, NULL, NULL);
}
