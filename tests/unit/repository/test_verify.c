/* labels: tsan */
#include "fixture.h"

#include "repository/references.h"

#define ID "20261121T020000Z-aaab02"

static hf_manifest *load(fixture *f)
{
    hf_manifest *manifest = NULL;

    seal_new(f, ID, 1795226400000);
    assert_int_equal(hf_repository_load(f->repository, TARGET, ID, &manifest, &f->error), HF_OK);
    return manifest;
}

static char *chunk_key(const hf_manifest *m, size_t table, size_t chunk)
{
    return object_key(&m->tables.items[table].chunks.items[chunk].object);
}

static void verify(fixture *f, const hf_manifest *m, bool full, size_t jobs, hf_damage_list *ret_damage)
{
    assert_int_equal(hf_repository_verify(f->repository, m, full, jobs, ret_damage, &f->error), HF_OK);
}

static void expect_damage(const hf_damage_list *list, size_t index, const char *what, const char *why)
{
    assert_true(index < list->count);
    assert_string_equal(list->items[index].what, what);
    if (strstr(list->items[index].why, why) == NULL)
        fail_msg("%s: \"%s\", expected \"%s\"", what, list->items[index].why, why);
    assert_non_null(strstr(list->items[index].why, list->items[index].object.name));
}

static void test_verify__a_sound_snapshot_has_no_damage(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);

    for (size_t jobs = 0; jobs < 9; jobs += 4) {
        HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

        verify(f, m, true, jobs, &damage);
        verify(f, m, false, jobs, &damage);
        assert_int_equal(damage.count, 0);
    }
}

static void test_verify__lists_all_damage_in_order(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO_STR flipped = chunk_key(m, 0, 0); /* also the second chunk of the other table */
    HF_AUTO_STR cut = chunk_key(m, 0, 2);
    HF_AUTO_STR missing = chunk_key(m, 1, 0);
    HF_AUTO_STR schema = object_key(&m->schema);
    HF_AUTO_STR missing_path = file_of(f, missing);

    flip_bit(f, flipped, m->tables.items[0].chunks.items[0].object.stored_bytes / 2, 5);
    cut_in_half(f, cut);
    assert_int_equal(unlink(missing_path), 0);
    write_key(f, schema, "", 0);

    for (size_t jobs = 1; jobs < 9; jobs += 3) {
        HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

        verify(f, m, true, jobs, &damage);
        assert_int_equal(damage.count, 5);
        expect_damage(&damage, 0, "schema archive", "is broken");
        expect_damage(&damage, 1, "table \"public\".\"invoices\", pages 0-128", "is broken");
        expect_damage(&damage, 2, "table \"public\".\"invoices\", pages 128-256, part 1", "is broken");
        expect_damage(&damage, 3, "table \"public\".\"offers\", pages 0-128", "is missing");
        expect_damage(&damage, 4, "table \"public\".\"offers\", pages 128-130", "is broken");
    }
}

static void test_verify__stored_looks_at_presence_and_size(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO_STR flipped = chunk_key(m, 0, 1);
    HF_AUTO_STR cut = chunk_key(m, 0, 2);
    HF_AUTO_STR missing = chunk_key(m, 1, 0);
    HF_AUTO_STR missing_path = file_of(f, missing);
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

    flip_bit(f, flipped, 20, 5);
    cut_in_half(f, cut);
    assert_int_equal(unlink(missing_path), 0);

    verify(f, m, false, 2, &damage);
    assert_int_equal(damage.count, 2);
    expect_damage(&damage, 0, "table \"public\".\"invoices\", pages 128-256, part 1", "is broken");
    expect_damage(&damage, 1, "table \"public\".\"offers\", pages 0-128", "is missing");
}

static void test_verify__an_object_healed_at_another_level_is_sound(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO_STR key = chunk_key(m, 0, 0);
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};
    HF_AUTO_BUF rows = HF_BUF_MAX(1 << 20);
    hf_object_ref object = {0};
    bool is_new = false;

    assert_int_equal(hf_repository_get_object(f->repository, f->zstd,
                                              &m->tables.items[0].chunks.items[0].object, &rows, &f->error),
                     HF_OK);
    cut_in_half(f, key);
    assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 19, true, rows.data, rows.len, &object,
                                              &is_new, &f->error),
                     HF_OK);
    assert_true(is_new);
    assert_int_not_equal(object.stored_bytes, m->tables.items[0].chunks.items[0].object.stored_bytes);
    verify(f, m, false, 2, &damage);
    assert_int_equal(damage.count, 0);
}

static void test_verify__healing_one_snapshot_heals_all_that_share_it(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO_STR key = chunk_key(m, 0, 0);
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};
    HF_AUTO_BUF text = HF_BUF_MAX(1 << 20);
    hf_object_ref object = {0};
    bool is_new = false;

    for (int i = 1; i <= 400; i++)
        hf_buf_printf(&text, "%d\n", i);
    flip_bit(f, key, 20, 0);
    assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, true, text.data, text.len, &object,
                                              &is_new, &f->error),
                     HF_OK);
    assert_true(is_new);
    verify(f, m, true, 2, &damage);
    assert_int_equal(damage.count, 0);
}

/* Every object is read in one of the parts, and what is harmed is found in that one alone. */
static void test_verify__a_sample_reads_each_object_once(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO_STR key = chunk_key(m, 0, 1);
    size_t found = 0;

    flip_bit(f, key, 20, 5);
    for (uint32_t part = 0; part < 7; part++) {
        HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

        assert_int_equal(
            hf_repository_verify_with(f->repository, m,
                                      &(hf_verify_how){.full = true, .part = part, .parts = 7, .jobs = 2},
                                      &damage, &f->error),
            HF_OK);
        found += damage.count;
    }
    assert_int_equal(found, 1);
}

static void test_verify__remembers_what_it_found(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO_STR flipped = chunk_key(m, 0, 1);
    HF_AUTO_STR missing = chunk_key(m, 1, 0);
    HF_AUTO_STR missing_path = file_of(f, missing);
    HF_AUTO(hf_verified_freep) hf_verified *verified = hf_verified_new();
    const hf_verify_how options = {.full = true, .jobs = 2, .verified = verified};

    assert_int_equal(hf_verified_list(verified, f->repository, &f->error), HF_OK);
    flip_bit(f, flipped, 20, 5);
    for (int round = 0; round < 2; round++) {
        HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

        assert_int_equal(hf_repository_verify_with(f->repository, m, &options, &damage, &f->error), HF_OK);
        assert_int_equal(damage.count, 1);
        (void) unlink(missing_path); /* not looked at a second time */
    }
}

static void count_orphan(void *context, const char *name, uint64_t bytes)
{
    assert_int_equal(strlen(name), 64);
    assert_true(bytes > 0);
    ++*(size_t *) context;
}

static void test_verify__tells_orphans(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *m = load(f);
    HF_AUTO(hf_verified_freep) hf_verified *verified = hf_verified_new();
    HF_AUTO(hf_references_done) hf_references references = {0};
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};
    hf_object_ref object = {0};
    bool is_new = false;
    size_t count = 0;

    assert_int_equal(hf_repository_list(f->repository, NULL, &list, &f->error), HF_OK);
    assert_int_equal(hf_references_collect(f->repository, &list, &references, NULL, NULL, &f->error), HF_OK);
    assert_int_equal(references.snapshots, 1);
    assert_int_equal(hf_verified_list(verified, f->repository, &f->error), HF_OK);
    hf_verified_each_orphan(verified, &references, count_orphan, &count);
    assert_int_equal(count, 0);
    assert_int_equal(
        hf_repository_put_object(f->repository, f->zstd, 3, false, "orphan", 6, &object, &is_new, &f->error),
        HF_OK);
    assert_int_equal(hf_verified_list(verified, f->repository, &f->error), HF_OK);
    hf_verified_each_orphan(verified, &references, count_orphan, &count);
    assert_int_equal(count, 1);
}

int main(void)
{
#define BOTH(test)                                                                                           \
    cmocka_unit_test_setup_teardown(test, setup, teardown),                                                  \
        cmocka_unit_test_setup_teardown(test, setup_encrypted, teardown)
    const struct CMUnitTest tests[] = {
        BOTH(test_verify__a_sound_snapshot_has_no_damage),
        BOTH(test_verify__lists_all_damage_in_order),
        BOTH(test_verify__stored_looks_at_presence_and_size),
        BOTH(test_verify__an_object_healed_at_another_level_is_sound),
        BOTH(test_verify__healing_one_snapshot_heals_all_that_share_it),
        BOTH(test_verify__a_sample_reads_each_object_once),
        BOTH(test_verify__remembers_what_it_found),
        BOTH(test_verify__tells_orphans),
    };

    return cmocka_run_group_tests_name("repository/verify", tests, NULL, NULL);
}
