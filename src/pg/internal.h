/* The connection as the files of pg/ see it. */
#ifndef HF_PG_INTERNAL_H
#define HF_PG_INTERNAL_H

#include <libpq-fe.h>

#include "base/buffer.h"
#include "pg/connection.h"

struct hf_pg {
    PGconn *conn;
    char *host;
    int version;
    hf_buf notices;
    int64_t patience_ms;  /* for an answer that cannot take long */
    int64_t cancelled_ms; /* when the last request to cancel was sent */
    int64_t deadline_ms;  /* of hf_pg_set_deadline(); 0: none */
    void (*watch)(void *context);
    void *watch_context;
    int error_position;
    char *error_detail;
    char *error_hint;
};

/*
 * Wait for the next result of the statement under way (NULL: it has ended).  A stop request sends one cancel and sets
 * *cancelled; the server's answer is still read.
 */
HF_MUST_CHECK hf_status hf_pg_next_result(hf_pg *pg, PGresult **ret_result, bool *cancelled, hf_error *error);

/* Ask the server to end the statement under way; its answer still has to be read. */
void hf_pg_cancel(hf_pg *pg);

/* Wait until the socket has something to read or, with for_writing, can take more; notices stop requests. */
HF_MUST_CHECK hf_status hf_pg_wait_socket(hf_pg *pg, bool for_writing, bool *cancelled, hf_error *error);

/* Fill error from a failed result (or from the connection when result is NULL); returns the code. */
hf_status hf_pg_fail(hf_pg *pg, const PGresult *result, hf_error *error);

/* Read and drop what is left of the statement under way, so that the next one can be sent. */
void hf_pg_drain(hf_pg *pg);

#endif
