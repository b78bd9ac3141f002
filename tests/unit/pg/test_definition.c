#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/archive.h"
#include "pg/definition.h"

static char *canonical(const char *text)
{
    hf_buf out = HF_BUF_MAX(64u << 10);
    hf_definition_canonical(&out, text);
    return hf_buf_take(&out);
}

static void test_definition__the_servers_two_spellings_become_one(void **state)
{
    (void) state;
    static const struct {
        const char *first, *second;
    } cases[] = {
        {"CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
         "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))"},
        {"(x <@ (ARRAY['a'::text])::character varying[])", "(x <@ ARRAY[('a'::text)::character varying])"},
        {"(ARRAY['a, ]'::text, lower('(''b'), f(a, b)])::character varying(3)[]",
         "ARRAY[('a, ]'::text)::character varying(3), (lower('(''b'))::character varying(3), (f(a, "
         "b))::character varying(3)]"},
        {"(ARRAY[E'\\'', \"a,]\"])::\"S\".\"T x\"[]",
         "ARRAY[(E'\\'')::\"S\".\"T x\", (\"a,]\")::\"S\".\"T x\"]"},
        {"(ARRAY[(1 = ANY ((ARRAY[2])::bigint[]))])::bool[]",
         "ARRAY[((1 = ANY (ARRAY[(2)::bigint])))::bool]"},
        {"FROM (VALUES (1), (2)) \"*VALUES*\"", "FROM (VALUES (1), (2)) \"*VALUES*\""},
        {"FROM ( VALUES (1), (2)) \"*VALUES*\"", "FROM (VALUES (1), (2)) \"*VALUES*\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        HF_AUTO_STR first = canonical(cases[i].first);
        HF_AUTO_STR second = canonical(cases[i].second);

        assert_string_equal(first, cases[i].second);
        assert_string_equal(second, cases[i].second);
    }
}

static void test_definition__other_text_stays(void **state)
{
    (void) state;
    static const char *const texts[] = {
        "",
        "'(ARRAY[1])::text[]'",
        "$$ (ARRAY[1])::text[] $$",
        "$f$ $$ (ARRAY[1])::text[] $f$",
        "$1 + $2",
        "\"(ARRAY[1])::text[]\"",
        "(ARRAY[1])",
        "(ARRAY[1])::",
        "(ARRAY[1])::t",
        "(ARRAY[1])::t) AND a[]",
        "(ARRAY[1",
        "(ARRAY[1]",
        "(ARRAY['1])::text[]",
        "(ARRAY[[1])::text[]",
        "E'",
        "E'\\",
        "$",
        "$a",
        "$a$",
        "\"",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        HF_AUTO_STR copy = canonical(texts[i]);
        assert_string_equal(copy == NULL ? "" : copy, texts[i]);
    }
}

static void test_definition__deep_nesting_ends(void **state)
{
    (void) state;
    HF_AUTO_BUF text = HF_BUF_MAX(64u << 10);

    for (int i = 0; i < 1000; i++)
        hf_buf_puts(&text, "(ARRAY[");
    hf_buf_puts(&text, "1");
    for (int i = 0; i < 1000; i++)
        hf_buf_puts(&text, "])::int[]");
    HF_AUTO_STR out = canonical(hf_buf_text(&text));
    assert_non_null(out);
}

static void test_definition__an_entrys_digest_knows_no_spelling(void **state)
{
    (void) state;
    char first[65], second[65], other[65];
    hf_entry entry = {
        .kind = (char *) "INDEX", .schema = (char *) "s", .tag = (char *) "i", .owner = (char *) "o"};

    entry.definition = (char *) "x = ANY ((ARRAY['a'::character varying])::text[])";
    hf_entry_digest(&entry, first);
    entry.definition = (char *) "x = ANY (ARRAY[('a'::character varying)::text])";
    hf_entry_digest(&entry, second);
    entry.definition = (char *) "x = ANY (ARRAY[('b'::character varying)::text])";
    hf_entry_digest(&entry, other);
    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
}

static void test_definition__an_entrys_digest_knows_no_order_of_equals(void **state)
{
    (void) state;
    static const struct {
        const char *kind, *first, *second;
        bool same;
    } cases[] = {
        {"POLICY", "CREATE POLICY p ON s.t TO b, \"a, TO c\" USING ((x = 1));\n",
         "CREATE POLICY p ON s.t TO \"a, TO c\", b USING ((x = 1));\n", true},
        {"POLICY", "CREATE POLICY p ON s.t FOR SELECT TO b, a;\n",
         "CREATE POLICY p ON s.t FOR SELECT TO a, b;\n", true},
        {"POLICY", "CREATE POLICY p ON s.t TO a, b;\n", "CREATE POLICY p ON s.t TO a, c;\n", false},
        {"POLICY", "CREATE POLICY p ON s.t TO a USING (f(1, 2));\n",
         "CREATE POLICY p ON s.t TO a USING (f(2, 1));\n", false},
        {"POLICY", "CREATE POLICY p ON s.t USING (f(1, 2));\n", "CREATE POLICY p ON s.t USING (f(2, 1));\n",
         false},
        {"TABLE", "CREATE TABLE t (\n    a integer,\n    b text\n)\nINHERITS (u);\n",
         "CREATE TABLE t (\n    b text,\n    a integer\n)\nINHERITS (u);\n", true},
        {"TABLE", "CREATE TABLE t (\n    a integer,\n    b text\n)\nINHERITS (u);\n",
         "CREATE TABLE t (\n    a integer,\n    b integer\n)\nINHERITS (u);\n", false},
        {"TABLE", "CREATE TABLE t (\n    a integer,\n    b text\n);\n",
         "CREATE TABLE t (\n    b text,\n    a integer\n);\n", false},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        hf_entry entry = {.kind = (char *) cases[i].kind, .tag = (char *) "t", .owner = (char *) "o"};
        char first[65], second[65];

        entry.definition = (char *) cases[i].first;
        hf_entry_digest(&entry, first);
        entry.definition = (char *) cases[i].second;
        hf_entry_digest(&entry, second);
        assert_int_equal(strcmp(first, second) == 0, cases[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition__the_servers_two_spellings_become_one),
        cmocka_unit_test(test_definition__other_text_stays),
        cmocka_unit_test(test_definition__deep_nesting_ends),
        cmocka_unit_test(test_definition__an_entrys_digest_knows_no_spelling),
        cmocka_unit_test(test_definition__an_entrys_digest_knows_no_order_of_equals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
