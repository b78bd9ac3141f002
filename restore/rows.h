/*
 * A table's rows in a database against those of a snapshot, one by one: which were added, changed and removed.
 *
 * Only page ranges whose digest differs are looked at, on both sides.  A key tells a changed row from one that was removed and
 * another that was added; without one the rows are a bag.  What is kept of a row in memory is two digests, and of a table that
 * has too many for that, a part at a time.
 */
#ifndef HF_RESTORE_ROWS_H
#define HF_RESTORE_ROWS_H

#include "pg/connection.h"
#include "repository/repository.h"

typedef enum hf_row_change {
    HF_ROW_ADDED,   /* as the database has it */
    HF_ROW_CHANGED, /* the same */
    HF_ROW_REMOVED, /* as the snapshot has it */
    HF_ROW_BEFORE   /* what a changed one was */
} hf_row_change;

typedef struct hf_rows_options {
    hf_repository *repository;
    const hf_table *table; /* of the snapshot; the database's has the same columns */
    hf_pg *pg;             /* exact_text, in a transaction with one view of the database */
    /* Each row as COPY writes it in the table's format, a line without its newline; NULL: only count. */
    hf_status (*on_row)(void *context, hf_row_change change, const char *row, size_t len, hf_error *error);
    void *context;
} hf_rows_options;

typedef struct hf_row_changes {
    uint64_t added, removed, changed;
    bool has_key;
} hf_row_changes;

/* HF_E_LIMIT: too many rows differ in place to be told apart. */
HF_MUST_CHECK hf_status hf_rows_compare(const hf_rows_options *options, hf_row_changes *ret_changes,
                                        hf_error *error);

/* The columns of the table's key: its primary key, else a unique one without NULLs; empty: none. */
HF_MUST_CHECK hf_status hf_rows_key(hf_pg *pg, const hf_table *table, hf_strings *ret_columns,
                                    hf_error *error);

#endif
