/*
 * What the catalogs say about the current database.  The queries stand in the folder sql beside this file; each is one statement
 * whatever the number of objects.  All run on the caller's transaction, so they see its snapshot.
 */
#ifndef HF_PG_CATALOG_H
#define HF_PG_CATALOG_H

#include "pg/connection.h"
#include "stream/row_digest.h"

typedef struct hf_pg_table {
    char *schema;
    char *name;
    uint32_t oid;
    uint32_t relfilenode;
    char relkind;
    char persistence;
    uint32_t pages;     /* of the heap now */
    bool readable;      /* SELECT on it and USAGE of its schema */
    bool rows_hidden;   /* row-level security applies to this role */
    bool binary_suits;  /* COPY's binary form is right for every column, and faster */
    hf_strings columns; /* in COPY order, without generated ones */
    char *root_schema;  /* of a partition: the table through which its rows are to be loaded; NULL: itself */
    char *root_name;
    char *condition; /* of a configuration table of an extension, "" for all its rows; NULL: not such a one */
} hf_pg_table;

typedef HF_VECTOR(hf_pg_table) hf_pg_tables;
void hf_pg_tables_done(hf_pg_tables *tables);

/*
 * Tables whose rows belong to a snapshot, by schema and name.  with_sizes: `pages` too, which takes a lock on each and so
 * may wait for one that is locked exclusively.
 */
HF_MUST_CHECK hf_status hf_pg_list_tables(hf_pg *pg, bool with_sizes, hf_pg_tables *ret_tables,
                                          hf_error *error);

typedef struct hf_pg_sequence {
    char *schema;
    char *name;
    int64_t last_value;
    bool is_called;
} hf_pg_sequence;

typedef HF_VECTOR(hf_pg_sequence) hf_pg_sequences;
void hf_pg_sequences_done(hf_pg_sequences *sequences);

/* All sequences with their values now (they are not MVCC), a few hundred a query. */
HF_MUST_CHECK hf_status hf_pg_list_sequences(hf_pg *pg, hf_pg_sequences *ret_sequences, hf_error *error);

/*
 * Append "COPY (SELECT columns FROM ONLY table WHERE ctid in [first_page, end_page)) TO STDOUT"; end 0: no bounds.  A
 * condition ("WHERE ...", NULL or "": none) holds as well.
 */
void hf_pg_sql_copy_out(hf_buf *sql, const char *schema, const char *name, const hf_strings *columns,
                        const char *condition, const char *format, uint32_t first_page, uint32_t end_page);

/* Append a condition ("WHERE ...", NULL or "": none); further: behind another one. */
void hf_pg_sql_condition(hf_buf *sql, const char *condition, bool further);

/* Append what a COPY needs after STDOUT or STDIN: " (FORMAT binary, FREEZE)", or nothing for plain text. */
void hf_pg_sql_copy_options(hf_buf *sql, const char *format, bool freeze);

/* A table as people read it: "schema.name", quoted only where SQL needs it.  The caller owns it. */
char *hf_pg_table_shown(const char *schema, const char *name);

#endif
