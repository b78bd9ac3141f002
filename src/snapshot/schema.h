/*
 * The schema of a snapshot: read by pg_dump in a thread of its own while the rows are copied.
 *
 * pg_dump sees tables through the exported snapshot, but definitions (of views, functions, rules) as they are when it asks.  So the
 * catalogs' digest is taken again afterwards and compared with that of the snapshot.
 */
#ifndef HF_SNAPSHOT_SCHEMA_H
#define HF_SNAPSHOT_SCHEMA_H

#include "pg/pg_dump.h"
#include "snapshot/session.h"

typedef struct hf_schema_reader hf_schema_reader;

/* Begin to read; everything given stays borrowed until the end. */
HF_MUST_CHECK hf_status hf_schema_reader_start(const hf_snapshot_options *options,
                                               const hf_snapshot_session *session, const hf_pg_dump *dump,
                                               hf_schema_reader **ret_reader, hf_error *error);

/*
 * Wait for the end, and leave out of archive and manifest what the filter says.  To be called before the rows are read, so that none are read
 * in vain.  *ret_changed as below.
 */
HF_MUST_CHECK hf_status hf_schema_reader_filter(hf_schema_reader *reader, hf_manifest *manifest,
                                                bool *ret_changed, hf_error *error);

/*
 * Wait for the end, store the schema as an object and note it in the manifest.  *ret_changed is set, whatever the status, when definitions
 * changed meanwhile: what was read is then good for nothing.
 */
HF_MUST_CHECK hf_status hf_schema_reader_finish(hf_schema_reader *reader, hf_manifest *manifest,
                                                bool *ret_changed, hf_error *error);

/* Waits for the thread too. */
void hf_schema_reader_free(hf_schema_reader *reader);
void hf_schema_reader_freep(hf_schema_reader **reader);

#endif
