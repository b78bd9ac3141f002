/*
 * One migration script: read it, check it, run it.
 *
 * The whole file is one simple Query message: an implicit transaction if it has several statements.  Nothing is added
 * and nothing is split, because CREATE INDEX CONCURRENTLY and ALTER TYPE ... ADD VALUE depend on it.
 */
#ifndef HF_MIGRATIONS_SCRIPT_H
#define HF_MIGRATIONS_SCRIPT_H

#include "base/buffer.h"
#include "config/config.h"
#include "migrations/kind.h"
#include "migrations/session.h"

#define HF_SCRIPT_MAX (64u << 20)

/* HF_E_NOT_FOUND, or HF_E_MIGRATION past HF_SCRIPT_MAX.  The content as it is on disk. */
HF_MUST_CHECK hf_status hf_script_read(const char *path, const char *name, hf_buf *ret_sql, hf_error *error);

/* What PostgreSQL could not be given as it is: not UTF-8, a byte order mark, a NUL byte.  HF_E_MIGRATION. */
HF_MUST_CHECK hf_status hf_script_check(const char *name, const char *sql, size_t len, hf_error *error);

/* The line (from 1) of the position-th character (from 1) of UTF-8 text; 0 for position 0. */
int hf_script_line(const char *sql, int position);

/*
 * Run it on the session's second connection, with the configuration's limits; after a lock timeout again, where that is
 * certain to be harmless (lock_wait.h).  A transaction that the script leaves open is a failure; after any failure the
 * connection is rolled back, so that nothing it locked stands in the ledger's way.  HF_E_MIGRATION (HF_E_CANCELLED after a
 * stop request) names migration, line, SQLSTATE and message; ret_logs then gets the whole text for the ledger (caller owns).
 */
HF_MUST_CHECK hf_status hf_script_run(hf_migrations_session *session, const hf_migrations_config *config,
                                      const char *name, const char *sql, const hf_migrations_events *events,
                                      char **ret_logs, hf_error *error);

#endif
