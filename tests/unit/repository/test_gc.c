/* gc and the inventory beside a storage whose listing leaves keys out: no snapshot is ever lost. */
#include "fixture.h"

#include "repository/gc.h"
#include "repository/inventory.h"

#ifdef HF_FAULT_POINTS

#include "storage-backends/backend.h"

#define GONE "20261119T020000Z-aaaa00"
#define OLD "20261120T020000Z-aaaa01"
#define NEW "20261121T020000Z-aaaa02"
#define LATE "20261122T020000Z-aaaa04"
#define MS INT64_C(1795140000000)

typedef struct liar {
    hf_storage_faults faults;
    hf_repository *repository;
} liar;

static void liar_done(liar *l)
{
    hf_repository_free(l->repository);
}

static void open_liar(const fixture *f, bool (*hides)(uint64_t seed, const char *key), uint64_t seed, liar *l)
{
    hf_storage *storage = hf_storage_fault_new(open_storage(f), &l->faults);
    const bool is_encrypted = hf_repository_key_id(f->repository) != NULL;
    hf_error error = {0};

    l->faults = (hf_storage_faults){.hides = hides, .seed = seed};
    assert_int_equal(hf_repository_open(storage, is_encrypted ? PASSPHRASE : NULL, &l->repository, &error),
                     HF_OK);
}

/* With a table of its own, besides those that all have. */
static void seal_with_own_rows(fixture *f, const char *id, int number)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = make_manifest(f, id, MS + number);

    add_chunk(f, add_table(manifest, "own"), 0, 128, 0, number * 10000, number * 10000 + 9);
    assert_int_equal(hf_repository_seal(f->repository, manifest, &f->error), HF_OK);
}

static void seal_three(fixture *f)
{
    seal_with_own_rows(f, GONE, 1);
    seal_with_own_rows(f, OLD, 2);
    seal_with_own_rows(f, NEW, 3);
    assert_int_equal(hf_repository_remove_snapshot(f->repository, TARGET, GONE, &f->error), HF_OK);
}

static hf_status collect(hf_repository *repository, hf_gc_report *report, hf_error *error)
{
    const hf_gc_options options = {.grace_ms = -3600000};

    *report = (hf_gc_report){0};
    return hf_gc_run(repository, &options, report, error);
}

static void assert_whole(fixture *f, const char *id)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

    assert_int_equal(hf_repository_load(f->repository, TARGET, id, &manifest, &f->error), HF_OK);
    assert_int_equal(hf_repository_verify(f->repository, manifest, true, 1, &damage, &f->error), HF_OK);
    assert_int_equal(damage.count, 0);
}

/* As keys that may not read leave it, and earlier writers. */
static void seal_without_inventory(fixture *f, const char *id, int number)
{
    HF_AUTO(hf_inventory_done) hf_inventory inventory = {0};

    seal_with_own_rows(f, id, number);
    assert_int_equal(hf_inventory_read(f->repository, &inventory, &f->error), HF_OK);
    HF_AUTO_STR key = hf_format("inventory/%llu.json", (unsigned long long) inventory.next - 1);
    HF_AUTO_STR path = file_of(f, key);
    assert_int_equal(unlink(path), 0);
}

static void remove_inventory(const fixture *f)
{
    HF_AUTO_STR path = file_of(f, "inventory");

    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static bool hides_old(uint64_t seed, const char *key)
{
    (void) seed;
    return strstr(key, OLD) != NULL;
}

static bool hides_late(uint64_t seed, const char *key)
{
    (void) seed;
    return strstr(key, LATE) != NULL;
}

static bool hides_new(uint64_t seed, const char *key)
{
    (void) seed;
    return strstr(key, NEW) != NULL || strstr(key, "inventory/") != NULL;
}

static bool hides_presence(uint64_t seed, const char *key)
{
    (void) seed;
    return strstr(key, "locks/present/") != NULL;
}

static bool hides_many(uint64_t seed, const char *key)
{
    uint64_t hash = seed * 0x9e3779b97f4a7c15u;

    /* A gc that does not see itself is told apart above, and one without its key does not begin. */
    if (strstr(key, "locks/present/") != NULL || strstr(key, "keys/") != NULL)
        return false;
    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char) *key) * 0x100000001b3u;
    return (hash >> 32) % 3 == 0;
}

static void expect_refusal(fixture *f, bool (*hides)(uint64_t seed, const char *key), const char *what)
{
    HF_AUTO(liar_done) liar l = {0};
    hf_gc_report report;
    hf_error error = {0};

    open_liar(f, hides, 0, &l);
    assert_int_equal(collect(l.repository, &report, &error), HF_E_STORAGE);
    assert_non_null(strstr(error.message, what));
    assert_true(error.hint[0] != '\0');
    assert_int_equal(report.removed, 0);
    assert_whole(f, OLD);
    assert_whole(f, NEW);
}

static void test_gc__refuses_a_listing_without_a_snapshot(void **state)
{
    fixture *f = *state;
    hf_gc_report report;

    seal_three(f);
    expect_refusal(f, hides_old, OLD);
    expect_refusal(f, hides_new, NEW);
    expect_refusal(f, hides_presence, "locks/present/gc:");

    /* An honest one is believed, and the inventory begun anew. */
    assert_int_equal(collect(f->repository, &report, &f->error), HF_OK);
    assert_true(report.removed > 0);
    expect_refusal(f, hides_old, OLD);
    assert_int_equal(collect(f->repository, &report, &f->error), HF_OK);
    assert_int_equal(report.removed, 0);
}

static void test_gc__refuses_it_in_a_repository_of_an_earlier_writer(void **state)
{
    fixture *f = *state;
    hf_gc_report report;

    seal_three(f);
    remove_inventory(f);
    expect_refusal(f, hides_old, OLD);
    seal_with_own_rows(f, "20261122T020000Z-aaaa03", 4); /* an inventory that does not know of the others */
    expect_refusal(f, hides_old, OLD);
    assert_int_equal(collect(f->repository, &report, &f->error), HF_OK);
    assert_true(report.removed > 0);
    expect_refusal(f, hides_old, OLD);
    seal_without_inventory(f, LATE, 5);
    expect_refusal(f, hides_late, LATE);
}

static void test_gc__loses_nothing_whatever_is_hidden(void **state)
{
    fixture *f = *state;
    int refused = 0;

    seal_three(f);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        HF_AUTO(liar_done) liar l = {0};
        hf_gc_report report;
        hf_error error = {0};

        open_liar(f, hides_many, seed, &l);
        hf_status status = collect(l.repository, &report, &error);

        assert_true(status == HF_OK || status == HF_E_STORAGE);
        refused += status != HF_OK;
        assert_whole(f, OLD);
        assert_whole(f, NEW);
    }
    assert_in_range(refused, 10, 59);
}

static void test_list__sees_what_the_listing_leaves_out(void **state)
{
    fixture *f = *state;
    HF_AUTO(liar_done) liar l = {0};
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    HF_AUTO_STR id = NULL;

    seal_three(f);
    open_liar(f, hides_new, 0, &l);
    assert_int_equal(hf_repository_find(l.repository, TARGET, "latest", &id, &f->error), HF_OK);
    assert_string_equal(id, NEW);
    assert_int_equal(hf_repository_list(l.repository, NULL, &list, &f->error), HF_OK);
    assert_int_equal(list.count, 2);
    assert_false(list.items[0].unlisted);
    assert_true(list.items[1].unlisted);
}

static void test_inventory__goes_on_after_a_gc_and_after_damage(void **state)
{
    fixture *f = *state;
    hf_gc_report report;

    seal_three(f);
    for (int round = 0; round < 12; round++) {
        HF_AUTO(hf_inventory_done) hf_inventory inventory = {0};
        HF_AUTO_STR id = hf_format("20261123T0200%02dZ-bbbbbb", round);

        if (round % 5 == 3)
            assert_int_equal(collect(f->repository, &report, &f->error), HF_OK);
        if (round == 7)
            cut_in_half(f, "inventory/1.json");
        seal_with_own_rows(f, id, 5 + round);
        assert_int_equal(hf_inventory_read(f->repository, &inventory, &f->error), HF_OK);
        assert_true(hf_inventory_has(&inventory, TARGET, id));
        assert_true(hf_inventory_has(&inventory, TARGET, OLD));
        assert_int_equal(hf_inventory_has(&inventory, TARGET, GONE), round < 3);
    }
    expect_refusal(f, hides_old, OLD);
}

int main(void)
{
#define CASE(test)                                                                                           \
    cmocka_unit_test_setup_teardown(test, setup, teardown),                                                  \
        cmocka_unit_test_setup_teardown(test, setup_encrypted, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_gc__refuses_a_listing_without_a_snapshot),
        CASE(test_gc__refuses_it_in_a_repository_of_an_earlier_writer),
        CASE(test_gc__loses_nothing_whatever_is_hidden),
        CASE(test_list__sees_what_the_listing_leaves_out),
        CASE(test_inventory__goes_on_after_a_gc_and_after_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0; /* without fault points no listing lies */
}

#endif
