/*
 * Each rule has a file lint/<rule>.sql: what it must find ("-- bad"), and what it must leave alone ("-- good"); "-- next migration"
 * parts the migrations of one plan.  lint/facts.json describes the database.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/text.h"
#include "migrations/lint.h"

#define FOLDER HF_SOURCE_DIR "/tests/unit/migrations/lint/"
#define NEXT "-- next migration\n"

static json_t *facts(void)
{
    json_t *json = json_load_file(FOLDER "facts.json", 0, NULL);

    assert_non_null(json);
    return json;
}

static void look(hf_lint *lint, const char *sql, hf_lint_statements *ret_found)
{
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    hf_error error;

    assert_ok(hf_statements_read(sql, strlen(sql), &statements, &error));
    hf_lint_file(lint, sql, &statements, ret_found);
}

/* How often the rule was found and not allowed in the plan of these migrations; *ret_allowed: how often allowed. */
static size_t count(const char *sql, const char *rule, size_t *ret_allowed)
{
    HF_AUTO(hf_lint_freep) hf_lint *lint = hf_lint_new(facts());
    size_t found = 0;

    *ret_allowed = 0;
    for (const char *at = sql; at != NULL;) {
        const char *next = strstr(at, NEXT);
        HF_AUTO_STR one = next != NULL ? hf_strndup(at, (size_t) (next - at)) : hf_strdup(at);
        HF_AUTO(hf_lint_statements_done) hf_lint_statements statements = {0};

        look(lint, one, &statements);
        for (size_t i = 0; i < statements.count; i++)
            for (size_t k = 0; k < statements.items[i].findings.count; k++) {
                const hf_lint_finding *finding = &statements.items[i].findings.items[k];

                if (hf_streq(finding->rule->name, rule) && finding->allowed == NULL)
                    found++;
                else if (hf_streq(finding->rule->name, rule))
                    (*ret_allowed)++;
            }
        at = next != NULL ? next + strlen(NEXT) : NULL;
    }
    return found;
}

/* The same with a comment above each statement that allows the rule. */
static char *with_allowances(const char *sql, const char *rule)
{
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    size_t at = 0;
    hf_error error;

    assert_ok(hf_statements_read(sql, strlen(sql), &statements, &error));
    for (size_t i = 0; i < statements.count; i++) {
        hf_buf_append(&text, sql + at, statements.items[i].at - at);
        hf_buf_printf(&text, "\n-- holdfast:allow %s it is only a test\n", rule);
        at = statements.items[i].at;
    }
    hf_buf_puts(&text, sql + at);
    return hf_buf_take(&text);
}

static void check_bad(const char *sql, const char *rule)
{
    HF_AUTO_STR allowing = with_allowances(sql, rule);
    size_t allowed, found = count(sql, rule, &allowed);

    if (found == 0 || allowed != 0)
        fail_msg("%s finds nothing in: %s", rule, sql);
    if (hf_streq(rule, "bad-allow"))
        return;
    if (count(allowing, rule, &allowed) != 0 || allowed != found)
        fail_msg("%s is not allowed by: %s", rule, allowing);
}

static void check_good(const char *sql, const char *rule)
{
    size_t allowed;

    if (count(sql, rule, &allowed) != 0)
        fail_msg("%s finds something in: %s", rule, sql);
}

static void check_file(const char *rule)
{
    HF_AUTO_STR path = hf_format(FOLDER "%s.sql", rule);
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    size_t bad = 0, good = 0;
    hf_error error;

    assert_ok(hf_file_read(path, &text, &error));
    for (const char *at = hf_buf_text(&text); *at != '\0';) {
        bool is_bad = hf_starts_with(at, "-- bad\n");
        assert_true(is_bad || hf_starts_with(at, "-- good\n"));
        const char *from = strchr(at, '\n') + 1, *next_bad = strstr(from, "-- bad\n"),
                   *next_good = strstr(from, "-- good\n");
        const char *end = next_bad != NULL ? next_bad : next_good != NULL ? next_good : from + strlen(from);
        HF_AUTO_STR sql = hf_strndup(from, (size_t) (end - from));

        if (is_bad)
            check_bad(sql, rule);
        else
            check_good(sql, rule);
        bad += is_bad;
        good += !is_bad;
        at = end;
    }
    assert_true(bad > 0);
    assert_true(good > 0);
}

static void test_lint__every_rule_finds_and_leaves_alone(void **state)
{
    (void) state;
    for (size_t i = 0; i < HF_RULES; i++)
        check_file(hf_rules[i].name);
}

static void test_lint__tells_locks_and_sizes(void **state)
{
    (void) state;
    HF_AUTO(hf_lint_freep) hf_lint *lint = hf_lint_new(facts());
    HF_AUTO(hf_lint_statements_done) hf_lint_statements found = {0};

    look(lint, "ALTER TABLE orders ALTER COLUMN n TYPE bigint;\nCREATE TABLE x (o int REFERENCES orders);",
         &found);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.items[0].kind, "ALTER TABLE");
    assert_int_equal(found.items[0].lock, HF_LOCK_ACCESS_EXCLUSIVE);
    assert_true(found.items[0].rewrites);
    assert_string_equal(found.items[0].relations.items[0].name, "public.orders");
    assert_int_equal(found.items[0].relations.items[0].rows, 1200000);
    assert_int_equal(found.items[1].line, 2);
    assert_int_equal(found.items[1].lock, HF_LOCK_SHARE_ROW_EXCLUSIVE);
    assert_int_equal(found.items[1].findings.count, 0);
}

static void test_lint__an_allowance_is_of_one_statement(void **state)
{
    (void) state;
    size_t allowed;
    const char *sql = "DROP TABLE orders; /* holdfast:allow drop-table it is a copy */\n"
                      "-- holdfast:allow drop-column of another statement\n"
                      "DROP TABLE customers;\n"
                      "SELECT '-- holdfast:allow drop-table x';\n"
                      "DROP TABLE log\n-- holdfast:allow drop-table inside\n;\nDROP TABLE v;";

    assert_int_equal(count(sql, "drop-table", &allowed), 2);
    assert_int_equal(allowed, 2);
}

/* Bytes changed, cut off, doubled; HOLDFAST_FUZZ_ROUNDS asks for more. */
static void test_lint__survives_broken_sql(void **state)
{
    (void) state;
    const char *rounds = getenv("HOLDFAST_FUZZ_ROUNDS");
    uint32_t random = 4711;

    for (long round = 0, end = rounds != NULL ? strtol(rounds, NULL, 10) : 3; round < end; round++)
        for (size_t rule = 0; rule < HF_RULES; rule++) {
            HF_AUTO_STR path = hf_format(FOLDER "%s.sql", hf_rules[rule].name);
            HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
            HF_AUTO(hf_lint_freep) hf_lint *lint = hf_lint_new(facts());
            HF_AUTO(hf_lint_statements_done) hf_lint_statements found = {0};
            hf_error error;

            assert_ok(hf_file_read(path, &text, &error));
            for (int i = 0; i < 5; i++) {
                random = random * 1664525u + 1013904223u;
                text.data[(random >> 8) % text.len] = "'\"$;(-*/\\,x"[(random >> 4) % 11];
            }
            if (round % 2 == 1)
                text.data[(random >> 8) % text.len] = '\0';
            look(lint, hf_buf_text(&text), &found);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint__every_rule_finds_and_leaves_alone),
        cmocka_unit_test(test_lint__tells_locks_and_sizes),
        cmocka_unit_test(test_lint__an_allowance_is_of_one_statement),
        cmocka_unit_test(test_lint__survives_broken_sql),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
