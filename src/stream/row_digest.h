/*
 * The row digest: XXH3-128 (seed 0) of each row as COPY writes it, a text line without its newline or a binary row (its
 * count of columns, then each with its length), added up modulo 2^128.
 *
 * It does not depend on the order of the rows, so a chunk, a table and a table read again in another physical order can
 * be compared, and digests of parts add up to the digest of the whole.  Its text form is 32 hexadecimal digits, most
 * significant first.
 */
#ifndef HF_STREAM_ROW_DIGEST_H
#define HF_STREAM_ROW_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HF_ROW_DIGEST_HEX 33

typedef struct hf_row_digest {
    uint64_t low, high; /* the sum, modulo 2^128 */
    uint64_t rows;
} hf_row_digest;

/* Add one row as COPY wrote it, a text line without its newline. */
void hf_row_digest_add(hf_row_digest *sum, const void *row, size_t len);

/* Add another sum (rows too). */
void hf_row_digest_merge(hf_row_digest *sum, const hf_row_digest *other);

bool hf_row_digest_equal(const hf_row_digest *a, const hf_row_digest *b); /* rows and sum */
void hf_row_digest_hex(const hf_row_digest *sum, char out[HF_ROW_DIGEST_HEX]);
bool hf_row_digest_parse(const char *hex, uint64_t rows, hf_row_digest *ret_sum);

#endif
