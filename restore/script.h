/*
 * A snapshot as SQL for psql alone, beside the files of a bundle (repository/bundle.h).
 *
 * psql must never take anything of a snapshot for a command of its own (\!, \copy, :variables).  So it is given no SQL that
 * came with the snapshot to read: each definition stands in dollar quotes that do not occur in it, and goes to the server by
 * \gexec, whole.  What is outside is written here, with every name and text in quotes, and \copy with such a name in one line.
 */
#ifndef HF_RESTORE_SCRIPT_H
#define HF_RESTORE_SCRIPT_H

#include "pg/archive.h"
#include "repository/object_map.h"

/* restore.sql: fills an empty database with all that hf_restore_run() puts into one. */
HF_MUST_CHECK hf_status hf_script_restore(const hf_manifest *manifest, const hf_archive *archive,
                                          hf_buf *ret_sql, hf_error *error);

/* database.sql: owner, settings, grants, connection limit and comment of the database itself. */
HF_MUST_CHECK hf_status hf_script_database(const hf_manifest *manifest, hf_buf *ret_sql, hf_error *error);

#endif
