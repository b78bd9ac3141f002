/*
 * Finding and running pg_dump for the schema alone.
 *
 * The one used has the server's major version, else the next newer; searched in `configured` (a program or a command),
 * PATH and Debian's /usr/lib/postgresql/<version>/bin.  The password goes by the environment, never by argv.
 */
#ifndef HF_PG_PG_DUMP_H
#define HF_PG_PG_DUMP_H

#include "pg/archive.h"
#include "pg/connection.h"

typedef struct hf_pg_dump {
    hf_strings argv;    /* the program, or a command that reaches one */
    int major;          /* 15 */
    char *version;      /* "pg_dump (PostgreSQL) 15.18" */
    int64_t timeout_ms; /* of hf_pg_dump_schema(); 0: an hour */
    bool statistics;    /* the planner's too, from version 18 on: entries "STATISTICS DATA" */
} hf_pg_dump;

/* configured: argv of the configuration, or NULL.  HF_E_PG_DUMP names the package to install. */
HF_MUST_CHECK hf_status hf_pg_dump_find(const hf_strings *configured, int server_version,
                                        hf_pg_dump *ret_dump, hf_error *error);
void hf_pg_dump_done(hf_pg_dump *dump);

/* Dump the schema of the URL's database (or `database`), seen through an exported snapshot (or NULL), and parse it. */
HF_MUST_CHECK hf_status hf_pg_dump_schema(const hf_pg_dump *dump, const char *url, const char *database,
                                          const char *snapshot, hf_archive **ret_archive, hf_error *error);

#endif
