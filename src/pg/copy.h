/* COPY in both directions, in text or binary format as the statement says. */
#ifndef HF_PG_COPY_H
#define HF_PG_COPY_H

#include "pg/connection.h"

/* What frames the rows of a binary COPY: a whole input is header, rows, trailer. */
#define HF_COPY_BINARY_HEADER 19
#define HF_COPY_BINARY_TRAILER 2
extern const char hf_copy_binary_header[HF_COPY_BINARY_HEADER];
extern const char hf_copy_binary_trailer[HF_COPY_BINARY_TRAILER];

/* Run a COPY ... TO STDOUT; on_row gets each row: a line with its newline, or a binary row without the frame. */
HF_MUST_CHECK hf_status hf_pg_copy_out(hf_pg *pg, const char *sql,
                                       hf_status (*on_row)(void *context, const char *row, size_t len,
                                                           hf_error *error),
                                       void *context, hf_error *error);

/* Run a COPY ... FROM STDIN with all of data[0..len) as its input; *ret_rows as the server counted. */
HF_MUST_CHECK hf_status hf_pg_copy_in(hf_pg *pg, const char *sql, const char *data, size_t len,
                                      uint64_t *ret_rows, hf_error *error);

#endif
