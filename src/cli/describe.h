/* Snapshots as JSON and as text, the same in every command that shows one. */
#ifndef HF_CLI_DESCRIBE_H
#define HF_CLI_DESCRIBE_H

#include <jansson.h>

#include "repository/proof.h"
#include "repository/repository.h"

/* {id, target, database, created_at, label, rows, raw_bytes, stored_bytes, tables, cycle, pinned, broken}; the caller owns it. */
json_t *hf_describe_info(const hf_snapshot_info *info);

/*
 * The same members from a manifest, without "broken"; "tables" is their number.  The caller owns it.
 */
json_t *hf_describe_manifest(const hf_manifest *manifest);

/* Add {proven, proven_at}: whether the last proof found it equal, and when that was (null: never); proof may be NULL. */
void hf_describe_proof(json_t *snapshot, const hf_proof *proof);

/* {include, exclude, exclude_data, left_out: [{kind, schema, name, why}]}, or null; the caller owns it. */
json_t *hf_describe_filters(const hf_manifest *manifest);

/* [{schema, table, first_page, end_page, ctids, reason}]; the caller owns it. */
json_t *hf_describe_degraded(const hf_manifest *manifest);

/* "12 tables and views are left out, 2 are without rows"; the caller owns it, NULL if it is not filtered. */
char *hf_filters_shown(const hf_manifest *manifest);

/* "rows of public.invoices are lost"; the caller owns it, NULL if it is not degraded. */
char *hf_degraded_shown(const hf_manifest *manifest);

/* The same as lines of facts on stdout; nothing if all is there. */
void hf_print_incompleteness(const hf_manifest *manifest);

/* An array of the tables: schema, name, rows, raw_bytes, stored_bytes, chunks, digest, data_excluded. */
json_t *hf_describe_tables(const hf_manifest *manifest);

/* Lines of facts on stdout. */
void hf_print_manifest(const hf_manifest *manifest);
void hf_print_proof(const hf_proof *proof); /* NULL: never proven */

#endif
