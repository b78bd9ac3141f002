/*
 * A restore under way: what the files of restore/ share.
 *
 * tasks.c turns archive and manifest into a schedule; run.c has worker threads take tasks from it; load.c and build.c do
 * them.  One mutex guards the schedule, the report, the states below and the first error; a task works without it.
 */
#ifndef HF_RESTORE_JOB_H
#define HF_RESTORE_JOB_H

#include <pthread.h>

#include "pg/archive.h"
#include "restore/build.h"
#include "restore/restore.h"
#include "restore/schedule.h"

typedef enum hf_task_kind {
    HF_TASK_BARRIER,    /* nothing to do but to be waited for; subject: hf_barrier */
    HF_TASK_LOAD,       /* subject: table; all of its chunks in one transaction */
    HF_TASK_CHUNK,      /* subject: table, part: chunk */
    HF_TASK_ENTRY,      /* subject: entry */
    HF_TASK_VERIFY,     /* subject: table, part: which of its parts */
    HF_TASK_EMPTY,      /* of tables without rows; subject: first of job->empty, part: how many */
    HF_TASK_SEQUENCES,  /* all of them */
    HF_TASK_ACL,        /* all ACL entries, in archive order */
    HF_TASK_LARGE,      /* large objects; subject: chunk */
    HF_TASK_LARGE_READ, /* their verification; subject: the first chunk of a range */
    HF_TASK_REFRESH,    /* subject: entry of a materialized view */
    HF_TASK_STATISTICS, /* of the source; subject: entry */
    HF_TASK_ANALYZE     /* subject: first table, part: how many from there on */
} hf_task_kind;

typedef enum hf_barrier { HF_BARRIER_LOADED, HF_BARRIER_BUILT } hf_barrier;

#define HF_NO_TASK SIZE_MAX

typedef struct hf_table_state {
    const hf_table *table;
    const hf_entry *entry; /* its TABLE entry; NULL: an extension made it */
    bool left_out;         /* no rows are loaded, nothing is verified */
    bool whole;            /* one worker loads it in one transaction */
    bool has_statistics;   /* of the source, and needs none of its own */
    bool waits_for_root;   /* it is loaded when all partitions of its root are */
    size_t loaded;         /* the task after which all rows are in */
    size_t verify_parts;
    size_t verify; /* the first of as many tasks */
    hf_row_digest seen;
} hf_table_state;

typedef struct hf_entry_state {
    hf_pass pass;
    bool broken;                /* failed, or depends on one that did */
    size_t task;                /* HF_NO_TASK unless it is one */
    size_t table;               /* index of its hf_table_state + 1; 0: none */
    HF_VECTOR(uint32_t) locked; /* entries of the relations that its statements lock */
} hf_entry_state;

/*
 * Tasks of one kind that the server may refuse for want of others.  They are tried again when all others are done, in
 * rounds, as long as a round gets any of them through.
 */
typedef struct hf_rounds {
    HF_VECTOR(size_t) parked; /* tasks */
    size_t open;              /* neither done nor parked */
    bool progress;            /* one was done since the last round began */
    bool is_last;             /* whatever fails now has failed */
} hf_rounds;

typedef struct hf_job {
    const hf_restore_options *options;
    const hf_manifest *manifest;
    const hf_archive *archive;
    hf_restore_report *report;
    size_t jobs;
    int server_version;

    hf_table_state *tables;    /* as in the manifest */
    hf_entry_state *entries;   /* as in the archive */
    HF_VECTOR(size_t) empty;   /* tables that the snapshot has no rows of */
    hf_row_digest pieces_seen; /* of large objects */
    hf_schedule schedule;

    hf_rounds loads;     /* a CHECK may read a table that is not loaded yet */
    hf_rounds refreshes; /* a function may read a materialized view that is not filled yet */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    hf_status status; /* the first failure that ends everything */
    hf_error error;
} hf_job;

void hf_job_init(hf_job *job, const hf_restore_options *options, const hf_archive *archive,
                 hf_restore_report *report);
void hf_job_done(hf_job *job);

/* The schedule of everything but HF_PASS_SCHEMA and HF_PASS_LAST.  Call after the server's version is known. */
HF_MUST_CHECK hf_status hf_job_plan(hf_job *job, hf_error *error);

/* Work through the schedule with job->jobs threads; or, with `only`, in the calling one over that session alone. */
HF_MUST_CHECK hf_status hf_job_run(hf_job *job, hf_restore_session *only, hf_error *error);

/*
 * Schema, rows, indexes, comparison and what comes last, into an empty database: over this session what must be so, the rest by
 * threads of their own; or all of it over this session if everything is one transaction.
 */
HF_MUST_CHECK hf_status hf_job_fill(hf_job *job, hf_restore_session *session, int64_t *phase_ms,
                                    hf_error *error);

/* All entries of one pass, in archive order, over one session; failures go into the report. */
HF_MUST_CHECK hf_status hf_job_build_pass(hf_job *job, hf_restore_session *session, hf_pass pass,
                                          hf_error *error);

/*
 * One entry, with its line in the report.  HF_OK also if the server refused it (the entry is then broken); an error only
 * for what ends the restore: no connection, a stop request.
 */
HF_MUST_CHECK hf_status hf_job_build_entry(hf_job *job, hf_restore_session *session, size_t entry,
                                           hf_error *error);

/* load.c */
HF_MUST_CHECK hf_status hf_load_table(hf_job *job, hf_restore_session *session, size_t table,
                                      hf_error *error);
HF_MUST_CHECK hf_status hf_load_chunk(hf_job *job, hf_restore_session *session, size_t table, size_t chunk,
                                      hf_error *error);

/* The table and columns that a table's rows are loaded into: "a"."b" ("x", "y"). */
void hf_load_sql_rows(hf_buf *sql, const hf_table *table);

/* What makes room in an extension's configuration table. */
void hf_load_sql_delete(hf_buf *sql, const hf_table *table);

/* finish.c */
void hf_finish_sql_setval(hf_buf *sql, const hf_sequence *sequence); /* the call of setval() */
HF_MUST_CHECK hf_status hf_set_sequences(hf_job *job, hf_restore_session *session, hf_error *error);
/* What the server refuses is returned, and reported by whoever does not try again. */
HF_MUST_CHECK hf_status hf_refresh(hf_job *job, hf_restore_session *session, size_t entry, hf_error *error);
void hf_refresh_failed(hf_job *job, size_t entry, const hf_error *error); /* under the mutex */
/* What the server refuses is a warning, and ANALYZE takes its place. */
HF_MUST_CHECK hf_status hf_take_statistics(hf_job *job, hf_restore_session *session, size_t entry,
                                           hf_error *error);
HF_MUST_CHECK hf_status hf_analyze(hf_job *job, hf_restore_session *session, size_t first, size_t count,
                                   hf_error *error);

/* An index or a check by a function is right only if the rows that the function reads are there, whosever they are. */
bool hf_entry_may_read_tables(const hf_entry *entry);

bool hf_task_is_load(const hf_task *task); /* of rows */

/* True for a failure of one statement, after which the connection can go on. */
bool hf_is_of_statement(hf_status status);

/* The same, but not for want of something (class 53) that whatever comes next will lack as well. */
bool hf_is_refusal(hf_status status, const hf_error *error);

#endif
