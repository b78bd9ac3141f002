#include "unit.h"

#include "base/buffer.h"

static void test_buffer__builds_text(void **state)
{
    (void) state;
    HF_AUTO_BUF buf = HF_BUF_MAX(10000);
    char wide[600];

    assert_string_equal(hf_buf_text(&buf), "");
    hf_buf_puts(&buf, "a");
    hf_buf_putc(&buf, 'b');
    hf_buf_printf(&buf, "%d", 12);
    hf_buf_append(&buf, "c\0d", 3);
    assert_int_equal(buf.len, 7);
    assert_memory_equal(buf.data, "ab12c\0d", 8);

    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    hf_buf_printf(&buf, "%s", wide);
    assert_int_equal(buf.len, 7 + 599);
    assert_string_equal(buf.data + 7, wide);
    assert_ok(hf_buf_check(&buf, "text", NULL));
}

static void test_buffer__overflow_is_sticky(void **state)
{
    (void) state;
    HF_AUTO_BUF buf = HF_BUF_MAX(5);
    hf_error error = {0};

    hf_buf_puts(&buf, "abc");
    assert_ok(hf_buf_check(&buf, "text", &error));
    hf_buf_puts(&buf, "defg");
    assert_string_equal(hf_buf_text(&buf), "abcde");
    buf.len = 2;
    hf_buf_putc(&buf, 'x');
    hf_buf_printf(&buf, "%d", 1);
    assert_null(hf_buf_reserve(&buf, 1));
    assert_int_equal(buf.len, 2);
    assert_int_equal(hf_buf_check(&buf, "the answer", &error), HF_E_LIMIT);
    assert_string_equal(error.message, "the answer is larger than 5 bytes");
}

static void test_buffer__exactly_its_maximum_fits(void **state)
{
    (void) state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 4096};

    for (size_t i = 0; i < COUNT(sizes); i++) {
        HF_AUTO_BUF buf = HF_BUF_MAX(sizes[i]);

        for (size_t j = 0; j < sizes[i]; j++)
            hf_buf_putc(&buf, 'x');
        assert_ok(hf_buf_check(&buf, "text", NULL));
        assert_int_equal(strlen(hf_buf_text(&buf)), sizes[i]);
        assert_true(buf.capacity <= sizes[i] + 1);
        hf_buf_putc(&buf, 'x');
        assert_int_equal(hf_buf_check(&buf, "text", NULL), HF_E_LIMIT);
    }
}

static void test_buffer__reserve_is_bounded_and_terminated(void **state)
{
    (void) state;
    HF_AUTO_BUF buf = HF_BUF_MAX(100);
    char *room = hf_buf_reserve(&buf, 80);

    assert_non_null(room);
    memset(room, 'r', 80);
    buf.len += 3;
    assert_string_equal(hf_buf_text(&buf), "rrr");
    assert_non_null(hf_buf_reserve(&buf, 97));
    assert_null(hf_buf_reserve(&buf, 98));
    assert_true(buf.overflowed);
    assert_null(hf_buf_reserve(&buf, SIZE_MAX));
}

static void test_buffer__take_and_clear_start_anew(void **state)
{
    (void) state;
    HF_AUTO_BUF buf = HF_BUF_MAX(3);

    hf_buf_puts(&buf, "abcd");
    HF_AUTO_STR text = hf_buf_take(&buf);
    assert_string_equal(text, "abc");
    assert_false(buf.overflowed);
    assert_null(buf.data);
    assert_int_equal(buf.max, 3);

    HF_AUTO_STR nothing = hf_buf_take(&buf);
    assert_string_equal(nothing, "");

    hf_buf_puts(&buf, "abcd");
    hf_buf_clear(&buf);
    assert_string_equal(hf_buf_text(&buf), "");
    hf_buf_puts(&buf, "xyz");
    assert_ok(hf_buf_check(&buf, "text", NULL));
    assert_string_equal(hf_buf_text(&buf), "xyz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer__builds_text),
        cmocka_unit_test(test_buffer__overflow_is_sticky),
        cmocka_unit_test(test_buffer__exactly_its_maximum_fits),
        cmocka_unit_test(test_buffer__reserve_is_bounded_and_terminated),
        cmocka_unit_test(test_buffer__take_and_clear_start_anew),
    };

    return cmocka_run_group_tests_name("base/buffer", tests, NULL, NULL);
}
