#include "unit.h"

#include "stream/row_digest.h"

static const char *const rows[] = {"1\talice\t\\N", "2\tbob\t2026-11-21", "", "3\tcarol\tx", "3\tcarol\tx"};

static void add_text(hf_row_digest *sum, const char *row)
{
    hf_row_digest_add(sum, row, strlen(row));
}

static void test_row_digest__known_values(void **state)
{
    (void) state;
    hf_row_digest sum = {0};
    char hex[HF_ROW_DIGEST_HEX];

    hf_row_digest_hex(&sum, hex);
    assert_string_equal(hex, "00000000000000000000000000000000");

    /* XXH3-128 of no bytes, as its specification's test values have it. */
    add_text(&sum, "");
    hf_row_digest_hex(&sum, hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");

    /* Twice that, modulo 2^128. */
    add_text(&sum, "");
    hf_row_digest_hex(&sum, hex);
    assert_string_equal(hex, "33540da6028f31b0c00386488d1a92fe");
    assert_int_equal(sum.rows, 2);
}

static void test_row_digest__the_low_half_carries(void **state)
{
    (void) state;
    hf_row_digest sum = {.low = UINT64_MAX, .high = 5, .rows = 1};
    hf_row_digest wraps = {.low = UINT64_MAX, .high = UINT64_MAX, .rows = 1};
    const hf_row_digest one = {.low = 1, .high = 0, .rows = 1};

    hf_row_digest_merge(&sum, &one);
    assert_true(hf_row_digest_equal(&sum, &(hf_row_digest){.low = 0, .high = 6, .rows = 2}));
    hf_row_digest_merge(&wraps, &one);
    assert_true(hf_row_digest_equal(&wraps, &(hf_row_digest){.low = 0, .high = 0, .rows = 2}));
}

static void test_row_digest__order_does_not_matter_and_parts_add_up(void **state)
{
    (void) state;
    hf_row_digest forward = {0}, backward = {0}, left = {0}, right = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        add_text(&forward, rows[i]);
        add_text(&backward, rows[COUNT(rows) - 1 - i]);
        add_text(i % 2 == 0 ? &left : &right, rows[i]);
    }
    assert_true(hf_row_digest_equal(&forward, &backward));
    hf_row_digest_merge(&left, &right);
    assert_true(hf_row_digest_equal(&forward, &left));
}

static void test_row_digest__every_change_shows(void **state)
{
    (void) state;
    hf_row_digest all = {0}, without_twin = {0}, changed = {0}, joined = {0};

    for (size_t i = 0; i < COUNT(rows); i++) {
        add_text(&all, rows[i]);
        if (i + 1 < COUNT(rows))
            add_text(&without_twin, rows[i]);
        add_text(&changed, i == 1 ? "2\tbob\t2026-11-22" : rows[i]);
    }
    add_text(&joined, "1\talice\t\\N2\tbob\t2026-11-21");
    assert_false(hf_row_digest_equal(&all, &without_twin));
    assert_false(hf_row_digest_equal(&all, &changed));
    assert_false(hf_row_digest_equal(&all, &joined));

    hf_row_digest other_rows = all;
    other_rows.rows++;
    assert_false(hf_row_digest_equal(&all, &other_rows));
}

static void test_row_digest__text_form_there_and_back(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",
        "99aa06d3014798d86001c324468d497",
        "99aa06d3014798d86001c324468d497f0",
        "99AA06d3014798d86001c324468d497f",
        "99aa06d3014798d8-6001c324468d497",
        " 9aa06d3014798d86001c324468d497f",
    };
    hf_row_digest sum = {0}, back = {.rows = 9};
    char hex[HF_ROW_DIGEST_HEX];

    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_false(hf_row_digest_parse(wrong[i], 1, &back));
    assert_int_equal(back.rows, 9);

    for (size_t i = 0; i < COUNT(rows); i++)
        add_text(&sum, rows[i]);
    hf_row_digest_hex(&sum, hex);
    assert_true(hf_row_digest_parse(hex, sum.rows, &back));
    assert_true(hf_row_digest_equal(&sum, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_digest__known_values),
        cmocka_unit_test(test_row_digest__the_low_half_carries),
        cmocka_unit_test(test_row_digest__order_does_not_matter_and_parts_add_up),
        cmocka_unit_test(test_row_digest__every_change_shows),
        cmocka_unit_test(test_row_digest__text_form_there_and_back),
    };

    return cmocka_run_group_tests_name("stream/row_digest", tests, NULL, NULL);
}
