#include "unit.h"

#include "base/buffer.h"
#include "stream/zstd.h"

#define HF_AUTO_ZSTD HF_AUTO(hf_zstd_freep) hf_zstd *

#define TEXT "1\talice\n2\tbob\n3\tcarol\n"

/* A frame of TEXT. */
static void make_frame(hf_zstd *zstd, hf_buf *ret_frame)
{
    assert_ok(hf_zstd_compress(zstd, 3, TEXT, strlen(TEXT), ret_frame, NULL));
}

static void test_zstd__there_and_back(void **state)
{
    (void) state;
    static const size_t sizes[] = {0, 1, 100, 65536, 1000003};
    static const int levels[] = {1, 3, 9, 19};
    HF_AUTO_ZSTD zstd = hf_zstd_new();

    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(levels); j++) {
            HF_AUTO_BUF frame = HF_BUF_MAX(2 << 20);
            HF_AUTO_BUF back = HF_BUF_MAX(sizes[i]);
            HF_AUTO_STR data = hf_alloc(sizes[i] + 1);

            for (size_t k = 0; k < sizes[i]; k++)
                data[k] = (char) (k * k >> 7);
            assert_ok(hf_zstd_compress(zstd, levels[j], data, sizes[i], &frame, NULL));
            assert_ok(hf_zstd_decompress(zstd, frame.data, frame.len, &back, NULL));
            assert_int_equal(back.len, sizes[i]);
            assert_memory_equal(hf_buf_text(&back), data, sizes[i]);
        }
}

static void test_zstd__equal_bytes_give_equal_frames(void **state)
{
    (void) state;
    HF_AUTO_ZSTD used = hf_zstd_new();
    HF_AUTO_ZSTD fresh = hf_zstd_new();
    HF_AUTO_BUF first = HF_BUF_MAX(1000);
    HF_AUTO_BUF second = HF_BUF_MAX(1000);

    assert_ok(hf_zstd_compress(used, 19, "other", 5, &first, NULL));
    make_frame(used, &first);
    make_frame(fresh, &second);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
}

static void test_zstd__levels_are_bounded(void **state)
{
    (void) state;
    HF_AUTO_ZSTD zstd = hf_zstd_new();
    HF_AUTO_BUF frame = HF_BUF_MAX(1000);

    assert_int_equal(hf_zstd_compress(zstd, 0, "x", 1, &frame, NULL), HF_E_USAGE);
    assert_int_equal(hf_zstd_compress(zstd, 20, "x", 1, &frame, NULL), HF_E_USAGE);
}

static void test_zstd__the_frame_fits_or_is_refused(void **state)
{
    (void) state;
    HF_AUTO_ZSTD zstd = hf_zstd_new();
    HF_AUTO_BUF tight = HF_BUF_MAX(100);
    HF_AUTO_BUF small = HF_BUF_MAX(10);
    HF_AUTO_STR zeros = hf_alloc(100000);
    hf_error error = {0};

    /* Far below the bound for 100,000 bytes, but the frame is small. */
    assert_ok(hf_zstd_compress(zstd, 3, zeros, 100000, &tight, &error));
    assert_true(tight.len <= 100);
    assert_int_equal(hf_zstd_compress(zstd, 3, zeros, 100000, &small, &error), HF_E_LIMIT);
    assert_int_equal(small.len, 0);
}

static void test_zstd__every_cut_is_corrupt(void **state)
{
    (void) state;
    HF_AUTO_ZSTD zstd = hf_zstd_new();
    HF_AUTO_BUF frame = HF_BUF_MAX(1000);
    HF_AUTO_BUF back = HF_BUF_MAX(1000);

    make_frame(zstd, &frame);
    for (size_t len = 0; len < frame.len; len++) {
        /* An exact copy, so that a sanitizer sees a read past its end. */
        HF_AUTO_STR cut = hf_alloc(len);

        memcpy(cut, frame.data, len);
        assert_int_equal(hf_zstd_decompress(zstd, cut, len, &back, NULL), HF_E_CORRUPT);
    }
}

static void test_zstd__every_flipped_bit_is_found(void **state)
{
    (void) state;
    HF_AUTO_ZSTD zstd = hf_zstd_new();
    HF_AUTO_BUF frame = HF_BUF_MAX(1000);
    HF_AUTO_BUF back = HF_BUF_MAX(1000);

    make_frame(zstd, &frame);
    for (size_t bit = 0; bit < frame.len * 8; bit++) {
        frame.data[bit / 8] = (char) (frame.data[bit / 8] ^ (1 << bit % 8));
        const hf_status status = hf_zstd_decompress(zstd, frame.data, frame.len, &back, NULL);

        /* A few bits of the header mean nothing for such a frame: then the content must be right. */
        if (status == HF_OK)
            assert_string_equal(hf_buf_text(&back), TEXT);
        else
            assert_true(status == HF_E_CORRUPT || status == HF_E_LIMIT);
        frame.data[bit / 8] = (char) (frame.data[bit / 8] ^ (1 << bit % 8));
    }
    assert_ok(hf_zstd_decompress(zstd, frame.data, frame.len, &back, NULL));
}

static void test_zstd__exactly_one_frame(void **state)
{
    (void) state;
    static const char skippable[] = "\x50\x2a\x4d\x18\x04\0\0\0abcd";
    HF_AUTO_ZSTD zstd = hf_zstd_new();
    HF_AUTO_BUF frame = HF_BUF_MAX(1000);
    HF_AUTO_BUF twice = HF_BUF_MAX(1000);
    HF_AUTO_BUF back = HF_BUF_MAX(1000);
    hf_error error = {0};

    make_frame(zstd, &frame);
    hf_buf_append(&twice, frame.data, frame.len);
    hf_buf_append(&twice, frame.data, frame.len);
    assert_int_equal(hf_zstd_decompress(zstd, twice.data, twice.len, &back, &error), HF_E_CORRUPT);
    assert_non_null(strstr(error.message, "bytes follow the zstd frame"));
    assert_int_equal(hf_zstd_decompress(zstd, twice.data, frame.len + 1, &back, &error), HF_E_CORRUPT);
    assert_int_equal(hf_zstd_decompress(zstd, skippable, 12, &back, &error), HF_E_CORRUPT);
    assert_int_equal(hf_zstd_decompress(zstd, "plain text", 10, &back, &error), HF_E_CORRUPT);
}

static void test_zstd__content_is_bounded_before_it_is_made(void **state)
{
    (void) state;
    /* Two headers without more: a size of 2^60, and none. */
    static const char huge[] = "\x28\xb5\x2f\xfd\xe4\0\0\0\0\0\0\0\x10\x01\0\0\0\0\0\0";
    static const char unknown[] = "\x28\xb5\x2f\xfd\x04\x58\x01\0\0\x99\xe9\xd8\x51";
    HF_AUTO_ZSTD zstd = hf_zstd_new();
    HF_AUTO_BUF frame = HF_BUF_MAX(1000);
    HF_AUTO_BUF back = HF_BUF_MAX(strlen(TEXT) - 1);
    hf_error error = {0};

    make_frame(zstd, &frame);
    assert_int_equal(hf_zstd_decompress(zstd, frame.data, frame.len, &back, &error), HF_E_LIMIT);
    assert_null(back.data);
    assert_int_equal(hf_zstd_decompress(zstd, huge, sizeof(huge) - 1, &back, &error), HF_E_LIMIT);
    assert_int_equal(hf_zstd_decompress(zstd, unknown, sizeof(unknown) - 1, &back, &error), HF_E_LIMIT);
    assert_null(back.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zstd__there_and_back),
        cmocka_unit_test(test_zstd__equal_bytes_give_equal_frames),
        cmocka_unit_test(test_zstd__levels_are_bounded),
        cmocka_unit_test(test_zstd__the_frame_fits_or_is_refused),
        cmocka_unit_test(test_zstd__every_cut_is_corrupt),
        cmocka_unit_test(test_zstd__every_flipped_bit_is_found),
        cmocka_unit_test(test_zstd__exactly_one_frame),
        cmocka_unit_test(test_zstd__content_is_bounded_before_it_is_made),
    };

    return cmocka_run_group_tests_name("stream/zstd", tests, NULL, NULL);
}
