/*
 * Restoring a snapshot into a new database.
 *
 * plan (what the server lacks, before the first byte) -> create -> schema -> rows, indexes, constraints and verification
 * in parallel, each as soon as what it needs is there -> ACL, materialized views, statistics, event triggers -> the
 * database's own properties.  While it is under way the database bears a comment that says so; the true comment is put
 * last.  If anything fails the database is dropped again, unless it is to be kept.
 */
#ifndef HF_RESTORE_H
#define HF_RESTORE_H

#include <jansson.h>

#include "base/progress.h"
#include "repository/repository.h"
#include "restore/roles.h"
#include "restore/verify.h"

typedef struct hf_restore_options {
    hf_repository *repository;
    const hf_manifest *manifest;
    const char *url;             /* any database of the server, by a role that may create databases */
    const char *database;        /* to create */
    size_t jobs;                 /* connections at work; 0: 2 */
    bool no_owner;               /* everything belongs to the connecting role */
    bool no_acl;                 /* no GRANT or REVOKE */
    const hf_role_map *role_map; /* roles to give another name; NULL: none */
    bool no_analyze;             /* leave statistics to autovacuum */
    bool keep_on_failure;
    bool
        replace_unfinished; /* drop what an interrupted restore left under this name; a finished one is never replaced */
    hf_progress *progress; /* or NULL; total_bytes is set here */
    void (*on_phase)(void *context,
                     const char *phase); /* "plan", "create", "schema", "data", "finish"; or NULL */
    void *context;
} hf_restore_options;

typedef enum hf_outcome { HF_OUTCOME_RESTORED, HF_OUTCOME_SKIPPED, HF_OUTCOME_FAILED } hf_outcome;

typedef struct hf_restored {
    char *
        kind; /* as pg_dump names it, and "TABLE DATA", "SEQUENCE SET", "MATERIALIZED VIEW DATA", "DATABASE" */
    char *schema; /* NULL: none */
    char *name;
    hf_outcome outcome;
    char *why;     /* NULL when restored */
    uint64_t rows; /* of TABLE DATA */
} hf_restored;

typedef struct hf_restore_phase {
    const char *name;
    int64_t took_ms;
} hf_restore_phase;

typedef struct hf_restore_report {
    char *database;
    char *snapshot;
    HF_VECTOR(hf_restored) objects;
    HF_VECTOR(hf_restore_phase) phases;
    hf_difference_list differences; /* empty when verified */
    hf_strings warnings;
    hf_strings create_roles; /* statements that would make the roles that the server lacks */
    uint64_t rows;
    uint64_t bytes; /* raw bytes loaded */
    bool verified;  /* every table was read back and is equal */
    bool dropped;   /* the database was dropped again */
    int64_t took_ms;
    int64_t load_ms; /* time of the workers, added up */
    int64_t build_ms;
    int64_t verify_ms;
} hf_restore_report;

void hf_restore_report_done(hf_restore_report *report);
json_t *hf_restore_report_json(const hf_restore_report *report); /* caller owns */
size_t hf_restore_report_count(const hf_restore_report *report, hf_outcome outcome);

/*
 * ret_report (zeroed by the caller) is filled also on failure, as far as it went.  HF_E_EXISTS: the database exists;
 * HF_E_NOT_FOUND: the server lacks something, all of it listed; HF_E_MISMATCH: what was restored differs; HF_E_DATABASE:
 * objects failed, see the report.
 */
HF_MUST_CHECK hf_status hf_restore_run(const hf_restore_options *options, hf_restore_report *ret_report,
                                       hf_error *error);

/* Drop a database, ending its sessions; one that does not exist is no error.  Stop requests wait until the end. */
HF_MUST_CHECK hf_status hf_restore_drop(const char *url, const char *database, hf_error *error);

#endif
