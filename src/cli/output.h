/*
 * What goes to stdout.  Registered secrets are redacted in all of it, and control characters in text, which may come from
 * labels, table names or an application's answer, are replaced.
 */
#ifndef HF_CLI_OUTPUT_H
#define HF_CLI_OUTPUT_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

#define HF_OUTPUT_FORMAT 1 /* of the JSON documents */

void hf_out(const char *fmt, ...) HF_PRINTF(1, 2);

/* A line "  name      text" of a list of facts; the names of one list are at most 14 bytes. */
void hf_out_fact(const char *name, const char *fmt, ...) HF_PRINTF(2, 3);

typedef enum hf_mark { HF_MARK_GOOD, HF_MARK_WARNING, HF_MARK_BAD, HF_MARK_SKIPPED } hf_mark;

/* "ok", "warn", "FAIL", "skip" in four columns, coloured on a terminal (unless NO_COLOR is set), then the text. */
void hf_out_mark(hf_mark mark, const char *fmt, ...) HF_PRINTF(2, 3);

void hf_out_json(const json_t *document);

/* {"code", "message", "hint", "sqlstate"}; the last two null where there are none.  The caller owns it. */
json_t *hf_out_error_json(const hf_error *error);

bool hf_out_flush(void); /* false if anything could not be written */

/* A table of text, its columns aligned. */
typedef struct hf_grid {
    const char *const *titles; /* one a column */
    const char *align;         /* one letter a column: l or r */
    size_t columns;
    hf_strings cells; /* row by row */
} hf_grid;

void hf_grid_cell(hf_grid *grid, const char *fmt, ...) HF_PRINTF(2, 3);
void hf_grid_print(const hf_grid *grid, int indent); /* on a terminal, lines are cut with "…" at its width */
void hf_grid_done(hf_grid *grid);

/* Columns that a terminal needs for it. */
size_t hf_text_columns(const char *text);

/* Those that the terminal has, 0 if stdout is none. */
size_t hf_out_columns(void);

/* A text that begins in column `indent` and ends with a line feed; on a terminal wrapped at words, further lines indented. */
void hf_out_wrapped(size_t indent, const char *text);

/* "2026-11-21 07:30:02 UTC" and "5 min ago", into the caller's array. */
char *hf_show_time(int64_t time_ms, char out[32]);
char *hf_show_age(int64_t time_ms, char out[48]);

/* For JSON: RFC 3339, or null for 0; a text, or null for NULL.  The caller owns it. */
json_t *hf_json_time(int64_t time_ms);
json_t *hf_json_text(const char *text);

#endif
