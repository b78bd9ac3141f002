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
#include "migrations/folder.h"
#include "migrations/prisma_files.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Stand for the checksum of the script, and for another one. */
#define SAME "same"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"

static const char script[] = "SELECT 1;\n";

typedef struct migrations_folder {
    char path[32];
    hf_strings names;
} migrations_folder;

static void make_folder(migrations_folder *folder)
{
    (void) memcpy(folder->path, "/tmp/hf-unit-XXXXXX", 20);
    folder->names = (hf_strings){0};
    assert_non_null(mkdtemp(folder->path));
}

static char *script_path(const migrations_folder *folder, const char *name)
{
    return hf_format("%s/%s/migration.sql", folder->path, name);
}

static void add_migration(migrations_folder *folder, const char *name, const char *sql)
{
    HF_AUTO_STR sub = hf_path_join(folder->path, name);
    HF_AUTO_STR path = script_path(folder, name);

    assert_int_equal(hf_make_folders(sub, NULL), HF_OK);
    if (sql != NULL)
        assert_int_equal(hf_file_write_atomic(path, sql, strlen(sql), NULL), HF_OK);
    hf_strings_add(&folder->names, name);
}

static void remove_folder(migrations_folder *folder)
{
    for (size_t i = 0; i < folder->names.count; i++) {
        HF_AUTO_STR sub = hf_path_join(folder->path, folder->names.items[i]);
        HF_AUTO_STR path = script_path(folder, folder->names.items[i]);

        (void) unlink(path);
        (void) rmdir(sub);
    }
    (void) rmdir(folder->path);
    hf_strings_done(&folder->names);
}

static void add_row(hf_ledger *ledger, const char *name, const char *checksum, bool finished,
                    bool rolled_back)
{
    char same[HF_SHA256_HEX];
    hf_ledger_row *row = HF_APPEND_NEW(&ledger->rows);

    hf_prisma_checksum(script, strlen(script), same);
    ledger->exists = true;
    row->name = hf_strdup(name);
    row->checksum = hf_strdup(hf_streq(checksum, SAME) ? same : checksum);
    row->logs = finished ? NULL : hf_strdup("why");
    row->finished = finished;
    row->rolled_back = rolled_back;
}

/* Up to two ledger rows, a file or none, and the state that follows. */
static void test_folder__tells_the_state_from_rows_and_files(void **state)
{
    (void) state;
    static const struct {
        int rows;
        struct {
            const char *checksum;
            bool finished, rolled_back;
        } row[2];
        bool file;
        hf_migration_state state;
        bool pending;
    } cases[] = {
        {0, {{0}}, true, HF_MIGRATION_PENDING, true},
        {1, {{SAME, true, false}}, true, HF_MIGRATION_APPLIED, false},
        {1, {{OTHER, true, false}}, true, HF_MIGRATION_EDITED, false},
        {1, {{SAME, true, false}}, false, HF_MIGRATION_MISSING, false},
        {1, {{SAME, false, false}}, true, HF_MIGRATION_FAILED, false},
        {1, {{SAME, false, false}}, false, HF_MIGRATION_FAILED, false},
        {1, {{SAME, false, true}}, true, HF_MIGRATION_ROLLED_BACK, true},
        {1, {{SAME, true, true}}, true, HF_MIGRATION_ROLLED_BACK, true},
        {1, {{SAME, false, true}}, false, HF_MIGRATION_ROLLED_BACK, false},
        {2, {{SAME, false, true}, {SAME, true, false}}, true, HF_MIGRATION_APPLIED, false},
        {2, {{SAME, true, false}, {SAME, false, true}}, true, HF_MIGRATION_APPLIED, false},
        {2, {{SAME, true, false}, {SAME, false, false}}, true, HF_MIGRATION_FAILED, false},
        {2, {{OTHER, true, false}, {SAME, true, false}}, true, HF_MIGRATION_APPLIED, false},
        {2, {{SAME, true, true}, {OTHER, true, false}}, true, HF_MIGRATION_EDITED, false},
        {2, {{SAME, false, true}, {SAME, false, true}}, true, HF_MIGRATION_ROLLED_BACK, true},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
        HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
        migrations_folder folder;

        make_folder(&folder);
        if (cases[i].file)
            add_migration(&folder, "20240101_x", script);
        for (int r = 0; r < cases[i].rows; r++)
            add_row(&ledger, "20240101_x", cases[i].row[r].checksum, cases[i].row[r].finished,
                    cases[i].row[r].rolled_back);

        assert_int_equal(
            hf_folder_classify(&hf_folder_prisma, folder.path, &folder.names, &ledger, &list, NULL), HF_OK);
        assert_int_equal(list.migrations.count, 1);
        if (list.migrations.items[0].state != cases[i].state)
            fail_msg("case %zu: %s", i, hf_migration_state_name(list.migrations.items[0].state));
        assert_int_equal(hf_migration_list_pending(&list), cases[i].pending);
        assert_int_equal(list.migrations.items[0].path != NULL, cases[i].file);
        assert_int_equal(list.migrations.items[0].checksum[0] != '\0', cases[i].file);
        assert_int_equal(list.migrations.items[0].logs != NULL, cases[i].state == HF_MIGRATION_FAILED);
        remove_folder(&folder);
    }
}

static void test_folder__puts_missing_migrations_in_their_place(void **state)
{
    (void) state;
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    migrations_folder folder;

    make_folder(&folder);
    add_migration(&folder, "1_a", script);
    add_migration(&folder, "3_c", script);
    add_row(&ledger, "2_b", SAME, true, false);
    add_row(&ledger, "2_b", SAME, true, false);
    add_row(&ledger, "1_a", SAME, true, false);

    assert_int_equal(hf_folder_classify(&hf_folder_prisma, folder.path, &folder.names, &ledger, &list, NULL),
                     HF_OK);
    assert_int_equal(list.migrations.count, 3);
    assert_string_equal(list.migrations.items[1].name, "2_b");
    assert_int_equal(list.migrations.items[1].state, HF_MIGRATION_MISSING);
    assert_int_equal(list.migrations.items[2].state, HF_MIGRATION_PENDING);
    remove_folder(&folder);
}

static void test_folder__refuses_a_pending_folder_without_script(void **state)
{
    (void) state;
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list applied = {0};
    migrations_folder folder;
    hf_error error;

    make_folder(&folder);
    add_migration(&folder, "20240101_x", NULL);
    assert_int_equal(
        hf_folder_classify(&hf_folder_prisma, folder.path, &folder.names, &ledger, &list, &error),
        HF_E_MIGRATION);
    assert_non_null(strstr(error.message, "P3015"));

    add_row(&ledger, "20240101_x", SAME, true, false);
    assert_int_equal(
        hf_folder_classify(&hf_folder_prisma, folder.path, &folder.names, &ledger, &applied, &error), HF_OK);
    assert_int_equal(applied.migrations.items[0].state, HF_MIGRATION_MISSING);
    remove_folder(&folder);
}

static void test_folder__checks_only_files_that_will_run(void **state)
{
    (void) state;
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list pending = {0};
    migrations_folder folder;
    hf_error error;

    make_folder(&folder);
    add_migration(&folder, "20240101_x", "\xEF\xBB\xBFSELECT 1;\n");
    assert_int_equal(
        hf_folder_classify(&hf_folder_prisma, folder.path, &folder.names, &ledger, &pending, &error),
        HF_E_MIGRATION);
    add_row(&ledger, "20240101_x", SAME, true, false);
    assert_int_equal(
        hf_folder_classify(&hf_folder_prisma, folder.path, &folder.names, &ledger, &list, &error), HF_OK);
    assert_int_equal(list.migrations.items[0].state, HF_MIGRATION_EDITED);
    remove_folder(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder__tells_the_state_from_rows_and_files),
        cmocka_unit_test(test_folder__puts_missing_migrations_in_their_place),
        cmocka_unit_test(test_folder__refuses_a_pending_folder_without_script),
        cmocka_unit_test(test_folder__checks_only_files_that_will_run),
    };

    return cmocka_run_group_tests_name("migrations/folder", tests, NULL, NULL);
}
