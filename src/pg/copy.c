/*
 * COPY.  Rows go through libpq's own buffer; a stop request cancels the statement, and what the server still sends is read
 * before the error is returned, so that the connection stays usable.
 */
#include "pg/copy.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/signals.h"
#include "pg/internal.h"

#define COPY_IN_PIECE (64u << 10)

/*
 * The server sends 8 KiB at a time, and a client that wakes for each costs more than it gains where both share the cores.
 * So the socket reports data only when so much has gathered, or after a moment, for the end of the stream may be smaller.
 * Measured on two cores: a snapshot in 1.8 s instead of 2.2 s.
 */
#define GATHER_BYTES (128 << 10)
#define GATHER_MS 2
#define GATHER_AFTER_BYTES (1u << 20) /* a short COPY does not wait at its end */

typedef struct gatherer {
    hf_pg *pg;
    bool on;
    int there; /* bytes that waited in the socket at the last look */
} gatherer;

static void set_low_mark(const gatherer *self, int bytes)
{
    (void) setsockopt(PQsocket(self->pg->conn), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

/* Has anything come since the last look?  What stays (half a TLS record) is of no use yet. */
static bool has_news(gatherer *self)
{
    int before = self->there;

    self->there = 0;
    (void) ioctl(PQsocket(self->pg->conn), FIONREAD, &self->there);
    return self->there > 0 && self->there != before;
}

static hf_status read_more(gatherer *self, bool *cancelled, hf_error *error)
{
    struct pollfd fd = {.fd = PQsocket(self->pg->conn), .events = POLLIN};

    if (!self->on) {
        HF_TRY(hf_pg_wait_socket(self->pg, false, cancelled, error));
    } else if (!has_news(self) && poll(&fd, 1, GATHER_MS) == 0 && !has_news(self)) {
        set_low_mark(self, 1); /* the server is silent: its next byte counts */
        HF_TRY(hf_pg_wait_socket(self->pg, false, cancelled, error));
        set_low_mark(self, GATHER_BYTES);
    }
    if (hf_stop_requested() && !*cancelled) {
        hf_pg_cancel(self->pg);
        *cancelled = true;
    }
    if (PQconsumeInput(self->pg->conn) == 0)
        return hf_pg_fail(self->pg, NULL, error);
    return HF_OK;
}

/* ---- the binary format's frame: PostgreSQL's documentation of COPY, "Binary Format" ---- */

const char hf_copy_binary_header[HF_COPY_BINARY_HEADER] = "PGCOPY\n\377\r\n\0"; /* no flags, no extension */
const char hf_copy_binary_trailer[HF_COPY_BINARY_TRAILER] = {'\377', '\377'};   /* a row of -1 columns */

/* The server sends the header before the first row, in the same message; the trailer is a message of its own. */
static hf_status strip_frame(bool *first, const char **row, size_t *len, hf_error *error)
{
    if (*first) {
        if (*len < HF_COPY_BINARY_HEADER || memcmp(*row, hf_copy_binary_header, HF_COPY_BINARY_HEADER) != 0)
            return hf_fail(error, HF_E_DATABASE, "the server's binary COPY begins with an unknown header");
        *row += HF_COPY_BINARY_HEADER;
        *len -= HF_COPY_BINARY_HEADER;
        *first = false;
    }
    if (*len == HF_COPY_BINARY_TRAILER && memcmp(*row, hf_copy_binary_trailer, HF_COPY_BINARY_TRAILER) == 0)
        *len = 0;
    return HF_OK;
}

/* Send the statement and wait until the server is ready for the copy. */
static hf_status begin(hf_pg *pg, const char *sql, ExecStatusType expected, bool *ret_binary, hf_error *error)
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
    else
        *ret_binary = PQbinaryTuples(result) == 1;
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
    gatherer gather = {.pg = pg};
    uint64_t bytes = 0;
    char *message = NULL;
    bool binary = false, first = true;
    int len;

    HF_TRY(begin(pg, sql, PGRES_COPY_OUT, &binary, error));
    while ((len = PQgetCopyData(pg->conn, &message, 1)) >= 0) {
        if (len == 0) { /* nothing complete yet */
            if (!gather.on && bytes > GATHER_AFTER_BYTES) {
                gather.on = true;
                set_low_mark(&gather, GATHER_BYTES);
            }
            HF_TRY(read_more(&gather, &cancelled, error));
            continue;
        }
        bytes += (uint64_t) len;

        const char *row = message;
        size_t row_len = (size_t) len;
        hf_status status = binary ? strip_frame(&first, &row, &row_len, error) : HF_OK;

        if (status == HF_OK && row_len > 0)
            status = on_row(context, row, row_len, error);
        PQfreemem(message);
        if (status != HF_OK) {
            if (gather.on)
                set_low_mark(&gather, 1);
            hf_pg_cancel(pg);
            while (PQgetCopyData(pg->conn, &message, 0) > 0)
                PQfreemem(message);
            hf_pg_drain(pg);
            return status;
        }
    }
    if (gather.on)
        set_low_mark(&gather, 1);
    return end(pg, &cancelled, &rows, error);
}

hf_status hf_pg_copy_in(hf_pg *pg, const char *sql, const char *data, size_t len, uint64_t *ret_rows,
                        hf_error *error)
{
    bool cancelled = false, binary;

    HF_TRY(begin(pg, sql, PGRES_COPY_IN, &binary, error));
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
