/*
 * A connection to PostgreSQL.  The only door to libpq: results come as hf_rows.
 *
 * Passwords given in the URL are registered for redaction; error messages never hold the URL.  While a statement runs, a
 * stop request (base/signals.h) cancels it and the call returns HF_E_CANCELLED.  Error codes: HF_E_CONNECTION,
 * HF_E_AUTHENTICATION, HF_E_PRIVILEGE (42501), HF_E_LOCKED (55P03), else HF_E_DATABASE, with the SQLSTATE.
 */
#ifndef HF_PG_CONNECTION_H
#define HF_PG_CONNECTION_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

typedef struct hf_pg hf_pg;
typedef struct hf_rows hf_rows;

typedef struct hf_pg_options {
    const char *url;             /* postgresql://... or "host=... dbname=..." */
    const char *database;        /* instead of the URL's; NULL: as the URL says */
    const char *purpose;         /* application_name becomes "holdfast: <purpose>" */
    const char *const *settings; /* "name=value" to set and read back, NULL-terminated, or NULL */
    bool exact_text;             /* all settings that change the text of values (see session.c), read back */
    bool steady;                 /* no timeouts, and no read-only default; exact_text implies it */
} hf_pg_options;

/* Tries transient failures again, within about 20 s. */
HF_MUST_CHECK hf_status hf_pg_connect(const hf_pg_options *options, hf_pg **ret_pg, hf_error *error);
void hf_pg_free(hf_pg *pg);
void hf_pg_freep(hf_pg **pg);
#define HF_AUTO_PG HF_AUTO(hf_pg_freep) hf_pg *

int hf_pg_version(const hf_pg *pg);          /* 150018 */
int hf_pg_pid(const hf_pg *pg);              /* of the backend */
const char *hf_pg_database(const hf_pg *pg); /* borrowed */
const char *hf_pg_user(const hf_pg *pg);     /* borrowed */
const char *hf_pg_host(const hf_pg *pg);     /* borrowed; for messages */
const char *hf_pg_parameter(const hf_pg *pg,
                            const char *name); /* a reported one (server_encoding), or NULL */
bool hf_pg_is_alive(const hf_pg *pg);
bool hf_pg_in_transaction(const hf_pg *pg); /* open or failed */

/* Notices of the server are kept (the latest 64 KiB) until taken. */
char *hf_pg_take_notices(hf_pg *pg); /* caller owns; NULL when there are none */

/* How long to wait for an answer that cannot take long: connect_timeout of the URL, or 10 s.  After a cancel no more is waited. */
int64_t hf_pg_patience_ms(const hf_pg *pg);

/*
 * From then on (hf_monotonic_ms(); 0: never) the statement under way is cancelled, and its call returns HF_E_TIMEOUT.  Unlike
 * statement_timeout it is not a matter of each statement of a text, and no text can change it.
 */
void hf_pg_set_deadline(hf_pg *pg, int64_t monotonic_ms);

/*
 * Call `watch` about five times a second while a statement of this connection is under way and the server is silent; NULL: no
 * more.  It may use other connections, not this one.
 */
void hf_pg_set_watch(hf_pg *pg, void (*watch)(void *context), void *context);

/* One simple Query message, one or many statements, results thrown away; a COPY in it is ended with an error. */
HF_MUST_CHECK hf_status hf_pg_exec(hf_pg *pg, const char *sql, hf_error *error);
HF_MUST_CHECK hf_status hf_pg_execf(hf_pg *pg, hf_error *error, const char *fmt, ...) HF_PRINTF(3, 4);

/* One statement with text parameters ($1...), by the extended protocol. */
HF_MUST_CHECK hf_status hf_pg_query(hf_pg *pg, const char *sql, int count, const char *const *params,
                                    hf_rows **ret_rows, hf_error *error);

/* The first column of the first row as text (caller owns), NULL for SQL null or no row. */
HF_MUST_CHECK hf_status hf_pg_query_text(hf_pg *pg, const char *sql, int count, const char *const *params,
                                         char **ret_text, hf_error *error);

/* Position (1-based, characters) of the last error in its SQL text, and its DETAIL and HINT; 0 and "" if none. */
int hf_pg_error_position(const hf_pg *pg);
const char *hf_pg_error_detail(const hf_pg *pg);
const char *hf_pg_error_hint(const hf_pg *pg);

/* Rows. */
size_t hf_rows_count(const hf_rows *rows);
size_t hf_rows_columns(const hf_rows *rows);
const char *hf_rows_name(const hf_rows *rows, size_t column);
const char *hf_rows_get(const hf_rows *rows, size_t row, size_t column); /* borrowed; NULL for SQL null */
const char *hf_rows_text(const hf_rows *rows, size_t row,
                         const char *column); /* by name; asserts that it exists */
int64_t hf_rows_int(const hf_rows *rows, size_t row, const char *column); /* 0 for SQL null */
bool hf_rows_bool(const hf_rows *rows, size_t row, const char *column);
void hf_rows_free(hf_rows *rows);
void hf_rows_freep(hf_rows **rows);
#define HF_AUTO_ROWS HF_AUTO(hf_rows_freep) hf_rows *

/* "name" and 'text' quoted for SQL (standard_conforming_strings is on everywhere here), appended. */
void hf_sql_name(hf_buf *sql, const char *name);
void hf_sql_qualified(hf_buf *sql, const char *schema, const char *name);
void hf_sql_literal(hf_buf *sql, const char *text);

/*
 * A URL that names another database of the same server, with everything else as in `url` (the password too).  The caller
 * owns it and registers nothing.  HF_E_USAGE if url is malformed.
 */
HF_MUST_CHECK hf_status hf_pg_url_with_database(const char *url, const char *database, char **ret_url,
                                                hf_error *error);

/*
 * A URL whose sessions begin with this setting ("name=value"), whatever the server's, the database's and the role's defaults
 * are: it is added to the URL's `options`.  The caller owns it.
 */
HF_MUST_CHECK hf_status hf_pg_url_with_setting(const char *url, const char *setting, char **ret_url,
                                               hf_error *error);

/*
 * A parameter of the URL's query part, decoded (caller owns), or NULL.  Prisma's own ones (schema, pgbouncer,
 * connection_limit, ...) are left out of what libpq sees.
 */
char *hf_pg_url_parameter(const char *url, const char *name);

/* The database's name that the URL means (libpq's rules: the user's name where none is given).  The caller owns it. */
char *hf_pg_url_database(const char *url);

/* The parameters libpq would use, as environment ("PGHOST=...", PGPASSWORD too), for a child; for pg_dump. */
HF_MUST_CHECK hf_status hf_pg_url_environment(const char *url, const char *database, hf_strings *ret_env,
                                              hf_error *error);

/*
 * Never show this URL again (base/log.h), nor the passwords in it, as they stand, decoded or encoded, nor PGPASSWORD.  Also
 * for a URL that is malformed.
 */
void hf_pg_url_redact(const char *url);

/* Without password and other secrets, for people: "postgresql://user@host:5432/db".  The caller owns it. */
char *hf_pg_url_shown(const char *url);

#endif
