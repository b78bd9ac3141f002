/*
 * Tables of a snapshot, restored beside the live ones: columns, defaults, NOT NULL, checks, primary key, unique constraints and indexes, rows.
 *
 * All in one transaction of one connection, which makes new things only: everything is there, read back and equal, or nothing is.  What would tie
 * the copy to the live table is left out and told: foreign keys, triggers, identity, and defaults that take values from a sequence (the live
 * table could not be dropped any more without them).  It belongs to the connecting role.
 */
#ifndef HF_RESTORE_TABLE_H
#define HF_RESTORE_TABLE_H

#include "base/progress.h"
#include "repository/repository.h"
#include "restore/table_names.h"

typedef struct hf_tables_options {
    hf_repository *repository;
    const hf_manifest *manifest;
    const char *url; /* of the live database */
    const hf_table_wishes *wishes;
    hf_progress *progress; /* or NULL */
} hf_tables_options;

typedef struct hf_table_restored {
    const hf_table_wish *wish; /* borrowed */
    hf_strings notes;          /* what was left out or got another name */
} hf_table_restored;

typedef struct hf_tables_report {
    char *database;
    HF_VECTOR(hf_table_restored) tables;
    int64_t took_ms;
} hf_tables_report;
void hf_tables_report_done(hf_tables_report *report);

/*
 * HF_E_EXISTS: a table or the like has the new name; HF_E_NOT_FOUND: the database lacks types or extensions that a table
 * needs, all of them listed; both before anything is done.  HF_E_MISMATCH: what was restored differs.  On failure nothing is left.
 */
HF_MUST_CHECK hf_status hf_tables_restore(const hf_tables_options *options, hf_tables_report *ret_report,
                                          hf_error *error);

#endif
