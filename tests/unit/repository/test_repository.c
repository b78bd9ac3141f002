#include "fixture.h"

static void put_raw(fixture *f, const char *key, const char *text)
{
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);

    assert_int_equal(hf_storage_put(storage, key, text, strlen(text), &f->error), HF_OK);
}

static void test_create__twice_is_harmless(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    bool created = false;
    size_t len = 0;

    assert_int_equal(hf_repository_create(storage, NULL, &created, &f->error), HF_OK);
    assert_true(created);
    HF_AUTO_STR before = read_key(f, "holdfast.json", &len);

    assert_int_equal(hf_repository_create(storage, NULL, &created, &f->error), HF_OK);
    assert_false(created);
    HF_AUTO_STR after = read_key(f, "holdfast.json", &len);

    assert_string_equal(before, after);
}

static void test_create__refuses_a_folder_of_others(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    bool created = true;

    put_raw(f, "photos/cat.jpg", "meow");
    assert_int_equal(hf_repository_create(storage, NULL, &created, &f->error), HF_E_FORMAT);
    assert_non_null(strstr(f->error.message, "photos/cat.jpg"));
    assert_string_not_equal(f->error.hint, "");
}

static void test_create__refuses_a_file_with_an_odd_name(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    bool created = true;

    write_key(f, "my file (1).txt", "x", 1);
    assert_int_equal(hf_repository_create(storage, NULL, &created, &f->error), HF_E_FORMAT);
}

static void test_create__knows_a_repository_that_lost_its_file(void **state)
{
    fixture *f = *state;
    HF_AUTO(hf_storage_freep) hf_storage *storage = open_storage(f);
    bool created = true;

    put_raw(f, "objects/ab/x", "x");
    assert_int_equal(hf_repository_create(storage, NULL, &created, &f->error), HF_E_FORMAT);
    assert_non_null(strstr(f->error.hint, "lost its \"holdfast.json\""));
}

typedef struct open_case {
    const char *content; /* of holdfast.json; NULL: none */
    const char *message;
    const char *hint;
} open_case;

static const open_case open_cases[] = {
    {NULL, "is not a holdfast repository", "holdfast init"},
    {"", "is not JSON", "damaged"},
    {"[]", "is not a JSON object", "damaged"},
    {"{\"format\":1", "is not JSON", "damaged"},
    {"{}", "member \"holdfast\" is missing", "damaged"},
    {"{\"holdfast\":\"repository\",\"format\":\"1\",\"id\":\"x\"}", "member \"format\" is not an integer",
     "damaged"},
    {"{\"holdfast\":\"repository\",\"format\":2,\"id\":7}", "written by a newer holdfast", "newer"},
    {"{\"holdfast\":\"other\",\"format\":1,\"id\":\"x\"}", "is not \"repository\"", "damaged"},
    {"{\"holdfast\":\"repository\",\"format\":1,\"id\":\"../x\"}", "member \"id\" is not a valid name",
     "damaged"},
    {"{\"holdfast\":\"repository\",\"format\":1,\"format\":1,\"id\":\"x\"}", "duplicate", "damaged"},
};

static void test_open__refuses_what_is_no_repository(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < sizeof(open_cases) / sizeof(*open_cases); i++) {
        const open_case *c = &open_cases[i];
        hf_repository *repository = NULL;

        if (c->content != NULL)
            put_raw(f, "holdfast.json", c->content);
        assert_int_equal(hf_repository_open(open_storage(f), NULL, &repository, &f->error), HF_E_FORMAT);
        assert_null(repository);
        if (strstr(f->error.message, c->message) == NULL || strstr(f->error.hint, c->hint) == NULL)
            fail_msg("case %zu: \"%s\", hint \"%s\"", i, f->error.message, f->error.hint);
        assert_non_null(strstr(f->error.message, f->folder));
    }
}

static void test_open__has_an_id_of_its_own(void **state)
{
    fixture *f = *state;

    assert_int_equal(strlen(hf_repository_id(f->repository)), 36);
}

static void test_object__comes_back(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF data = HF_BUF_MAX(100);
    hf_object_ref object = {0};
    bool is_new = false;

    assert_int_equal(
        hf_repository_put_object(f->repository, f->zstd, 3, false, "row\n", 4, &object, &is_new, &f->error),
        HF_OK);
    assert_true(is_new);
    assert_int_equal(object.raw_bytes, 4);
    assert_string_equal(object.name, "83ad05a6ffdb5c97fb81a8501561e30cc3458bed5a83525e931acb0f8486a393");
    assert_int_equal(hf_repository_get_object(f->repository, f->zstd, &object, &data, &f->error), HF_OK);
    assert_string_equal(hf_buf_text(&data), "row\n");
    assert_int_equal(hf_repository_stat_object(f->repository, &object, &f->error), HF_OK);
}

static void test_object__empty_comes_back(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF data = HF_BUF_MAX(100);
    hf_object_ref object = {0};
    bool is_new = false;

    assert_int_equal(
        hf_repository_put_object(f->repository, f->zstd, 3, true, NULL, 0, &object, &is_new, &f->error),
        HF_OK);
    assert_int_equal(hf_repository_get_object(f->repository, f->zstd, &object, &data, &f->error), HF_OK);
    assert_int_equal(data.len, 0);
}

static void test_object__second_put_is_not_new(void **state)
{
    fixture *f = *state;
    hf_object_ref first = {0};
    hf_object_ref second = {0};
    bool is_new = false;

    for (int check = 0; check < 2; check++) {
        assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, check, "row\n", 4, &first,
                                                  &is_new, &f->error),
                         HF_OK);
        assert_int_equal(is_new, check == 0);
        assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 9, check, "row\n", 4, &second,
                                                  &is_new, &f->error),
                         HF_OK);
        assert_false(is_new);
        assert_string_equal(first.name, second.name);
        assert_int_equal(first.stored_bytes, second.stored_bytes);
    }
}

typedef enum { FLIP, CUT, EMPTY, REMOVE, OTHER, GROW } object_damage;

static void damage_object(fixture *f, const hf_object_ref *object, object_damage damage)
{
    HF_AUTO_STR key = object_key(object);
    HF_AUTO_STR path = file_of(f, key);
    hf_object_ref other = {0};
    bool is_new = false;
    size_t len = 0;

    switch (damage) {
    case FLIP:
        flip_bit(f, key, object->stored_bytes / 2, 3);
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
    case OTHER: { /* a sound frame of other bytes */
        assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, false, "other\n", 6, &other,
                                                  &is_new, &f->error),
                         HF_OK);
        HF_AUTO_STR other_key = object_key(&other);
        HF_AUTO_STR frame = read_key(f, other_key, &len);

        write_key(f, key, frame, len);
        break;
    }
    case GROW: {
        HF_AUTO_STR content = read_key(f, key, &len);
        HF_AUTO_STR grown = hf_alloc(len + 1);

        memcpy(grown, content, len);
        write_key(f, key, grown, len + 1);
        break;
    }
    }
}

static const struct {
    object_damage damage;
    hf_status status;
    const char *message;
} damages[] = {
    {FLIP, HF_E_CORRUPT, "is broken"},  {CUT, HF_E_CORRUPT, "is broken"},
    {EMPTY, HF_E_CORRUPT, "is broken"}, {REMOVE, HF_E_CORRUPT, "is missing"},
    {OTHER, HF_E_CORRUPT, "is broken"}, {GROW, HF_E_CORRUPT, "is broken"},
};

static void test_object__damage_is_noticed_and_healed(void **state)
{
    fixture *f = *state;
    static const char rows[] = "1\tone\n2\ttwo\n3\tthree\n";

    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        HF_AUTO_BUF data = HF_BUF_MAX(100);
        hf_object_ref object = {0};
        bool is_new = false;

        assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, true, rows, strlen(rows),
                                                  &object, &is_new, &f->error),
                         HF_OK);
        damage_object(f, &object, damages[i].damage);
        assert_int_equal(hf_repository_get_object(f->repository, f->zstd, &object, &data, &f->error),
                         damages[i].status);
        assert_non_null(strstr(f->error.message, damages[i].message));
        assert_non_null(strstr(f->error.message, object.name));
        assert_int_equal(data.len, 0);

        assert_int_equal(hf_repository_put_object(f->repository, f->zstd, 3, true, rows, strlen(rows),
                                                  &object, &is_new, &f->error),
                         HF_OK);
        assert_true(is_new);
        assert_int_equal(hf_repository_get_object(f->repository, f->zstd, &object, &data, &f->error), HF_OK);
        assert_string_equal(hf_buf_text(&data), rows);
    }
}

static void test_object__an_empty_file_is_never_trusted(void **state)
{
    fixture *f = *state;
    hf_object_ref object = {0};
    bool is_new = false;

    assert_int_equal(
        hf_repository_put_object(f->repository, f->zstd, 3, false, "x", 1, &object, &is_new, &f->error),
        HF_OK);
    damage_object(f, &object, EMPTY);
    assert_int_equal(
        hf_repository_put_object(f->repository, f->zstd, 3, false, "x", 1, &object, &is_new, &f->error),
        HF_OK);
    assert_true(is_new);
}

static void test_object__is_bounded_by_the_callers_buffer(void **state)
{
    fixture *f = *state;
    HF_AUTO_BUF small = HF_BUF_MAX(3);
    hf_object_ref object = {0};
    bool is_new = false;

    assert_int_equal(
        hf_repository_put_object(f->repository, f->zstd, 3, false, "four", 4, &object, &is_new, &f->error),
        HF_OK);
    assert_int_equal(hf_repository_get_object(f->repository, f->zstd, &object, &small, &f->error),
                     HF_E_LIMIT);

    /* A frame that holds more than the reference says is not unpacked. */
    object.raw_bytes = 2;
    assert_int_equal(hf_repository_get_object(f->repository, f->zstd, &object, &small, &f->error),
                     HF_E_CORRUPT);
    assert_int_equal(small.max, 3);
}

int main(void)
{
#define FOLDER_CASE(test) cmocka_unit_test_setup_teardown(test, setup_folder, teardown)
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define BOTH(test) CASE(test), cmocka_unit_test_setup_teardown(test, setup_encrypted, teardown)
    const struct CMUnitTest tests[] = {
        FOLDER_CASE(test_create__twice_is_harmless),
        FOLDER_CASE(test_create__refuses_a_folder_of_others),
        FOLDER_CASE(test_create__refuses_a_file_with_an_odd_name),
        FOLDER_CASE(test_create__knows_a_repository_that_lost_its_file),
        FOLDER_CASE(test_open__refuses_what_is_no_repository),
        CASE(test_open__has_an_id_of_its_own),
        CASE(test_object__comes_back),
        BOTH(test_object__empty_comes_back),
        BOTH(test_object__second_put_is_not_new),
        BOTH(test_object__damage_is_noticed_and_healed),
        BOTH(test_object__an_empty_file_is_never_trusted),
        BOTH(test_object__is_bounded_by_the_callers_buffer),
    };

    return cmocka_run_group_tests_name("repository", tests, NULL, NULL);
}
