/*
 * COPY.  Rows go through libpq's own buffer; a stop request cancels the statement, and what the server still sends is read
 * before the error is returned, so that the connection stays usable.
 */
#include "pg/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "pg/internal.h"

#define COPY_IN_PIECE (64u << 10)

/* Send the statement and wait until the server is ready for the copy. */
static hf_status begin(hf_pg *pg, const char *sql, ExecStatusType expected, hf_error *error)
{
    bool cancelled = false;
    PGresult *result = NULL;

    if (PQsendQuery(pg->conn, sql) == 0)
        return hf_pg_fail(pg, NULL, error);
    HF_TRY(hf_pg_next_result(pg, &result, &cancelled, error));

    ExecStatusType kind = PQresultStatus(result);
    hf_status status = HF_OK;

    if (kind != expected)
        status = kind == PGRES_FATAL_ERROR || result == NULL
                     ? hf_pg_fail(pg, result, error)
                     : hf_fail(error, HF_E_DATABASE, "the server did not begin the COPY");
    PQclear(result);
    if (status != HF_OK) {
        hf_pg_drain(pg);
        return cancelled ? hf_fail(error, HF_E_CANCELLED, "stopped by a signal") : status;
    }
    return HF_OK;
}

/* The command's own result after the data. */
static hf_status end(hf_pg *pg, bool *cancelled, uint64_t *ret_rows, hf_error *error)
{
    PGresult *result = NULL;
    hf_status status = hf_pg_next_result(pg, &result, cancelled, error);

    if (status == HF_OK) {
        if (PQresultStatus(result) == PGRES_COMMAND_OK)
            *ret_rows = strtoull(PQcmdTuples(result), NULL, 10);
        else
            status = hf_pg_fail(pg, result, error);
    }
    PQclear(result);
    if (PQstatus(pg->conn) == CONNECTION_OK)
        hf_pg_drain(pg);
    return *cancelled && status != HF_OK ? hf_fail(error, HF_E_CANCELLED, "stopped by a signal") : status;
}

hf_status hf_pg_copy_out(hf_pg *pg, const char *sql,
                         hf_status (*on_row)(void *context, const char *row, size_t len, hf_error *error),
                         void *context, hf_error *error)
{
    bool cancelled = false;
    uint64_t rows = 0;
    char *row = NULL;
    int len;

    HF_TRY(begin(pg, sql, PGRES_COPY_OUT, error));
    while ((len = PQgetCopyData(pg->conn, &row, 1)) >= 0) {
        if (len == 0) { /* nothing complete yet */
            HF_TRY(hf_pg_wait_socket(pg, false, &cancelled, error));
            if (PQconsumeInput(pg->conn) == 0)
                return hf_pg_fail(pg, NULL, error);
            continue;
        }

        hf_status status = on_row(context, row, (size_t) len, error);
        PQfreemem(row);
        if (status != HF_OK) {
            char ignored[256];
            PGcancel *cancel = PQgetCancel(pg->conn);

            (void) PQcancel(cancel, ignored, sizeof(ignored));
            PQfreeCancel(cancel);
            while (PQgetCopyData(pg->conn, &row, 0) > 0)
                PQfreemem(row);
            hf_pg_drain(pg);
            return status;
        }
    }
    return end(pg, &cancelled, &rows, error);
}

hf_status hf_pg_copy_in(hf_pg *pg, const char *sql, const char *data, size_t len, uint64_t *ret_rows,
                        hf_error *error)
{
    bool cancelled = false;

    HF_TRY(begin(pg, sql, PGRES_COPY_IN, error));
    for (size_t at = 0; at < len;) {
        size_t piece = len - at < COPY_IN_PIECE ? len - at : COPY_IN_PIECE;

        if (hf_stop_requested()) {
            (void) PQputCopyEnd(pg->conn, "stopped by a signal");
            hf_pg_drain(pg);
            return hf_fail(error, HF_E_CANCELLED, "stopped by a signal");
        }
        if (PQputCopyData(pg->conn, data + at, (int) piece) < 0)
            break; /* the reason is in the result */
        at += piece;
    }
    (void) PQputCopyEnd(pg->conn, NULL);
    return end(pg, &cancelled, ret_rows, error);
}
