/*
 * What the fuzz targets share.  Each fuzz_<name>.c holds one function that libFuzzer calls with bytes of its choice;
 * without libFuzzer, replay.c calls it with the files it is given.
 *
 * A target may do anything with its input but crash, leak, run for long, or accept what it then reads back differently.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

#define FUZZ_TEXT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Abort, as a sanitizer does, unless it holds: the fuzzer keeps the input. */
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void) fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);             \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* A failure has a code of its own and says something. */
#define MUST_TELL(status, error)                                                                             \
    MUST((status) == HF_OK || ((error).code == (status) && (error).message[0] != '\0'))

/* The input as a buffer. */
static inline hf_buf fuzz_buf(const uint8_t *data, size_t len)
{
    hf_buf buf = HF_BUF_MAX(FUZZ_TEXT_MAX);

    hf_buf_append(&buf, data, len);
    return buf;
}

/* The input as a text, which ends at its first NUL; the caller owns it. */
static inline char *fuzz_text(const uint8_t *data, size_t len)
{
    char *text = hf_alloc(len + 1);

    memcpy(text, data, len);
    text[len] = '\0';
    return text;
}

#endif
