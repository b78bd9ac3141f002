/*
 * Comparing a database's rows with a snapshot, table by table.
 *
 * Every row is read back with COPY, in the text form in which the snapshot's digests were made, and the digests are added
 * up: equal sums and row counts mean the same rows, in whatever order they are stored.
 */
#ifndef HF_RESTORE_VERIFY_H
#define HF_RESTORE_VERIFY_H

#include <jansson.h>

#include "base/progress.h"
#include "pg/connection.h"
#include "repository/manifest.h"

typedef enum hf_difference_kind {
    HF_DIFFERENT_ROWS,    /* rows or their content */
    HF_DIFFERENT_COLUMNS, /* the table has other columns; rows_seen counts its rows */
    HF_TABLE_MISSING,     /* the database lacks it */
    HF_TABLE_EXTRA        /* the snapshot lacks it */
} hf_difference_kind;

typedef struct hf_difference {
    char *schema;
    char *table;
    hf_difference_kind kind;
    uint64_t rows_expected;
    uint64_t rows_seen;
    bool digest_equal;
    char *why; /* for people */
} hf_difference;

typedef HF_VECTOR(hf_difference) hf_difference_list;
void hf_difference_list_done(hf_difference_list *list);
json_t *hf_difference_list_json(const hf_difference_list *list); /* caller owns */

typedef struct hf_verify_options {
    const char *url;
    const char *database; /* instead of the URL's; NULL: as the URL says */
    const hf_manifest *manifest;
    size_t jobs;
    hf_progress *progress; /* or NULL */
} hf_verify_options;

/*
 * Read the whole database on one exported snapshot and list every table that differs, by schema and name, the extra ones
 * last.  HF_OK with an empty list: equal.  Tables whose data the snapshot excludes are only looked for.
 */
HF_MUST_CHECK hf_status hf_verify_database(const hf_verify_options *options, hf_difference_list *ret_list,
                                           hf_error *error);

/* A part of a table, for those who read it in several: part `part` of `parts`, by heap pages. */
typedef struct hf_table_part {
    size_t part;
    size_t parts; /* 1: the whole table */
} hf_table_part;

/* How many parts a table of so many bytes is read in: 1 before PostgreSQL 14, which cannot scan a page range alone. */
size_t hf_verify_parts(int server_version, uint64_t bytes);

/* Read a part and add its digest to `sum`; progress counts in done_bytes alone. */
HF_MUST_CHECK hf_status hf_verify_read(hf_pg *pg, const hf_table *table, hf_table_part part,
                                       hf_progress *progress, hf_row_digest *sum, hf_error *error);

/*
 * Compare all tables: seen[i] is what was read of manifest->tables.items[i], skipped[i] means that it was not.  Partitions
 * with a root count together.
 */
void hf_verify_compare_tables(const hf_manifest *manifest, const hf_row_digest *seen, const bool *skipped,
                              hf_difference_list *list);

/* Compare what was read; appends to list if it differs. */
void hf_verify_compare(const hf_table *table, const hf_row_digest *seen, hf_difference_list *list);

#endif
