/* A snapshot against another one, or against a database: schema objects, rows, sequences.  Behind diff, prove and the way back. */
#ifndef HF_RESTORE_COMPARE_H
#define HF_RESTORE_COMPARE_H

#include <jansson.h>

#include "pg/archive.h"
#include "repository/proof.h"
#include "repository/repository.h"
#include "restore/verify.h"

typedef enum hf_schema_change { HF_SCHEMA_REMOVED, HF_SCHEMA_ADDED, HF_SCHEMA_CHANGED } hf_schema_change;

typedef struct hf_schema_difference {
    hf_schema_change change; /* from the first to the second */
    const hf_entry *entry;   /* borrowed from the archive that has it; of the second if both do */
    const hf_entry *before;  /* CHANGED: the first's */
} hf_schema_difference;

typedef HF_VECTOR(hf_schema_difference) hf_schema_differences;

/* Object by object, by kind and name.  `ret_list` borrows from both archives; free its items. */
void hf_compare_schemas(const hf_archive *a, const hf_archive *b, hf_schema_differences *ret_list);

/* The tables of two snapshots, as hf_verify_database() compares one with a database. */
void hf_compare_tables(const hf_manifest *a, const hf_manifest *b, hf_difference_list *ret_list);

/* One side's sequences. */
typedef struct hf_sequence_list {
    const hf_sequence *items;
    size_t count;
} hf_sequence_list;

typedef struct hf_sequence_difference {
    const hf_sequence *a, *b; /* borrowed; NULL: this side lacks it */
} hf_sequence_difference;

typedef HF_VECTOR(hf_sequence_difference) hf_sequence_differences;

/* `ret_list` borrows from both sides; free its items. */
void hf_compare_sequences(hf_sequence_list a, hf_sequence_list b, hf_sequence_differences *ret_list);

/* A database against a snapshot, in what pg_dump and the catalogs tell; its rows are hf_verify_database()'s. */
typedef struct hf_compare_options {
    hf_repository *repository;
    const hf_manifest *manifest;
    const char *url;
    const char *database;      /* instead of the URL's; NULL: as the URL says */
    const hf_strings *pg_dump; /* as configured, or NULL */
} hf_compare_options;

/* Dump the database's schema and add each object that differs. */
HF_MUST_CHECK hf_status hf_compare_database_schema(const hf_compare_options *options,
                                                   hf_proof_differences *list, hf_error *error);

/* Add each sequence that is missing, extra or has another value. */
HF_MUST_CHECK hf_status hf_compare_database_sequences(const hf_compare_options *options,
                                                      hf_proof_differences *list, hf_error *error);

/* Read a snapshot's schema archive. */
HF_MUST_CHECK hf_status hf_compare_load_archive(hf_repository *repository, const hf_manifest *manifest,
                                                hf_archive **ret_archive, hf_error *error);

#endif
