/*
 * The SQL of a migration: cut into statements, parsed, and looked at by the lint, once alone and once behind itself; and what is refused
 * because it never ends must be an error for PostgreSQL's scanner too.
 */
#include <jansson.h>
#include <pg_query.h>

#include "fuzz.h"
#include "migrations/lint.h"
#include "migrations/unterminated.h"
#include "pg/statements.h"

/* The database that the lint's own tests describe. */
static json_t *facts(void)
{
    static json_t *loaded;

    if (loaded == NULL)
        loaded = json_load_file(HF_SOURCE_DIR "/tests/unit/migrations/lint/facts.json", 0, NULL);
    MUST(loaded != NULL);
    return json_deep_copy(loaded);
}

/* In order, apart from each other, inside of the text; each with a tree or with why there is none. */
static void check_statements(const char *sql, size_t len, const hf_statements *statements)
{
    size_t end = 0;
    int line = 1;

    for (size_t i = 0; i < statements->count; i++) {
        const hf_statement *item = &statements->items[i];

        MUST(item->at >= end && item->len > 0 && item->at + item->len <= len);
        for (; end < item->at; end++)
            line += sql[end] == '\n';
        MUST(item->line == line);
        for (; end < item->at + item->len; end++)
            line += sql[end] == '\n';
        MUST((item->tree == NULL) != (item->problem == NULL));
    }
}

static void check_comments(const char *sql, size_t len)
{
    size_t at = 0, end = 0;

    while ((at = hf_statements_comment(sql, at, &end)) != (size_t) -1) {
        MUST(end > at && end <= len);
        at = end;
    }
}

static void check_unterminated(const char *sql, size_t len)
{
    size_t at = 0;

    if (hf_unterminated(sql, &at) == NULL)
        return;
    MUST(at < len);
    PgQuerySplitResult split = pg_query_split_with_scanner(sql);
    MUST(split.error != NULL);
    pg_query_free_split_result(split);
}

static void check_found(const hf_lint_statements *found, const hf_statements *statements)
{
    MUST(found->count == statements->count);
    for (size_t i = 0; i < found->count; i++) {
        MUST(found->items[i].at == statements->items[i].at && found->items[i].kind != NULL);
        MUST(statements->items[i].tree != NULL || found->items[i].findings.count > 0);
        for (size_t k = 0; k < found->items[i].findings.count; k++)
            MUST(found->items[i].findings.items[k].rule != NULL &&
                 found->items[i].findings.items[k].about != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    HF_AUTO_STR sql = fuzz_text(data, len);
    HF_AUTO(hf_lint_freep) hf_lint *lint = hf_lint_new(facts());
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    hf_error error = {0};

    len = strlen(sql);
    MUST(hf_statements_read(sql, len, &statements, &error) == HF_OK);
    check_statements(sql, len, &statements);
    check_comments(sql, len);
    check_unterminated(sql, len);
    json_t *names[] = {json_array(), json_array(), json_array()};
    hf_lint_mentions(&statements, names[0], names[1], names[2]);
    for (size_t i = 0; i < 3; i++)
        json_decref(names[i]);
    for (int round = 0; round < 2; round++) {
        HF_AUTO(hf_lint_statements_done) hf_lint_statements found = {0};

        hf_lint_file(lint, sql, &statements, &found);
        check_found(&found, &statements);
    }
    return 0;
}
