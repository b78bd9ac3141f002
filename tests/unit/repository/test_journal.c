#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "repository/document.h"
#include "repository/journal.h"

#define CYCLE "20261121T073000Z-aaaaaa"
#define KEY "cycles/site/" CYCLE ".json"

static void append(fixture *f, hf_journal *journal, const char *state, json_t *facts)
{
    assert_int_equal(hf_journal_append(journal, state, "because", facts, &f->error), HF_OK);
}

/* opened -> snapshot -> migrating */
static void write_three(fixture *f)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, CYCLE);

    append(f, journal, "opened", json_pack("{s:s}", "host", "here"));
    append(f, journal, "snapshot", json_pack("{s:s, s:i}", "snapshot", "id-1", "tries", 1));
    append(f, journal, "migrating", json_pack("{s:i}", "tries", 2));
}

static void expect_load(fixture *f, hf_status expected, const char *message)
{
    hf_journal *journal = NULL;
    hf_status status = hf_journal_load(f->repository, TARGET, CYCLE, &journal, &f->error);

    if (status != expected || (status != HF_OK && strstr(f->error.message, message) == NULL))
        fail_msg("%s: \"%s\", expected \"%s\"", hf_status_name(status), f->error.message, message);
    if (status != HF_OK)
        assert_non_null(strstr(f->error.message, CYCLE));
    hf_journal_free(journal);
}

static void test_journal__comes_back(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

    write_three(f);
    assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &journal, &f->error), HF_OK);
    assert_string_equal(hf_journal_cycle(journal), CYCLE);
    assert_string_equal(hf_journal_state(journal), "migrating");
    assert_string_equal(hf_journal_text(journal, "host"), "here");
    assert_int_equal(json_integer_value(hf_journal_fact(journal, "tries")), 2);
    assert_null(hf_journal_text(journal, "tries"));
    assert_null(hf_journal_fact(journal, "absent"));
    assert_int_equal(json_array_size(hf_journal_entries(journal)), 3);

    /* And goes on. */
    append(f, journal, "deployed", NULL);
    expect_load(f, HF_OK, "");
}

static void test_journal__is_nothing_before_its_first_entry(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, CYCLE);

    assert_string_equal(hf_journal_state(journal), "");
    assert_null(hf_journal_fact(journal, "x"));
    expect_load(f, HF_E_NOT_FOUND, "is no cycle of target \"site\"");
}

static void test_journal__a_second_one_of_the_same_name_is_refused(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, CYCLE);

    write_three(f);
    assert_int_equal(hf_journal_append(journal, "opened", "again", NULL, &f->error), HF_E_EXISTS);
    assert_string_equal(hf_journal_state(journal), "");
    expect_load(f, HF_OK, "");
}

static void test_journal__facts_belong_to_the_journal(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, CYCLE);
    HF_AUTO_JSON list = json_pack("[s]", "a");

    append(f, journal, "opened", json_pack("{s:O}", "list", list));
    (void) json_array_append_new(list, json_string("b"));
    append(f, journal, "snapshot", NULL);
    expect_load(f, HF_OK, "");
    assert_int_equal(json_array_size(hf_journal_fact(journal, "list")), 1);
}

static void test_journal__an_event_that_is_not_utf8_is_refused(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, CYCLE);

    assert_int_equal(hf_journal_append(journal, "opened", "\xff", json_object(), &f->error),
                     HF_E_UNSUPPORTED);
}

static const struct {
    const char *from, *to;
    hf_status status;
    const char *message;
} corruptions[] = {
    {"\"here\"", "\"there\"", HF_E_CORRUPT, "\"entries[1].previous\" is not the digest"},
    {"\"tries\":2", "\"tries\":3", HF_E_CORRUPT, "\"head\" is not the digest"},
    {"\"state\":\"migrating\"", "\"state\":\"deployed\"", HF_E_CORRUPT, "\"head\" is not the digest"},
    {"\"seq\":2", "\"seq\":3", HF_E_CORRUPT, "\"entries[1].seq\" is not 2"},
    {"\"seq\":1", "\"seq\":\"1\"", HF_E_CORRUPT, "\"entries[0].seq\" is not an integer"},
    {"\"at\":\"2", "\"at\":\"x", HF_E_CORRUPT, "\"entries[0].at\" is not a time"},
    {"\"state\":\"opened\"", "\"state\":\"\"", HF_E_CORRUPT, "\"entries[0].state\" is empty"},
    {"\"event\":", "\"evenT\":", HF_E_CORRUPT, "\"entries[0].event\" is missing"},
    {"{\"host\":\"here\"}", "[]", HF_E_CORRUPT, "\"entries[0].facts\" is not an object"},
    {"\"target\":\"site\"", "\"target\":\"other\"", HF_E_CORRUPT, "\"target\" is not that of its folder"},
    {"\"cycle\":\"2026", "\"cycle\":\"2027", HF_E_CORRUPT, "\"cycle\" is not that of its file"},
    {"\"format\":1", "\"format\":2", HF_E_FORMAT, "newer holdfast"},
    {"\"entries\":[", "\"entries\":[{},", HF_E_CORRUPT, "\"entries[0].seq\" is missing"},
    {"}]", "},null]", HF_E_CORRUPT, "\"entries[3]\" is not an object"},
    {"}]", "}", HF_E_CORRUPT, "is not JSON"},
};

static void test_journal__each_corruption_is_named(void **state)
{
    fixture *f = *state;
    size_t len = 0;

    write_three(f);
    HF_AUTO_STR sound = read_key(f, KEY, &len);

    for (size_t i = 0; i < sizeof(corruptions) / sizeof(*corruptions); i++) {
        write_key(f, KEY, sound, len);
        replace_text(f, KEY, corruptions[i].from, corruptions[i].to);
        expect_load(f, corruptions[i].status, corruptions[i].message);
    }

    cut_in_half(f, KEY);
    expect_load(f, HF_E_CORRUPT, "is not JSON");
    write_key(f, KEY, "", 0);
    expect_load(f, HF_E_CORRUPT, "is not JSON");
}

/* Rebuild the document with one entry dropped or two exchanged; each entry by itself stays sound. */
static void test_journal__a_missing_or_moved_entry_breaks_the_chain(void **state)
{
    fixture *f = *state;
    size_t len = 0;

    write_three(f);
    HF_AUTO_STR sound = read_key(f, KEY, &len);

    for (size_t dropped = 0; dropped < 3; dropped++) {
        HF_AUTO_JSON json = json_loads(sound, 0, NULL);
        json_t *entries = json_object_get(json, "entries");

        assert_int_equal(json_array_remove(entries, dropped), 0);
        for (size_t i = 0; i < 2; i++) /* even with the numbers put right */
            json_object_set_new(json_array_get(entries, i), "seq", json_integer((json_int_t) i + 1));
        HF_AUTO_STR text = hf_canonical_json(json);

        write_key(f, KEY, text, strlen(text));
        expect_load(f, HF_E_CORRUPT, "the chain is broken");
    }
}

static void test_journal__lists_cycles_oldest_first(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    static const char *const ids[] = {"20261121T073000Z-bb", "20251121T073000Z-cc", "20261121T073000Z-aa"};

    for (size_t i = 0; i < 3; i++) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = hf_journal_new(f->repository, TARGET, ids[i]);

        append(f, journal, "opened", NULL);
    }

    assert_int_equal(hf_journal_list(f->repository, TARGET, &cycles, &f->error), HF_OK);
    assert_int_equal(cycles.count, 3);
    assert_string_equal(cycles.items[0], ids[1]);
    assert_string_equal(cycles.items[1], ids[2]);
    assert_string_equal(cycles.items[2], ids[0]);
}

static void test_journal__a_kill_leaves_the_entries_before_or_also_the_new_one(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *fault;
        const char *state;
    } kills[] = {
        {"journal.before_append:kill", "migrating"},
        {"storage.local.before_rename:kill", "migrating"},
        {"storage.local.after_rename:kill", "verifying"},
        {"journal.after_append:kill", "verifying"},
    };

#ifndef HF_FAULT_POINTS
    skip();
#endif
    write_three(f);
    for (size_t i = 0; i < sizeof(kills) / sizeof(*kills); i++) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;
        HF_AUTO(hf_journal_freep) hf_journal *after = NULL;

        assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &journal, &f->error), HF_OK);
        pid_t child = fork();
        int status = 0;

        assert_true(child >= 0);
        if (child == 0) {
            (void) setenv("HOLDFAST_FAULT", kills[i].fault, 1);
            _exit(hf_journal_append(journal, "verifying", "because", NULL, NULL) == HF_OK ? 1 : 2);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &after, &f->error), HF_OK);
        assert_string_equal(hf_journal_state(after), kills[i].state);
    }
}

static void test_journal__an_append_that_fails_is_not_remembered(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    write_three(f);
    assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &journal, &f->error), HF_OK);
    assert_int_equal(setenv("HOLDFAST_FAULT", "journal.before_append:fail", 1), 0);
    hf_status failed = hf_journal_append(journal, "verifying", "because", NULL, &f->error);

    assert_int_equal(unsetenv("HOLDFAST_FAULT"), 0);
    assert_int_not_equal(failed, HF_OK);
    assert_string_equal(hf_journal_state(journal), "migrating");
    append(f, journal, "restoring", NULL);
    expect_load(f, HF_OK, "");
}

/* The folder that stands for a machine's. */
static void be_on(const fixture *f, const char *machine)
{
    HF_AUTO_STR folder = hf_format("%s/state of %s", f->folder, machine);

    assert_int_equal(setenv("XDG_STATE_HOME", folder, 1), 0);
}

/* The journal of three entries, on this machine. */
static hf_journal *load_here(fixture *f)
{
    hf_journal *journal = NULL;

    be_on(f, "this");
    write_three(f);
    assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &journal, &f->error), HF_OK);
    return journal;
}

static hf_status append_with_fault(fixture *f, hf_journal *journal, const char *fault, const char *state)
{
    static int zeros;
    HF_AUTO_STR setting = hf_format("%s:fail:%0*d", fault, ++zeros, 1); /* another setting counts anew */

    assert_int_equal(setenv("HOLDFAST_FAULT", setting, 1), 0);
    hf_status status =
        hf_journal_append(journal, state, "because", json_pack("{s:i}", "tries", 3), &f->error);
    assert_int_equal(unsetenv("HOLDFAST_FAULT"), 0);
    return status;
}

static void expect_state(fixture *f, const char *state, bool is_ahead)
{
    HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

    assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &journal, &f->error), HF_OK);
    assert_string_equal(hf_journal_state(journal), state);
    assert_int_equal(hf_journal_is_ahead(journal), is_ahead);
}

static void test_journal__what_the_repository_does_not_take_is_kept_here(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *later = NULL;
    HF_AUTO_STR copy =
        hf_format("%s/state of this/holdfast/%s/" KEY, f->folder, hf_repository_id(f->repository));
    HF_AUTO_BUF text = HF_BUF_MAX(1u << 20);

#ifndef HF_FAULT_POINTS
    skip();
#endif
    HF_AUTO(hf_journal_freep) hf_journal *journal = load_here(f);
    assert_int_not_equal(append_with_fault(f, journal, "journal.before_append", "rolled_back"), HF_OK);
    assert_int_equal(hf_journal_keep(journal, &f->error), HF_OK);
    assert_string_equal(hf_journal_state(journal), "rolled_back");
    assert_int_equal(hf_file_read(copy, &text, &f->error), HF_OK);
    assert_true((memmem(text.data, text.len, "rolled_back", 11) == NULL) ==
                (hf_repository_key_id(f->repository) != NULL));

    be_on(f, "another");
    expect_state(f, "migrating", false);
    be_on(f, "this");
    expect_state(f, "rolled_back", true);
    assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &later, &f->error), HF_OK);
    assert_int_equal(json_integer_value(hf_journal_fact(later, "tries")), 3);
    assert_int_equal(hf_journal_settle(later, &f->error), HF_OK);
    assert_int_not_equal(access(copy, F_OK), 0);
    be_on(f, "another");
    expect_state(f, "rolled_back", false);
}

static void test_journal__what_is_kept_here_goes_with_the_next_entry(void **state)
{
    fixture *f = *state;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    HF_AUTO(hf_journal_freep) hf_journal *journal = load_here(f);
    /* it is there, but who wrote it was told otherwise */
    assert_int_not_equal(append_with_fault(f, journal, "journal.after_append", "restoring"), HF_OK);
    assert_int_equal(hf_journal_keep(journal, &f->error), HF_OK);
    be_on(f, "another");
    expect_state(f, "restoring", false);
    be_on(f, "this");
    append(f, journal, "rolled_back", NULL);
    assert_false(hf_journal_is_ahead(journal));
    be_on(f, "another");
    expect_state(f, "rolled_back", false);
    assert_int_not_equal(hf_journal_keep(journal, &f->error), HF_OK); /* there is nothing that failed */
}

static void test_journal__another_machine_that_went_on_is_right(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_journal_freep) hf_journal *there = NULL;

#ifndef HF_FAULT_POINTS
    skip();
#endif
    HF_AUTO(hf_journal_freep) hf_journal *here = load_here(f);
    assert_int_equal(hf_journal_load(f->repository, TARGET, CYCLE, &there, &f->error), HF_OK);
    assert_int_not_equal(append_with_fault(f, here, "journal.before_append", "restoring"), HF_OK);
    assert_int_equal(hf_journal_keep(here, &f->error), HF_OK);
    append(f, there, "refused", NULL);
    expect_state(f, "refused", false);
    append(f, there, "refused", NULL); /* also where it has more entries, or fewer */
    expect_state(f, "refused", false);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define BOTH(test) CASE(test), cmocka_unit_test_setup_teardown(test, setup_encrypted, teardown)
    const struct CMUnitTest tests[] = {
        BOTH(test_journal__comes_back),
        CASE(test_journal__is_nothing_before_its_first_entry),
        BOTH(test_journal__a_second_one_of_the_same_name_is_refused),
        CASE(test_journal__facts_belong_to_the_journal),
        CASE(test_journal__an_event_that_is_not_utf8_is_refused),
        CASE(test_journal__each_corruption_is_named),
        CASE(test_journal__a_missing_or_moved_entry_breaks_the_chain),
        CASE(test_journal__lists_cycles_oldest_first),
        BOTH(test_journal__a_kill_leaves_the_entries_before_or_also_the_new_one),
        CASE(test_journal__an_append_that_fails_is_not_remembered),
        BOTH(test_journal__what_the_repository_does_not_take_is_kept_here),
        CASE(test_journal__what_is_kept_here_goes_with_the_next_entry),
        CASE(test_journal__another_machine_that_went_on_is_right),
    };

    return cmocka_run_group_tests_name("repository/journal", tests, NULL, NULL);
}
