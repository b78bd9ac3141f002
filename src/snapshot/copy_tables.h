/*
 * Copying the rows of all tables into chunk objects, by several workers on one exported snapshot.
 */
#ifndef HF_SNAPSHOT_COPY_TABLES_H
#define HF_SNAPSHOT_COPY_TABLES_H

#include "pg/large_objects.h"
#include "snapshot/snapshot.h"

typedef struct hf_copy_totals {
    _Atomic uint64_t chunks_new, chunks_reused, bytes_written;
} hf_copy_totals;

/*
 * Fill chunks, totals and sizes of every table in manifest->tables and of the large objects, as the exported snapshot sees
 * them.  HF_E_CANCELLED at a stop request.
 */
HF_MUST_CHECK hf_status hf_copy_tables(const hf_snapshot_options *options, const char *exported,
                                       const hf_pg_oid_ranges *large_objects, hf_manifest *manifest,
                                       hf_copy_totals *totals, hf_error *error);

#endif
