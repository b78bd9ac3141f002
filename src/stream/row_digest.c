#include "stream/row_digest.h"

#include <stdio.h>
#include <string.h>

/* Rows are short: the call would cost more than the hash. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static void add(hf_row_digest *sum, uint64_t low, uint64_t high)
{
    const bool carry = __builtin_add_overflow(sum->low, low, &sum->low);

    sum->high += high + carry;
}

void hf_row_digest_add(hf_row_digest *sum, const void *row, size_t len)
{
    const XXH128_hash_t hash = XXH3_128bits(row, len);

    add(sum, hash.low64, hash.high64);
    sum->rows++;
}

void hf_row_digest_merge(hf_row_digest *sum, const hf_row_digest *other)
{
    add(sum, other->low, other->high);
    sum->rows += other->rows;
}

bool hf_row_digest_equal(const hf_row_digest *a, const hf_row_digest *b)
{
    return a->low == b->low && a->high == b->high && a->rows == b->rows;
}

void hf_row_digest_hex(const hf_row_digest *sum, char out[HF_ROW_DIGEST_HEX])
{
    (void) snprintf(out, HF_ROW_DIGEST_HEX, "%016llx%016llx", (unsigned long long) sum->high,
                    (unsigned long long) sum->low);
}

static uint64_t parse_half(const char *hex)
{
    char digits[17] = "";

    memcpy(digits, hex, 16);
    return strtoull(digits, NULL, 16);
}

bool hf_row_digest_parse(const char *hex, uint64_t rows, hf_row_digest *ret_sum)
{
    if (strlen(hex) != HF_ROW_DIGEST_HEX - 1 || strspn(hex, "0123456789abcdef") != HF_ROW_DIGEST_HEX - 1)
        return false;
    *ret_sum = (hf_row_digest){.low = parse_half(hex + 16), .high = parse_half(hex), .rows = rows};
    return true;
}
