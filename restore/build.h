/* Making the schema's objects, one entry of the archive at a time; for the other files of restore/. */
#ifndef HF_RESTORE_BUILD_H
#define HF_RESTORE_BUILD_H

#include "pg/archive.h"
#include "pg/connection.h"
#include "restore/restore.h"
#include "restore/schedule.h"
#include "stream/zstd.h"

/* One worker's connection and what it keeps between tasks. */
typedef struct hf_restore_session {
    hf_pg *pg;
    hf_zstd *zstd;
    hf_buf chunk;
    char *tablespace;    /* default_tablespace now; NULL: as connected */
    char *access_method; /* default_table_access_method now; NULL: as connected */
    bool is_serial;      /* max_parallel_maintenance_workers is 0 now */
    bool
        is_one_transaction; /* everything is done in the one that is open: what would be one of its own is a subtransaction */
} hf_restore_session;

/* BEGIN, COMMIT and ROLLBACK of a step that stands or falls as a whole; of savepoints where all is one transaction. */
HF_MUST_CHECK hf_status hf_restore_begin(hf_restore_session *session, hf_error *error);
HF_MUST_CHECK hf_status hf_restore_commit(hf_restore_session *session, hf_error *error);
HF_MUST_CHECK hf_status hf_restore_rollback(hf_restore_session *session, hf_error *error);

/* Around one statement whose failure is no end: a savepoint where all is one transaction, else nothing. */
HF_MUST_CHECK hf_status hf_restore_begin_one(hf_restore_session *session, hf_error *error);
HF_MUST_CHECK hf_status hf_restore_end_one(hf_restore_session *session, bool is_good, hf_error *error);

HF_MUST_CHECK hf_status hf_restore_session_open(const hf_restore_options *options, const char *purpose,
                                                size_t jobs, hf_restore_session *ret_session,
                                                hf_error *error);
/* Was the source's standard_conforming_strings off? */
bool hf_has_escaped_strings(const hf_archive *archive);

/* Read the archive's definitions as they were written: with standard_conforming_strings as the source's was. */
HF_MUST_CHECK hf_status hf_set_string_syntax(hf_pg *pg, const hf_archive *archive, hf_error *error);

void hf_restore_session_done(hf_restore_session *session);

/*
 * Whether the server may build an index with several processes.  While all workers are busy that costs time and gains
 * nothing; for the last index, with the others idle, it helps.
 */
HF_MUST_CHECK hf_status hf_restore_session_set_serial(hf_restore_session *session, bool is_serial,
                                                      hf_error *error);

/* When an entry is made; archive order within each. */
typedef enum hf_pass {
    HF_PASS_NEVER,    /* nothing to do: not schema, or no definition */
    HF_PASS_SCHEMA,   /* before the data, in archive order */
    HF_PASS_PARALLEL, /* from then on, by dependencies */
    HF_PASS_ACL,      /* after all of that */
    HF_PASS_LAST      /* event triggers, and what hangs on them */
} hf_pass;

/* is_before_data: no entry of the data or post-data section has come yet. */
hf_pass hf_entry_pass(const hf_entry *entry, bool is_before_data);

/* Why an entry is left out by the options, or NULL. */
const char *hf_entry_left_out(const hf_entry *entry, const hf_restore_options *options);

/* What an entry's statements lock a table with that it depends on. */
hf_lock_mode hf_entry_lock(const hf_entry *entry);

/* The statements that make the entry as `user`: its definition, owner, and what its relation kind asks for; may be "". */
void hf_entry_statements(const hf_entry *entry, const hf_restore_options *options, const char *user,
                         hf_buf *sql);

/* Run them.  A deadlock is tried again. */
HF_MUST_CHECK hf_status hf_entry_build(hf_restore_session *session, const hf_entry *entry,
                                       const hf_restore_options *options, hf_error *error);

#endif
