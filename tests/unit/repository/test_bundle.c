#include "fixture.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "repository/bundle.h"
#include "repository/document.h"

#define ID "20261121T020000Z-aaab02"
#define CREATED_MS 1795226400000
#define POINTER "snapshots/" TARGET "/" ID ".json"

/* A repository with the snapshot, another without, and the bundle of it. */
typedef struct scene {
    fixture *from, *to;
    char *manifest; /* canonical */
    hf_buf bundle;
} scene;

static hf_status write_to(const scene *s, hf_manifest *manifest, bool zstd, int fd, hf_error *error)
{
    const hf_bundle_file files[] = {{"restore.sql", "SELECT 1;\n"}, {"database.sql", ""}};
    const hf_bundle_stream stream = {.fd = fd, .name = "a bundle", .zstd = zstd};

    return hf_bundle_write(s->from->repository, manifest, files, 2, &stream, error);
}

static void make_bundle(scene *s, bool zstd)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO_FD fd = memfd_create("bundle", 0);
    HF_AUTO_STR path = hf_format("/proc/self/fd/%d", fd);

    assert_int_equal(hf_repository_load(s->from->repository, TARGET, ID, &manifest, &s->from->error), HF_OK);
    HF_AUTO_JSON json = hf_manifest_to_json(manifest);
    free(s->manifest);
    s->manifest = hf_canonical_json(json);
    assert_int_equal(write_to(s, manifest, zstd, fd, &s->from->error), HF_OK);
    s->bundle.max = 1 << 20;
    assert_int_equal(hf_file_read(path, &s->bundle, &s->from->error), HF_OK);
}

static hf_status take_in(scene *s, const void *data, size_t len, hf_transfer *ret_transfer)
{
    HF_AUTO_FD fd = memfd_create("bundle", 0);
    const hf_bundle_stream stream = {.fd = fd, .name = "a bundle"};

    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return hf_bundle_read(s->to->repository, &stream, NULL, NULL, ret_transfer, &s->to->error);
}

static int set_up_scene(void **state)
{
    scene *s = hf_alloc(sizeof(*s));
    void *from, *to;

    if (setup(&from) != 0 || setup(&to) != 0)
        return -1;
    s->from = from;
    s->to = to;
    seal_new(s->from, ID, CREATED_MS);
    make_bundle(s, false);
    *state = s;
    return 0;
}

static int tear_down_scene(void **state)
{
    scene *s = *state;
    void *from = s->from, *to = s->to;

    hf_buf_done(&s->bundle);
    free(s->manifest);
    free(s);
    return teardown(&from) | teardown(&to);
}

static size_t snapshots_there(scene *s)
{
    HF_AUTO(hf_snapshot_list_done) hf_snapshot_list list = {0};

    assert_int_equal(hf_repository_list(s->to->repository, NULL, &list, &s->to->error), HF_OK);
    return list.count;
}

static void expect_identical(scene *s)
{
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO(hf_damage_list_done) hf_damage_list damage = {0};

    assert_int_equal(hf_repository_load(s->to->repository, TARGET, ID, &manifest, &s->to->error), HF_OK);
    HF_AUTO_JSON json = hf_manifest_to_json(manifest);
    HF_AUTO_STR text = hf_canonical_json(json);
    assert_string_equal(text, s->manifest);
    assert_int_equal(hf_repository_verify(s->to->repository, manifest, true, 1, &damage, &s->to->error),
                     HF_OK);
    assert_int_equal(damage.count, 0);
}

static void forget_snapshot(scene *s)
{
    assert_int_equal(hf_storage_remove(hf_repository_storage(s->to->repository), POINTER, &s->to->error),
                     HF_OK);
}

/* Refused with nothing visible, or the same snapshot; then it is gone again. */
static hf_status expect_all_or_nothing(scene *s, const char *data, size_t len, const char *what, size_t where)
{
    HF_AUTO(hf_transfer_done) hf_transfer transfer = {0};
    hf_status status = take_in(s, data, len, &transfer);

    if (status != HF_OK) {
        if (status != HF_E_CORRUPT && status != HF_E_FORMAT && status != HF_E_LIMIT)
            fail_msg("%s %zu: %s: %s", what, where, hf_status_name(status), s->to->error.message);
        assert_int_equal(snapshots_there(s), 0);
        return status;
    }
    expect_identical(s);
    forget_snapshot(s);
    return HF_OK;
}

static void test_bundle__carries_a_snapshot_as_it_is(void **state)
{
    scene *s = *state;

    for (int compressed = 0; compressed < 2; compressed++) {
        HF_AUTO(hf_transfer_done) hf_transfer first = {0};
        HF_AUTO(hf_transfer_done) hf_transfer again = {0};

        make_bundle(s, compressed);
        assert_int_equal(take_in(s, s->bundle.data, s->bundle.len, &first), HF_OK);
        assert_string_equal(first.id, ID);
        assert_false(first.existed);
        assert_true(first.objects > 2 && (first.objects_new == first.objects) == !compressed);
        expect_identical(s);
        assert_int_equal(take_in(s, s->bundle.data, s->bundle.len, &again), HF_OK);
        assert_true(again.existed);
        assert_int_equal(again.objects_new, 0);
        expect_identical(s);
        forget_snapshot(s);
    }
}

static void test_bundle__is_the_same_each_time(void **state)
{
    scene *s = *state;
    const size_t len = s->bundle.len;
    HF_AUTO_STR first = hf_alloc(len);

    memcpy(first, s->bundle.data, len);
    make_bundle(s, false);
    assert_int_equal(s->bundle.len, len);
    assert_memory_equal(s->bundle.data, first, len);
}

static void test_import__heals_what_is_there(void **state)
{
    scene *s = *state;
    HF_AUTO(hf_transfer_done) hf_transfer first = {0};
    HF_AUTO(hf_transfer_done) hf_transfer again = {0};
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;

    assert_int_equal(take_in(s, s->bundle.data, s->bundle.len, &first), HF_OK);
    assert_int_equal(hf_repository_load(s->to->repository, TARGET, ID, &manifest, &s->to->error), HF_OK);
    HF_AUTO_STR key = object_key(&manifest->tables.items[0].chunks.items[0].object);
    flip_bit(s->to, key, 12, 3);
    assert_int_equal(take_in(s, s->bundle.data, s->bundle.len, &again), HF_OK);
    assert_true(again.existed);
    assert_int_equal(again.objects_new, 1);
    expect_identical(s);
}

static void test_import__refuses_another_snapshot_of_the_same_id(void **state)
{
    scene *s = *state;
    HF_AUTO(hf_transfer_done) hf_transfer transfer = {0};

    seal_new(s->to, ID, CREATED_MS + 1);
    assert_int_equal(take_in(s, s->bundle.data, s->bundle.len, &transfer), HF_E_EXISTS);
    assert_int_equal(snapshots_there(s), 1);
}

static void test_import__of_flipped_bits_is_all_or_nothing(void **state)
{
    scene *s = *state;

    for (int compressed = 0; compressed < 2; compressed++) {
        size_t refused = 0, taken = 0;

        make_bundle(s, compressed);
        const size_t step = s->bundle.len / 1500 + 1;
        for (size_t at = 0; at < s->bundle.len; at += step) {
            s->bundle.data[at] = (char) (s->bundle.data[at] ^ (1 << at % 8));
            if (expect_all_or_nothing(s, s->bundle.data, s->bundle.len, "byte", at) == HF_OK)
                taken++;
            else
                refused++;
            s->bundle.data[at] = (char) (s->bundle.data[at] ^ (1 << at % 8));
        }
        assert_true(refused > 300);
        assert_true(compressed || taken > 0); /* what fills a tar's blocks means nothing */
    }
}

static void test_import__of_a_part_is_all_or_nothing(void **state)
{
    scene *s = *state;

    for (int compressed = 0; compressed < 2; compressed++) {
        make_bundle(s, compressed);
        for (size_t len = 0; len < s->bundle.len; len += s->bundle.len / 100 + 1)
            (void) expect_all_or_nothing(s, s->bundle.data, len, "length", len);
    }
}

static void test_bundle__tells_that_the_disk_is_full(void **state)
{
    scene *s = *state;
    HF_AUTO(hf_manifest_freep) hf_manifest *manifest = NULL;
    HF_AUTO_FD full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    assert_int_equal(hf_repository_load(s->from->repository, TARGET, ID, &manifest, &s->from->error), HF_OK);
    assert_int_equal(write_to(s, manifest, false, full, &s->from->error), HF_E_STORAGE_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bundle__carries_a_snapshot_as_it_is, set_up_scene,
                                        tear_down_scene),
        cmocka_unit_test_setup_teardown(test_bundle__is_the_same_each_time, set_up_scene, tear_down_scene),
        cmocka_unit_test_setup_teardown(test_import__heals_what_is_there, set_up_scene, tear_down_scene),
        cmocka_unit_test_setup_teardown(test_import__refuses_another_snapshot_of_the_same_id, set_up_scene,
                                        tear_down_scene),
        cmocka_unit_test_setup_teardown(test_import__of_flipped_bits_is_all_or_nothing, set_up_scene,
                                        tear_down_scene),
        cmocka_unit_test_setup_teardown(test_import__of_a_part_is_all_or_nothing, set_up_scene,
                                        tear_down_scene),
        cmocka_unit_test_setup_teardown(test_bundle__tells_that_the_disk_is_full, set_up_scene,
                                        tear_down_scene),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
