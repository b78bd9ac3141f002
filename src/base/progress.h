/*
 * Progress of long work, shown on stderr: one line redrawn on a terminal (bar, bytes, rows, rate, time left), a plain
 * line every few seconds elsewhere, nothing when quiet.  Counters are atomics that workers add to.
 */
#ifndef HF_BASE_PROGRESS_H
#define HF_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

typedef struct hf_progress {
    _Atomic uint64_t bytes;
    _Atomic uint64_t rows;
    _Atomic uint64_t total_bytes; /* 0: unknown */
    _Atomic uint64_t done_bytes;  /* towards total_bytes, in whatever measure the caller estimates */
} hf_progress;

void hf_progress_set_quiet(bool quiet);

/* Start showing `progress` under a verb ("backing up"); a thread draws until hf_progress_end(). One at a time. */
void hf_progress_begin(const char *verb, hf_progress *progress);
void hf_progress_end(void);

/* The line as it would be shown in so many columns, shortened until it fits; 0: without bar or limit. */
void hf_progress_render(const char *verb, const hf_progress *progress, int64_t elapsed_ms, size_t columns,
                        hf_buf *ret_line);

#endif
