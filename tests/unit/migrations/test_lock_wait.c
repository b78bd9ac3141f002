#include "unit.h"

#include "base/text.h"
#include "migrations/lock_wait.h"

static void test_lock_wait__knows_what_leaves_nothing_behind(void **state)
{
    (void) state;
    static const struct {
        const char *sql;
        bool one, concurrent;
    } cases[] = {
        {"ALTER TABLE a ADD b int;", true, false},
        {"ALTER TABLE a ADD b int; UPDATE a SET b = 1; ALTER TABLE a ALTER b SET NOT NULL", true, false},
        {"SET lock_timeout = '1s'; ALTER TABLE a ADD b int;", true, false},
        {"BEGIN; ALTER TABLE a ADD b int; COMMIT;", true, false},
        {"START TRANSACTION; SELECT 1; END", true, false},
        {"BEGIN; ALTER TABLE a ADD b int;", false, false},
        {"BEGIN; SELECT 1; COMMIT; SELECT 2; BEGIN; SELECT 3; COMMIT", false, false},
        {"BEGIN; SELECT 1; COMMIT AND CHAIN", false, false},
        {"SELECT 1; COMMIT; SELECT 2", false, false},
        {"SELECT 1; ROLLBACK; SELECT 2", false, false},
        {"CREATE INDEX CONCURRENTLY i ON a (b)", false, true},
        {"DROP INDEX CONCURRENTLY i", false, true},
        {"REINDEX INDEX CONCURRENTLY i", false, true},
        {"REINDEX (CONCURRENTLY) TABLE a", false, true},
        {"REINDEX TABLE a", false, false},
        {"ALTER TABLE a DETACH PARTITION p CONCURRENTLY", false, true},
        {"REFRESH MATERIALIZED VIEW CONCURRENTLY m", true, false},
        {"VACUUM a", false, false},
        {"CALL p()", false, false},
        {"DO $$ BEGIN COMMIT; END $$", false, false},
        {"DO $$ BEGIN NULL; END $$; ALTER TABLE a ADD b int", true, false},
        {"ALTER TABLE a ADD b int; GRANT NOTHING WE KNOW", false, false},
        {"", true, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        HF_AUTO(hf_statements_done) hf_statements statements = {0};
        hf_error error;

        assert_int_equal(hf_statements_read(cases[i].sql, strlen(cases[i].sql), &statements, &error), HF_OK);
        if (hf_script_is_one_transaction(&statements) != cases[i].one ||
            hf_script_is_concurrent(&statements) != cases[i].concurrent)
            fail_msg("%s", cases[i].sql);
    }
}

static void test_lock_wait__shows_the_tree(void **state)
{
    (void) state;
    json_t *tree =
        json_loads("[{\"depth\": 0, \"pid\": 1, \"user\": \"shop\", \"application\": \"holdfast: "
                   "migrations\", \"state\": \"active\", "
                   "\"age_ms\": 900, \"query\": \"ALTER TABLE a\", \"awaits\": \"AccessExclusiveLock on a\"},"
                   "{\"depth\": 1, \"pid\": 2, \"user\": \"shop\", \"application\": null, \"state\": "
                   "\"active\", \"age_ms\": 61000, "
                   "\"query\": \"LOCK a\", \"awaits\": \"ExclusiveLock on a\"},"
                   "{\"depth\": 2, \"pid\": 3, \"user\": \"ann\", \"application\": \"psql\", \"state\": "
                   "\"idle in transaction\", "
                   "\"age_ms\": 120000, \"query\": \"SELECT …\", \"awaits\": null},"
                   "{\"depth\": 1, \"pid\": 0}]",
                   0, NULL);
    HF_AUTO_STR shown = hf_migrations_blockers_shown(tree);
    hf_error error = {0};
    const hf_lock_watch watch = {.tree = tree};

    assert_string_equal(
        shown, "pid 1, shop, \"holdfast: migrations\", active for 900ms, awaits AccessExclusiveLock on a: "
               "ALTER TABLE a\n"
               "  blocked by pid 2, shop, \"\", active for 1m 01s, awaits ExclusiveLock on a: LOCK a\n"
               "    blocked by pid 3, ann, \"psql\", idle in transaction for 2m 00s: SELECT …\n"
               "  blocked by a prepared transaction (pg_prepared_xacts)");
    (void) hf_fail(&error, HF_E_MIGRATION, "x");
    hf_lock_watch_hint(&watch, &error);
    assert_non_null(strstr(error.hint, "in the way was pid 3, ann"));
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_wait__knows_what_leaves_nothing_behind),
        cmocka_unit_test(test_lock_wait__shows_the_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
