#include "unit.h"

#include <fcntl.h>

static void test_memory__vector_grows_and_keeps(void **state)
{
    (void) state;
    HF_VECTOR(int) numbers = {0};

    for (int i = 0; i < 1000; i++)
        HF_PUSH(&numbers, i);
    assert_int_equal(numbers.count, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(numbers.items[i], i);

    int *added = HF_APPEND_NEW(&numbers);
    assert_int_equal(*added, 0);
    assert_ptr_equal(added, &numbers.items[1000]);
    free(numbers.items);
}

static void test_memory__strings_are_copies(void **state)
{
    (void) state;
    char text[] = "one";
    hf_strings list = {0};

    hf_strings_add(&list, text);
    text[0] = 'x';
    assert_true(hf_strings_has(&list, "one"));
    assert_false(hf_strings_has(&list, "xne"));
    hf_strings_done(&list);
    assert_int_equal(list.count, 0);
    assert_null(list.items);
}

static void test_memory__copies_of_null_and_of_parts(void **state)
{
    (void) state;
    HF_AUTO_STR part = hf_strndup("abcdef", 3);
    HF_AUTO_STR whole = hf_strndup("ab", 30);
    HF_AUTO_STR formatted = hf_format("%s-%d", "n", 7);

    assert_null(hf_strdup(NULL));
    assert_string_equal(part, "abc");
    assert_string_equal(whole, "ab");
    assert_string_equal(formatted, "n-7");
}

static void test_memory__take_hands_over(void **state)
{
    (void) state;
    char *taken;
    {
        HF_AUTO_STR owner = hf_strdup("kept");
        taken = HF_TAKE(owner);
        assert_null(owner);
    }
    assert_string_equal(taken, "kept");
    free(taken);
}

static void test_memory__owners_release(void **state)
{
    (void) state;
    int number;
    {
        HF_AUTO_FD fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        HF_AUTO_FD none = -1;
        HF_AUTO(hf_fclosep) FILE *no_file = NULL;

        number = fd;
        assert_true(fcntl(number, F_GETFD) >= 0);
        (void) none;
        (void) no_file;
    }
    assert_int_equal(fcntl(number, F_GETFD), -1);
}

static void test_memory__new_memory_is_zeroed(void **state)
{
    (void) state;
    unsigned char *bytes = hf_alloc(4096);

    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(bytes[i], 0);
    free(bytes);
    free(hf_alloc(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__vector_grows_and_keeps),
        cmocka_unit_test(test_memory__strings_are_copies),
        cmocka_unit_test(test_memory__copies_of_null_and_of_parts),
        cmocka_unit_test(test_memory__take_hands_over),
        cmocka_unit_test(test_memory__owners_release),
        cmocka_unit_test(test_memory__new_memory_is_zeroed),
    };

    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
