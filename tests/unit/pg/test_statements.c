#include "unit.h"

#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "pg/statements.h"

static void read_text(const char *sql, hf_statements *ret_statements)
{
    hf_error error;

    assert_ok(hf_statements_read(sql, strlen(sql), ret_statements, &error));
}

static void test_statements__are_cut_as_postgresql_does(void **state)
{
    (void) state;
    static const struct {
        const char *sql;
        const char *parts; /* "line:text|"; with "?" before the text of one that has no tree */
    } cases[] = {
        {"", ""},
        {" \n -- only\n /* comments /* nested */ ; */ ;;\n", ""},
        {"SELECT 1", "1:SELECT 1|"},
        {"-- a\nSELECT 1;\n\n/* b */ SELECT 2 ;", "2:SELECT 1|4:SELECT 2|"},
        {"SELECT ';', \";\", $$;$$, $x$;$$;$x$, E'\\';'; SELECT 2",
         "1:SELECT ';', \";\", $$;$$, $x$;$$;$x$, E'\\';'|1:SELECT 2|"},
        {"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
         "1:CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)|1:SELECT 3|"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
         "1:CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END|1:SELECT 3|"},
        {"SELECT 1; FROB x; SELECT 2", "1:SELECT 1|1:?FROB x|1:SELECT 2|"},
        {"\\i x.sql\nSELECT 1;", "1:?\\i x.sql\nSELECT 1|"},
        {"SELECT 1; foo bar; baz", "1:SELECT 1|1:?foo bar; baz|"},
        {"SELECT 'never", "1:?SELECT 'never|"},
        {"SELECT 1;\nSELECT $x$ never", "1:?SELECT 1;\nSELECT $x$ never|"},
        {"SELECT '\xC3\xA9';\nSELECT '\xC3\xA9'", "1:SELECT '\xC3\xA9'|2:SELECT '\xC3\xA9'|"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO(hf_statements_done) hf_statements statements = {0};
        HF_AUTO_BUF parts = HF_BUF_MAX(1 << 16);

        read_text(cases[i].sql, &statements);
        for (size_t k = 0; k < statements.count; k++) {
            const hf_statement *statement = &statements.items[k];

            assert_true((statement->tree == NULL) == (statement->problem != NULL));
            hf_buf_printf(&parts, "%d:%s%.*s|", statement->line, statement->tree == NULL ? "?" : "",
                          (int) statement->len, cases[i].sql + statement->at);
        }
        assert_string_equal(hf_buf_text(&parts), cases[i].parts);
    }
}

/* Where the parser dies, the rest of the text is still read. */
static void test_statements__outlive_the_parser(void **state)
{
    (void) state;
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    HF_AUTO_BUF sql = HF_BUF_MAX(1 << 21);

    hf_buf_puts(&sql, "SELECT 1; SELECT 1");
    for (int i = 0; i < 300000; i++)
        hf_buf_puts(&sql, "+1");
    hf_buf_puts(&sql, "; DROP TABLE t; SELECT ");
    for (int i = 0; i < 100000; i++)
        hf_buf_putc(&sql, '(');
    hf_buf_puts(&sql, "; SELECT 4");
    read_text(hf_buf_text(&sql), &statements);
    assert_true(statements.count >= 4);
    assert_non_null(json_object_get(statements.items[0].tree, "SelectStmt"));
    assert_null(statements.items[1].tree);
    assert_non_null(json_object_get(statements.items[2].tree, "DropStmt"));
    assert_null(statements.items[3].tree);
}

static void test_statements__leave_the_rows_of_an_insert_out(void **state)
{
    (void) state;
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    HF_AUTO_BUF sql = HF_BUF_MAX(1 << 21);

    hf_buf_puts(&sql, "INSERT INTO t VALUES ('\"valuesLists\":[')");
    for (int i = 0; i < 20000; i++)
        hf_buf_printf(&sql, ", (%d)", i);
    read_text(hf_buf_text(&sql), &statements);
    assert_int_equal(statements.count, 1);
    const json_t *insert = json_object_get(statements.items[0].tree, "InsertStmt");
    assert_string_equal(json_string_value(json_object_get(json_object_get(insert, "relation"), "relname")),
                        "t");
    HF_AUTO_STR text = json_dumps(insert, JSON_COMPACT);
    assert_true(strlen(text) < 1000);

    HF_AUTO(hf_statements_done) hf_statements calling = {0};
    read_text("INSERT INTO t VALUES ('[\"\\'), (f())", &calling);
    HF_AUTO_STR with_call = json_dumps(calling.items[0].tree, JSON_COMPACT);
    assert_non_null(strstr(with_call, "FuncCall"));
}

/* One that is too long to be parsed is a statement without a tree, and the next one is read. */
static void test_statements__pass_over_what_is_too_long(void **state)
{
    (void) state;
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    HF_AUTO_BUF sql = HF_BUF_MAX(1 << 22);

    hf_buf_puts(&sql, "SELECT '");
    for (int i = 0; i < (1 << 20); i++)
        hf_buf_putc(&sql, 'x');
    hf_buf_puts(&sql, "';\nDROP TABLE t;");
    read_text(hf_buf_text(&sql), &statements);
    assert_int_equal(statements.count, 2);
    assert_non_null(strstr(statements.items[0].problem, "too long"));
    assert_non_null(statements.items[1].tree);
    assert_int_equal(statements.items[1].line, 2);
}

static void test_statements__find_comments_outside_quotes(void **state)
{
    (void) state;
    const char *sql = "SELECT '--', \"/*\", $$--$$, E'\\'--' -- one\n/* two /* in */ */ 'x' - - 1";
    size_t end, at = hf_statements_comment(sql, 0, &end);

    assert_true(hf_starts_with(sql + at, "-- one"));
    at = hf_statements_comment(sql, end, &end);
    assert_true(hf_starts_with(sql + at, "/* two"));
    assert_true(hf_starts_with(sql + end, " 'x'"));
    assert_true(hf_statements_comment(sql, end, &end) == (size_t) -1);
}

/* So that a file of millions of statements costs no more than a large one; what is not looked into has no tree. */
static void test_statements__are_only_so_many(void **state)
{
    (void) state;
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    HF_AUTO_BUF sql = HF_BUF_MAX(1 << 22);

    for (int i = 0; i < 100010; i++)
        hf_buf_puts(&sql, "SELECT 1;\n");
    hf_buf_puts(&sql, "DROP TABLE t");
    read_text(hf_buf_text(&sql), &statements);
    assert_int_equal(statements.count, 100001);
    assert_non_null(statements.items[99999].tree);
    const hf_statement *rest = &statements.items[100000];
    assert_null(rest->tree);
    assert_int_equal(rest->at + rest->len, sql.len);
    assert_int_equal(rest->line, 100001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements__are_cut_as_postgresql_does),
        cmocka_unit_test(test_statements__outlive_the_parser),
        cmocka_unit_test(test_statements__leave_the_rows_of_an_insert_out),
        cmocka_unit_test(test_statements__pass_over_what_is_too_long),
        cmocka_unit_test(test_statements__are_only_so_many),
        cmocka_unit_test(test_statements__find_comments_outside_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
