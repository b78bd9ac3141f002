/* The queries of a salvage, on the live database with the temporary tables hf_after and hf_before; for salvage.c. */
#ifndef HF_DEPLOY_SALVAGE_SQL_H
#define HF_DEPLOY_SALVAGE_SQL_H

#include "base/buffer.h"
#include "base/memory.h"
#include "restore/rows.h"

#define HF_SALVAGE_SQL_MAX (4u << 20)

typedef struct hf_salvage_table {
    const char *sql; /* its name, quoted and qualified */
    const hf_strings *columns;
    const hf_strings *key; /* empty: none */
} hf_salvage_table;

/* Make both temporary tables. */
void hf_salvage_sql_temporary(hf_buf *sql, const hf_salvage_table *table);

/* COPY ... TO STDOUT of the rows that were added, changed (as they are now) or removed (as they were). */
void hf_salvage_sql_copy(hf_buf *sql, const hf_salvage_table *table, hf_row_change change);

/*
 * Queries that give a row a statement, {conflict (text or NULL), statement}: INSERT and UPDATE; what moves the sequences of the
 * table's columns beyond its values; DELETE.
 */
void hf_salvage_sql_put(hf_buf *sql, const hf_salvage_table *table);
void hf_salvage_sql_sequences(hf_buf *sql, const hf_salvage_table *table);
void hf_salvage_sql_remove(hf_buf *sql, const hf_salvage_table *table);

#endif
