/* COPY in both directions, text format. */
#ifndef HF_PG_COPY_H
#define HF_PG_COPY_H

#include "pg/connection.h"

/* Run a COPY ... TO STDOUT; on_row gets each line with its newline. */
HF_MUST_CHECK hf_status hf_pg_copy_out(hf_pg *pg, const char *sql,
                                       hf_status (*on_row)(void *context, const char *row, size_t len,
                                                           hf_error *error),
                                       void *context, hf_error *error);

/* Run a COPY ... FROM STDIN with all of data[0..len) as its input; *ret_rows as the server counted. */
HF_MUST_CHECK hf_status hf_pg_copy_in(hf_pg *pg, const char *sql, const char *data, size_t len,
                                      uint64_t *ret_rows, hf_error *error);

#endif
