/*
 * What was written into a database since a snapshot, beside what the migrations did: table by table.
 *
 * Where only the application can have changed a table its rows are compared one by one, and the count is exact.  Where that cannot be
 * told it is unknown, which is never shown as 0.
 */
#ifndef HF_DEPLOY_WRITTEN_H
#define HF_DEPLOY_WRITTEN_H

#include <jansson.h>

#include "deploy/deploy.h"
#include "repository/manifest.h"
#include "restore/rows.h"

typedef struct hf_written_table {
    char *schema, *name;
    char *why; /* its rows are unknown; NULL: they are known */
    hf_row_changes changes;
} hf_written_table;

typedef struct hf_written {
    HF_VECTOR(hf_written_table) tables; /* that differ, beside those that only the migrations made */
    uint64_t rows;                      /* of those that are known */
    size_t unknown;                     /* tables */
} hf_written;
void hf_written_done(hf_written *written);

/* `database` of the server of options->url, NULL: that of the URL; `touches` is the journal's fact. */
HF_MUST_CHECK hf_status hf_written_look(const hf_deploy_options *options, const char *database,
                                        const hf_manifest *manifest, const json_t *touches,
                                        hf_written *ret_written, hf_error *error);

/* The fact `written`: {tables: [{schema, name, rows, added, removed, changed, why}], total}; rows and total are null where unknown. */
json_t *hf_written_json(const hf_written *written);

/* For the log: "public.orders: 3 rows (2 added, 1 changed)"; "unknown, because ...".  The caller owns it. */
char *hf_written_shown(const hf_written_table *table);

/* Is it the table, or a partition of the root, that is told of? */
bool hf_written_is_of(const hf_written_table *written, const hf_table *table);

/* A connection for hf_rows_compare(), in its transaction. */
HF_MUST_CHECK hf_status hf_written_connect(const char *url, const char *database, hf_pg **ret_pg,
                                           hf_error *error);

#endif
