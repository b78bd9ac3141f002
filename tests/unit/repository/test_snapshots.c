#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define OLD "20261120T020000Z-aaaa01"
#define NEW "20261121T020000Z-aaab02"
#define OLD_MS 1795140000000
#define NEW_MS 1795226400000

static void expect_load(fixture *f, const char *id, hf_status expected, const char *message)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    hf_status status = hf_repository_load(f->repository, TARGET, id, &manifest, &f->error);

    if (status != expected || (manifest != NULL) != (expected == HF_OK))
        fail_msg("\"%s\": %s: %s", id, hf_status_name(status), f->error.message);
    if (message == NULL)
        return;
    if (strstr(f->error.message, message) == NULL)
        fail_msg("\"%s\": %s", id, f->error.message);
    assert_non_null(strstr(f->error.message, id));
}

static void expect_find(fixture *f, const char *name, hf_status expected, const char *id)
{
    HF_AUTO_STR found = NULL;
    hf_status status = hf_repository_find(f->repository, TARGET, name, &found, &f->error);

    if (status != expected)
        fail_msg("\"%s\": %s: %s", name, hf_status_name(status), f->error.message);
    if (id != NULL)
        assert_string_equal(found, id);
    else
        assert_string_not_equal(f->error.hint, "");
}

static void test_seal__makes_a_snapshot_exist(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    seal_new(f, NEW, NEW_MS);
    expect_load(f, NEW, HF_OK, NULL);
    assert_int_equal(hf_repository_list(f->repository, TARGET, &list, &f->error), HF_OK);
    assert_int_equal(list.count, 1);

    const hf_snapshot_info *info = &list.items[0];

    assert_string_equal(info->id, NEW);
    assert_string_equal(info->target, TARGET);
    assert_string_equal(info->label, "before \"1.2\"");
    assert_string_equal(info->cycle, "20261121T073000Z-aaaaaa");
    assert_true(info->created_ms == NEW_MS);
    assert_int_equal(info->rows, 1700);
    assert_int_equal(info->tables, 3);
    assert_false(info->pinned);
    assert_null(info->broken);
}

static void test_seal__refuses_an_id_that_is_used(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, NEW, NEW_MS);

    seal_new(f, NEW, NEW_MS);
    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_E_EXISTS);
}

static void test_seal__refuses_a_manifest_it_could_not_load(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, NEW, NEW_MS);

    manifest->tables.items[0].total.rows++;
    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_E_CORRUPT);
    assert_non_null(strstr(f->error.message, "contradicts itself"));
    expect_load(f, NEW, HF_E_NOT_FOUND, "is no snapshot");
}

static void test_seal__refuses_names_that_are_no_names(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, NEW, NEW_MS);

    free(manifest->target);
    manifest->target = hf_strdup("../site");
    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_E_USAGE);
}

static void test_list__is_ordered_by_time_and_by_target(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list all = {0};
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list one = {0};
    HF_AUTO(hf_manifest_freep)
    hf_manifest *other = make_manifest(f, "20261120T120000Z-cccccc", OLD_MS + 1000);

    seal_new(f, NEW, NEW_MS);
    seal_new(f, OLD, OLD_MS);
    free(other->target);
    other->target = hf_strdup("site2");
    assert_int_equal(hf_repository_seal(f->repository, other, &f->error), HF_OK);
    write_key(f, "snapshots/site/README", "not a snapshot", 14);
    write_key(f, "snapshots/stray.json", "{}", 2);

    assert_int_equal(hf_repository_list(f->repository, NULL, &all, &f->error), HF_OK);
    assert_int_equal(all.count, 3);
    assert_string_equal(all.items[0].id, OLD);
    assert_string_equal(all.items[1].target, "site2");
    assert_string_equal(all.items[2].id, NEW);
    assert_int_equal(hf_repository_list(f->repository, TARGET, &one, &f->error), HF_OK);
    assert_int_equal(one.count, 2);
}

static void test_find__by_latest_id_and_beginning(void **state)
{
    fixture *f = *state;

    expect_find(f, "latest", HF_E_NOT_FOUND, NULL);
    seal_new(f, OLD, OLD_MS);
    seal_new(f, NEW, NEW_MS);
    expect_find(f, "latest", HF_OK, NEW);
    expect_find(f, OLD, HF_OK, OLD);
    expect_find(f, "20261120", HF_OK, OLD);
    expect_find(f, "202611", HF_E_USAGE, NULL);
    expect_find(f, "2027", HF_E_NOT_FOUND, NULL);
    expect_find(f, "", HF_E_USAGE, NULL);
    expect_find(f, "../x", HF_E_NOT_FOUND, NULL);

    /* An id that begins another one is that id. */
    seal_new(f, "20261120", OLD_MS - 1);
    expect_find(f, "20261120", HF_OK, "20261120");
}

static void seal_labelled(fixture *f, const char *id, int64_t created_ms, const char *label)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, id, created_ms);

    free(manifest->label);
    manifest->label = hf_strdup(label);
    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_OK);
}

static void test_find__by_label(void **state)
{
    fixture *f = *state;

    seal_labelled(f, OLD, OLD_MS, "before 1.2");
    seal_labelled(f, NEW, NEW_MS, "2026112");
    expect_find(f, "before 1.2", HF_OK, OLD);
    expect_find(f, "label:before 1.2", HF_OK, OLD);
    expect_find(f, "before", HF_E_NOT_FOUND, NULL);
    expect_find(f, "label:", HF_E_NOT_FOUND, NULL);
    expect_find(f, "label:" OLD, HF_E_NOT_FOUND, NULL);

    /* An id goes before a label. */
    expect_find(f, "20261120", HF_OK, OLD);
    expect_find(f, "2026112", HF_E_USAGE, NULL);
    expect_find(f, "label:2026112", HF_OK, NEW);

    /* A label that was used again. */
    seal_labelled(f, "20261122T000000Z-000000", NEW_MS + 1000, "before 1.2");
    expect_find(f, "before 1.2", HF_OK, "20261122T000000Z-000000");
}

static void expect_at(fixture *f, int64_t at_ms, const char *id, size_t passed_over)
{
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};

    assert_int_equal(hf_repository_find_at(f->repository, TARGET, at_ms, &choice, &f->error), HF_OK);
    assert_string_equal(choice.id, id);
    assert_int_equal(choice.passed_over.count, passed_over);
}

static void test_find__by_time(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_snapshot_choice_done) hf_snapshot_choice choice = {0};

    assert_int_equal(hf_repository_find_at(f->repository, TARGET, NEW_MS, &choice, &f->error),
                     HF_E_NOT_FOUND);
    seal_new(f, OLD, OLD_MS);
    seal_new(f, NEW, NEW_MS);
    expect_at(f, INT64_MAX, NEW, 0);
    expect_at(f, NEW_MS, NEW, 0);
    expect_at(f, NEW_MS - 1, OLD, 0);
    expect_at(f, OLD_MS, OLD, 0);
    assert_int_equal(hf_repository_find_at(f->repository, TARGET, OLD_MS - 1, &choice, &f->error),
                     HF_E_NOT_FOUND);
    assert_non_null(strstr(f->error.message, "the oldest is " OLD));

    cut_in_half(f, "snapshots/site/" NEW ".json");
    expect_at(f, INT64_MAX, OLD, 1);
    expect_at(f, OLD_MS, OLD, 0);
    assert_int_equal(hf_repository_choose(f->repository, TARGET, "latest", &choice, &f->error), HF_OK);
    assert_string_equal(choice.id, OLD);
    assert_int_equal(choice.passed_over.count, 1);
    assert_non_null(strstr(choice.passed_over.items[0], NEW));
}

static void test_load__knows_what_does_not_exist(void **state)
{
    fixture *f = *state;

    expect_load(f, NEW, HF_E_NOT_FOUND, "is no snapshot of target \"site\"");
    expect_load(f, "../" NEW, HF_E_USAGE, NULL);
}

static void test_load__every_flipped_bit_of_a_pointer_shows(void **state)
{
    fixture *f = *state;
    size_t len = 0;

    seal_new(f, NEW, NEW_MS);
    HF_AUTO_STR text = read_key(f, "snapshots/site/" NEW ".json", &len);

    for (size_t bit = 0; bit < len * 8; bit++) {
        HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
        HF_AUTO_STR damaged = hf_alloc(len + 1);

        memcpy(damaged, text, len);
        damaged[bit / 8] = (char) (damaged[bit / 8] ^ (1 << bit % 8));
        HF_AUTO_STR path = file_of(f, "snapshots/site/" NEW ".json");
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        assert_int_equal(fwrite(damaged, 1, len, file), len);
        assert_int_equal(fclose(file), 0);

        hf_status status = hf_repository_load(f->repository, TARGET, NEW, &manifest, &f->error);

        /* The last byte is a line feed, which some other white space may stand for. */
        if (status != HF_E_CORRUPT && status != HF_E_FORMAT && bit / 8 != len - 1)
            fail_msg("bit %zu: %s", bit, hf_status_name(status));
    }
}

typedef enum { FLIP, CUT, EMPTY, REMOVE } breaking;

static const struct {
    const char *what;
    bool in_manifest; /* else in the pointer */
    breaking how;
    const char *message;
} breakings[] = {
    {"pointer flipped", false, FLIP, "pointer"},
    {"pointer cut", false, CUT, "the pointer is not JSON"},
    {"pointer empty", false, EMPTY, "the pointer is not JSON"},
    {"manifest flipped", true, FLIP, "its manifest cannot be read"},
    {"manifest cut", true, CUT, "its manifest cannot be read"},
    {"manifest empty", true, EMPTY, "its manifest cannot be read"},
    {"manifest missing", true, REMOVE, "is missing"},
};

static void break_key(fixture *f, const char *key, breaking how)
{
    HF_AUTO_STR path = file_of(f, key);

    switch (how) {
    case FLIP:
        flip_bit(f, key, 40, 0);
        break;
    case CUT:
        cut_in_half(f, key);
        break;
    case EMPTY:
        write_key(f, key, "", 0);
        break;
    case REMOVE:
        assert_int_equal(unlink(path), 0);
        break;
    }
}

static void test_load__a_broken_snapshot_leaves_the_other_usable(void **state)
{
    fixture *f = *state;

    seal_new(f, OLD, OLD_MS);

    for (size_t i = 0; i < sizeof(breakings) / sizeof(*breakings); i++) {
        HF_AUTO_STR pointer_key = hf_strdup("snapshots/site/" NEW ".json");
        HF_AUTO_STR pointer_path = file_of(f, pointer_key);
        HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

        (void) unlink(pointer_path);
        seal_new(f, NEW, NEW_MS);
        HF_AUTO_STR object = manifest_key(f, NEW);

        break_key(f, breakings[i].in_manifest ? object : pointer_key, breakings[i].how);
        expect_load(f, NEW, HF_E_CORRUPT, breakings[i].message);
        assert_non_null(strstr(f->error.hint, "other snapshots are unaffected"));

        expect_load(f, OLD, HF_OK, NULL);
        expect_find(f, "latest", HF_OK, OLD);
        expect_find(f, NEW, HF_OK, NEW);

        assert_int_equal(hf_repository_list(f->repository, TARGET, &list, &f->error), HF_OK);
        assert_int_equal(list.count, 2);
        assert_string_equal(list.items[0].id, OLD);
        assert_null(list.items[0].broken);
        assert_string_equal(list.items[1].id, NEW);
        assert_true(list.items[1].broken != NULL || (breakings[i].in_manifest && breakings[i].how == FLIP));
    }
}

static void test_find__latest_of_only_broken_ones_is_that_damage(void **state)
{
    fixture *f = *state;

    seal_new(f, NEW, NEW_MS);
    cut_in_half(f, "snapshots/site/" NEW ".json");
    expect_find(f, "latest", HF_E_CORRUPT, NULL);
    assert_non_null(strstr(f->error.message, NEW));
}

static void test_load__a_pointer_of_another_snapshot_is_refused(void **state)
{
    fixture *f = *state;
    size_t len = 0;

    seal_new(f, NEW, NEW_MS);
    HF_AUTO_STR text = read_key(f, "snapshots/site/" NEW ".json", &len);

    write_key(f, "snapshots/site/" OLD ".json", text, len);
    expect_load(f, OLD, HF_E_CORRUPT, "is not that of its file");
}

static void test_load__a_newer_format_is_told_apart(void **state)
{
    fixture *f = *state;

    seal_new(f, NEW, NEW_MS);
    replace_text(f, "snapshots/site/" NEW ".json", "\"format\":1", "\"format\":2");
    expect_load(f, NEW, HF_E_FORMAT, "newer holdfast");
}

/* Kill sealing at each of its points: before the pointer there is no snapshot, after it there is a whole one. */
static void test_seal__a_kill_leaves_all_or_nothing(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *fault;
        bool exists;
    } kills[] = {
        {"repository.before_manifest:kill", false},    {"repository.before_object:kill", false},
        {"storage.local.before_rename:kill:1", false}, {"repository.before_inventory:kill", false},
        {"storage.local.before_rename:kill:2", false}, {"storage.local.before_rename:kill:3", false},
        {"repository.before_pointer:kill", false},     {"storage.local.after_rename:kill:3", true},
        {"repository.after_pointer:kill", true},
    };

#ifndef HF_FAULT_POINTS
    skip();
#endif
    for (size_t i = 0; i < sizeof(kills) / sizeof(*kills); i++) {
        HF_AUTO_STR id = hf_format("20261121T02000%zuZ-kill", i);
        HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, id, NEW_MS);
        pid_t child = fork();
        int status = 0;

        assert_true(child >= 0);
        if (child == 0) {
            (void) setenv("HOLDFAST_FAULT", kills[i].fault, 1);
            _exit(hf_repository_seal(f->repository, manifest, NULL) == HF_OK ? 1 : 2);
        }

        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            fail_msg("%s: exit %d", kills[i].fault, WEXITSTATUS(status));
        expect_load(f, id, kills[i].exists ? HF_OK : HF_E_NOT_FOUND, NULL);
        if (!kills[i].exists)
            assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_OK);
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define BOTH(test) CASE(test), cmocka_unit_test_setup_teardown(test, setup_encrypted, teardown)
    const struct CMUnitTest tests[] = {
        BOTH(test_seal__makes_a_snapshot_exist),
        CASE(test_seal__refuses_an_id_that_is_used),
        CASE(test_seal__refuses_a_manifest_it_could_not_load),
        CASE(test_seal__refuses_names_that_are_no_names),
        CASE(test_list__is_ordered_by_time_and_by_target),
        CASE(test_find__by_latest_id_and_beginning),
        BOTH(test_find__by_label),
        BOTH(test_find__by_time),
        CASE(test_load__knows_what_does_not_exist),
        BOTH(test_load__every_flipped_bit_of_a_pointer_shows),
        CASE(test_load__a_broken_snapshot_leaves_the_other_usable),
        BOTH(test_find__latest_of_only_broken_ones_is_that_damage),
        CASE(test_load__a_pointer_of_another_snapshot_is_refused),
        CASE(test_load__a_newer_format_is_told_apart),
        BOTH(test_seal__a_kill_leaves_all_or_nothing),
    };

    return cmocka_run_group_tests_name("repository/snapshots", tests, NULL, NULL);
}
