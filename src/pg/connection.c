#include "pg/connection.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/retry.h"
#include "base/signals.h"
#include "base/text.h"
#include "pg/internal.h"
#include "pg/session.h"
#include "pg/url.h"

#define NOTICES_MAX (64u << 10)
#define SQL_MAX (1024u << 20)
#define DISK_FULL "53100"
#define OLDEST_SERVER 140000 /* TID range scans, idle_session_timeout, pg_read_all_data */
#define PATIENCE_MS 10000 /* for an answer that cannot take long; connect_timeout in the URL says otherwise */
#define POLL_MS 200       /* how soon a stop request is noticed while the server is silent */

static const struct {
    const char *sqlstate; /* whole, or a class of two characters */
    hf_status code;
} sqlstate_codes[] = {
    {"08", HF_E_CONNECTION},    {"28", HF_E_AUTHENTICATION}, {"42501", HF_E_PRIVILEGE},
    {"53300", HF_E_CONNECTION}, {"55P03", HF_E_LOCKED},      {"57P01", HF_E_CONNECTION},
    {"57P02", HF_E_CONNECTION}, {"57P03", HF_E_CONNECTION},  {"57P05", HF_E_CONNECTION},
};

static hf_status code_of_sqlstate(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(sqlstate_codes) / sizeof(sqlstate_codes[0]); i++)
        if (hf_starts_with(sqlstate, sqlstate_codes[i].sqlstate))
            return sqlstate_codes[i].code;
    return HF_E_DATABASE;
}

/* One line without "ERROR:  " and trailing newline. */
static char *first_line(const char *text)
{
    size_t len = strcspn(text, "\n");
    return hf_strndup(text, len);
}

/* "No space left" alone sounds as if it were this machine's. */
static hf_status hint_at_disk(hf_error *error)
{
    return hf_hint(error, "a disk of the database server is full: make room there, then try again");
}

hf_status hf_pg_fail(hf_pg *pg, const PGresult *result, hf_error *error)
{
    const char *sqlstate = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *position = result != NULL ? PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) : NULL;

    free(pg->error_detail);
    free(pg->error_hint);
    pg->error_detail = hf_strdup(result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL);
    pg->error_hint = hf_strdup(result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL);
    pg->error_position = position != NULL ? (int) strtol(position, NULL, 10) : 0;

    if (sqlstate == NULL) {
        HF_AUTO_STR line = first_line(PQerrorMessage(pg->conn));

        (void) hf_fail(error, HF_E_CONNECTION, "the connection to %s was lost: %s", pg->host,
                       line[0] != '\0' ? line : "no message");
        return hf_hint(
            error, "PostgreSQL may have been restarted, or a firewall dropped the connection; its log tells");
    }

    hf_status code = code_of_sqlstate(sqlstate);

    (void) hf_fail(error, code, "%s%s%s", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                   pg->error_detail != NULL ? "; " : "", pg->error_detail != NULL ? pg->error_detail : "");
    if (error != NULL) {
        (void) snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
        if (hf_streq(sqlstate, DISK_FULL))
            (void) hint_at_disk(error);
        else if (pg->error_hint != NULL)
            (void) hf_hint(error, "%s", pg->error_hint);
    }
    return code;
}

int hf_pg_error_position(const hf_pg *pg)
{
    return pg->error_position;
}

const char *hf_pg_error_detail(const hf_pg *pg)
{
    return pg->error_detail != NULL ? pg->error_detail : "";
}

const char *hf_pg_error_hint(const hf_pg *pg)
{
    return pg->error_hint != NULL ? pg->error_hint : "";
}

/* ---- connecting ---- */

static void keep_notice(void *context, const PGresult *result)
{
    hf_pg *pg = context;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (message == NULL || pg->notices.overflowed)
        return;
    hf_buf_printf(&pg->notices, "%s%s: %s", pg->notices.len > 0 ? "\n" : "",
                  severity != NULL ? severity : "NOTICE", message);
}

/*
 * A refused login as an error.  With verbose messages libpq writes "FATAL:  28P01: text"; failures on this side have no
 * SQLSTATE.
 */
static hf_status fail_connect(PGconn *conn, const char *host, hf_error *error)
{
    const char *text = PQerrorMessage(conn);
    const char *fatal = strstr(text, "FATAL:  ");
    char sqlstate[6] = "";

    if (fatal != NULL && strlen(fatal) > 15 && strncmp(fatal + 13, ": ", 2) == 0) {
        memcpy(sqlstate, fatal + 8, 5);
        text = fatal + 15;
    }

    HF_AUTO_STR line = first_line(text);
    hf_status code = sqlstate[0] != '\0' ? code_of_sqlstate(sqlstate) : HF_E_CONNECTION;

    if (code == HF_E_CONNECTION &&
        (PQconnectionNeedsPassword(conn) || strstr(text, "no password supplied") != NULL))
        code = HF_E_AUTHENTICATION;
    (void) hf_fail(error, code, "cannot connect to %s: %s", host, line);
    if (error != NULL)
        memcpy(error->sqlstate, sqlstate, sizeof(sqlstate));

    if (code == HF_E_AUTHENTICATION)
        return hf_hint(error, "check user and password in the database URL, and pg_hba.conf on the server");
    if (hf_streq(sqlstate, "3D000"))
        return hf_hint(error, "check the database's name at the end of the database URL");
    /* the first session of a database writes that file, and says no more than this when the disk is full */
    if (hf_streq(sqlstate, DISK_FULL) || strstr(text, "could not write init file") != NULL)
        return hint_at_disk(error);
    if (hf_starts_with(sqlstate, "53") && strstr(text, "HINT:  ") != NULL) {
        HF_AUTO_STR hint = first_line(strstr(text, "HINT:  ") + strlen("HINT:  "));
        return hf_hint(error, "%s", hint);
    }
    if (hf_streq(sqlstate, "55000"))
        return hf_hint(error,
                       "if a swap of databases was cut short, `holdfast resume` lets clients in again");
    if (code == HF_E_CONNECTION)
        return hf_hint(
            error,
            "check host and port in the database URL, and that the server runs and can be reached from here");
    return code;
}

/* Drive an asynchronous connect to its end; looks for stop requests meanwhile. */
static hf_status await_connect(PGconn *conn, const char *host, int64_t deadline_ms, hf_error *error)
{
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    while (want != PGRES_POLLING_OK) {
        if (want == PGRES_POLLING_FAILED)
            return fail_connect(conn, host, error);
        if (hf_monotonic_ms() > deadline_ms) {
            (void) hf_fail(error, HF_E_CONNECTION, "cannot connect to %s: no answer in time", host);
            return hf_hint(error,
                           "check host, port and firewalls; connect_timeout in the URL changes the limit");
        }
        HF_TRY(hf_stop_check(error));

        struct pollfd fd = {.fd = PQsocket(conn), .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (poll(&fd, 1, POLL_MS) > 0)
            want = PQconnectPoll(conn);
    }
    return HF_OK;
}

typedef struct conn_parameters {
    const char *keywords[64];
    const char *values[64];
    size_t count;
} conn_parameters;

static void set_parameter(conn_parameters *parameters, const char *keyword, const char *value)
{
    parameters->keywords[parameters->count] = keyword;
    parameters->values[parameters->count++] = value;
}

static const char *given(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++)
        if (hf_streq(options->keyword, keyword))
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
    return NULL;
}

static char *describe_host(const PQconninfoOption *options)
{
    const char *host = given(options, "host") != NULL ? given(options, "host") : given(options, "hostaddr");
    const char *port = given(options, "port");

    return hf_format("\"%s:%s\"",
                     host != NULL               ? host
                     : getenv("PGHOST") != NULL ? getenv("PGHOST")
                                                : "local socket",
                     port != NULL ? port : "5432");
}

static int64_t patience(const PQconninfoOption *url)
{
    const char *timeout = given(url, "connect_timeout");
    const int64_t seconds = timeout != NULL ? strtol(timeout, NULL, 10) : 0;

    /* 0 is no limit to libpq: it is left to us */
    return seconds > 0 && seconds <= INT32_MAX ? 1000 * seconds : PATIENCE_MS;
}

static hf_status connect_once(const PQconninfoOption *url, const hf_pg_options *options, const char *host,
                              PGconn **ret_conn, hf_error *error)
{
    HF_AUTO_STR name = hf_format("holdfast: %s", options->purpose);
    conn_parameters parameters = {.count = 0};
    const int64_t timeout_ms = patience(url);

    for (const PQconninfoOption *option = url; option->keyword != NULL && parameters.count < 50; option++)
        if (option->val != NULL && option->val[0] != '\0' && !hf_streq(option->keyword, "application_name") &&
            !hf_streq(option->keyword, "client_encoding") &&
            !(options->database != NULL && hf_streq(option->keyword, "dbname")))
            set_parameter(&parameters, option->keyword, option->val);
    if (options->database != NULL)
        set_parameter(&parameters, "dbname", options->database);
    set_parameter(&parameters, "application_name", name);
    set_parameter(&parameters, "client_encoding", "UTF8");
    /* hosts drop idle connections silently, and a stalled server must end an attempt some day */
    if (given(url, "keepalives_idle") == NULL)
        set_parameter(&parameters, "keepalives_idle", "30");
    if (given(url, "keepalives_interval") == NULL)
        set_parameter(&parameters, "keepalives_interval", "10");
    if (given(url, "keepalives_count") == NULL)
        set_parameter(&parameters, "keepalives_count", "6");

    PGconn *conn = PQconnectStartParams(parameters.keywords, parameters.values, 0);
    hf_status status;

    if (conn == NULL)
        return hf_fail(error, HF_E_MEMORY, "out of memory while connecting");
    (void) PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    if (PQstatus(conn) == CONNECTION_BAD)
        status = fail_connect(conn, host, error);
    else
        status = await_connect(conn, host, hf_monotonic_ms() + timeout_ms, error);
    if (status != HF_OK) {
        PQfinish(conn);
        return status;
    }
    (void) PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    *ret_conn = conn;
    return HF_OK;
}

/* Set "name=value" settings in one statement and compare what the server says they are now. */
static hf_status apply_settings(hf_pg *pg, const char *const *settings, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    HF_AUTO_ROWS rows = NULL;

    for (size_t i = 0; settings[i] != NULL; i++) {
        const char *equals = strchr(settings[i], '=');
        HF_AUTO_STR name = hf_strndup(settings[i], (size_t) (equals - settings[i]));

        hf_buf_puts(&sql, i == 0 ? "SELECT pg_catalog.set_config(" : ", pg_catalog.set_config(");
        hf_sql_literal(&sql, name);
        hf_buf_puts(&sql, ", ");
        hf_sql_literal(&sql, equals + 1);
        hf_buf_puts(&sql, ", false)");
    }
    if (sql.len == 0)
        return HF_OK;
    HF_TRY(hf_pg_query(pg, hf_buf_text(&sql), 0, NULL, &rows, error));
    for (size_t i = 0; settings[i] != NULL; i++) {
        const char *want = strchr(settings[i], '=') + 1;
        const char *is = hf_rows_get(rows, 0, i);

        if (!hf_streq(want, is) && !(want[0] == '\0' && hf_streq(is, "\"\"")))
            return hf_fail(error, HF_E_DATABASE,
                           "the server does not keep the setting \"%s\": it says \"%s\"", settings[i],
                           is != NULL ? is : "");
    }
    return HF_OK;
}

static hf_status prepare_session(hf_pg *pg, const hf_pg_options *options, hf_error *error)
{
    pg->version = PQserverVersion(pg->conn);
    if (pg->version < OLDEST_SERVER) {
        (void) hf_fail(error, HF_E_UNSUPPORTED,
                       "the server is PostgreSQL %d, and %d is the oldest that can be served",
                       pg->version / 10000, OLDEST_SERVER / 10000);
        return HF_E_UNSUPPORTED;
    }
    /* text of a database without an encoding is passed on byte for byte */
    if (hf_streq(PQparameterStatus(pg->conn, "server_encoding"), "SQL_ASCII"))
        HF_TRY(hf_pg_exec(pg, "SET client_encoding = 'SQL_ASCII'", error));
    if (options->exact_text)
        HF_TRY(apply_settings(pg, hf_pg_exact_settings, error));
    else if (options->steady)
        HF_TRY(apply_settings(pg, hf_pg_steady_settings, error));
    if ((options->exact_text || options->steady) && pg->version >= 170000)
        HF_TRY(apply_settings(pg, hf_pg_steady_settings_17, error));
    if (options->settings != NULL)
        HF_TRY(apply_settings(pg, options->settings, error));
    return HF_OK;
}

hf_status hf_pg_connect(const hf_pg_options *options, hf_pg **ret_pg, hf_error *error)
{
    PQconninfoOption *url = NULL;
    PGconn *conn = NULL;
    hf_retry retry = hf_retry_default();
    hf_status status;

    retry.max_total_ms = 20000;
    HF_TRY(hf_pg_url_parse(options->url, &url, error));
    hf_pg_url_redact(options->url);

    HF_AUTO_STR host = describe_host(url);
    do {
        status = connect_once(url, options, host, &conn, error);
    } while (status != HF_OK && hf_retry_again(&retry, status, 0));
    const int64_t patience_ms = patience(url);
    PQconninfoFree(url);
    if (status != HF_OK)
        return status;

    HF_AUTO_PG pg = hf_alloc(sizeof(*pg));
    *pg = (hf_pg){
        .patience_ms = patience_ms, .conn = conn, .host = HF_TAKE(host), .notices = HF_BUF_MAX(NOTICES_MAX)};
    (void) PQsetNoticeReceiver(conn, keep_notice, pg);
    HF_TRY(prepare_session(pg, options, error));
    *ret_pg = HF_TAKE(pg);
    return HF_OK;
}

void hf_pg_free(hf_pg *pg)
{
    if (pg == NULL)
        return;
    PQfinish(pg->conn);
    free(pg->host);
    free(pg->error_detail);
    free(pg->error_hint);
    hf_buf_done(&pg->notices);
    free(pg);
}

void hf_pg_freep(hf_pg **pg)
{
    hf_pg_free(*pg);
    *pg = NULL;
}

int hf_pg_version(const hf_pg *pg)
{
    return pg->version;
}

int hf_pg_pid(const hf_pg *pg)
{
    return PQbackendPID(pg->conn);
}

const char *hf_pg_database(const hf_pg *pg)
{
    return PQdb(pg->conn);
}

const char *hf_pg_user(const hf_pg *pg)
{
    return PQuser(pg->conn);
}

const char *hf_pg_host(const hf_pg *pg)
{
    return pg->host;
}

const char *hf_pg_parameter(const hf_pg *pg, const char *name)
{
    return PQparameterStatus(pg->conn, name);
}

bool hf_pg_is_alive(const hf_pg *pg)
{
    return PQstatus(pg->conn) == CONNECTION_OK;
}

bool hf_pg_in_transaction(const hf_pg *pg)
{
    PGTransactionStatusType status = PQtransactionStatus(pg->conn);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

char *hf_pg_take_notices(hf_pg *pg)
{
    if (pg->notices.len == 0)
        return NULL;
    return hf_buf_take(&pg->notices);
}

/* ---- statements ---- */

static void *send_cancel(void *cancel)
{
    char ignored[256];

    (void) PQcancel(cancel, ignored, sizeof(ignored));
    PQfreeCancel(cancel);
    return NULL;
}

/* PQcancel() waits for the server without a limit, so a thread of its own does, and is left behind where the server stands still. */
void hf_pg_cancel(hf_pg *pg)
{
    PGcancel *cancel = PQgetCancel(pg->conn);
    pthread_t thread;
    struct timespec until;

    pg->cancelled_ms = hf_monotonic_ms();
    if (cancel == NULL || pthread_create(&thread, NULL, send_cancel, cancel) != 0) {
        PQfreeCancel(cancel);
        return;
    }
    (void) clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t) (pg->patience_ms / 1000);
    if (pthread_timedjoin_np(thread, NULL, &until) != 0)
        (void) pthread_detach(thread);
}

int64_t hf_pg_patience_ms(const hf_pg *pg)
{
    return pg->patience_ms;
}

void hf_pg_set_deadline(hf_pg *pg, int64_t monotonic_ms)
{
    pg->deadline_ms = monotonic_ms;
}

void hf_pg_set_watch(hf_pg *pg, void (*watch)(void *context), void *context)
{
    pg->watch = watch;
    pg->watch_context = context;
}

static bool is_late(const hf_pg *pg)
{
    return pg->deadline_ms > 0 && hf_monotonic_ms() >= pg->deadline_ms;
}

hf_status hf_pg_wait_socket(hf_pg *pg, bool for_writing, bool *cancelled, hf_error *error)
{
    struct pollfd fd = {.fd = PQsocket(pg->conn), .events = (short) (POLLIN | (for_writing ? POLLOUT : 0))};

    if (fd.fd < 0)
        return hf_pg_fail(pg, NULL, error);
    while (poll(&fd, 1, POLL_MS) <= 0) {
        if ((hf_stop_requested() || is_late(pg)) && !*cancelled) {
            *cancelled = true;
            hf_pg_cancel(pg);
        }
        if (*cancelled && hf_monotonic_ms() - pg->cancelled_ms > pg->patience_ms) {
            (void) shutdown(fd.fd, SHUT_RDWR); /* so that nobody waits for it any more */
            (void) hf_fail(error, HF_E_CONNECTION,
                           "the connection to %s was given up: the server does not answer", pg->host);
            return hf_hint(error, "the server, or something before it, stands still");
        }
        if (pg->watch != NULL)
            pg->watch(pg->watch_context);
    }
    return HF_OK;
}

hf_status hf_pg_next_result(hf_pg *pg, PGresult **ret_result, bool *cancelled, hf_error *error)
{
    while (PQisBusy(pg->conn)) {
        HF_TRY(hf_pg_wait_socket(pg, PQflush(pg->conn) == 1, cancelled, error));
        if (PQconsumeInput(pg->conn) == 0)
            return hf_pg_fail(pg, NULL, error);
    }
    *ret_result = PQgetResult(pg->conn);
    return HF_OK;
}

void hf_pg_drain(hf_pg *pg)
{
    PGresult *result;

    while ((result = PQgetResult(pg->conn)) != NULL) {
        ExecStatusType status = PQresultStatus(result);
        char *line = NULL;

        PQclear(result);
        if (status == PGRES_COPY_IN)
            (void) PQputCopyEnd(pg->conn, "no data is sent here");
        else if (status == PGRES_COPY_OUT)
            while (PQgetCopyData(pg->conn, &line, 0) > 0)
                PQfreemem(line);
        else if (status == PGRES_COPY_BOTH)
            break;
        if (PQstatus(pg->conn) == CONNECTION_BAD)
            break;
    }
}

static hf_status after_cancel(hf_status status, bool cancelled, hf_error *error)
{
    if (!cancelled || status == HF_OK)
        return status;
    return hf_stop_requested() ? hf_fail(error, HF_E_CANCELLED, "stopped by a signal")
                               : hf_fail(error, HF_E_TIMEOUT, "it took longer than it may");
}

hf_status hf_pg_exec(hf_pg *pg, const char *sql, hf_error *error)
{
    bool cancelled = false;
    hf_status status = HF_OK;
    PGresult *result = NULL;

    if (PQsendQuery(pg->conn, sql) == 0)
        return hf_pg_fail(pg, NULL, error);

    while ((status = hf_pg_next_result(pg, &result, &cancelled, error)) == HF_OK && result != NULL) {
        ExecStatusType kind = PQresultStatus(result);

        if (kind == PGRES_FATAL_ERROR || kind == PGRES_BAD_RESPONSE)
            status = hf_pg_fail(pg, result, error);
        else if (kind == PGRES_COPY_IN || kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH)
            status = hf_fail(error, HF_E_DATABASE, "the script starts a COPY %s",
                             kind == PGRES_COPY_IN ? "FROM STDIN, and there is no input"
                                                   : "TO STDOUT, which nobody reads");
        PQclear(result);
        if (kind == PGRES_COPY_IN)
            (void) PQputCopyEnd(pg->conn, "no data is sent here");
        if (status != HF_OK) {
            hf_pg_drain(pg);
            break;
        }
    }
    return after_cancel(status, cancelled, error);
}

hf_status hf_pg_execf(hf_pg *pg, hf_error *error, const char *fmt, ...)
{
    char *sql = NULL;
    va_list args;

    va_start(args, fmt);
    int len = vasprintf(&sql, fmt, args);
    va_end(args);
    if (len < 0)
        return hf_fail(error, HF_E_MEMORY, "out of memory");

    hf_status status = hf_pg_exec(pg, sql, error);
    free(sql);
    return status;
}

hf_status hf_pg_query(hf_pg *pg, const char *sql, int count, const char *const *params, hf_rows **ret_rows,
                      hf_error *error)
{
    bool cancelled = false;
    PGresult *result = NULL;

    if (PQsendQueryParams(pg->conn, sql, count, NULL, params, NULL, NULL, 0) == 0)
        return hf_pg_fail(pg, NULL, error);

    hf_status status = hf_pg_next_result(pg, &result, &cancelled, error);
    if (status == HF_OK && result == NULL)
        status = hf_pg_fail(pg, NULL, error);
    if (status == HF_OK) {
        ExecStatusType kind = PQresultStatus(result);

        if (kind != PGRES_TUPLES_OK && kind != PGRES_COMMAND_OK)
            status = hf_pg_fail(pg, result, error);
    }
    if (PQstatus(pg->conn) == CONNECTION_OK)
        hf_pg_drain(pg);
    if (status != HF_OK) {
        PQclear(result);
        return after_cancel(status, cancelled, error);
    }
    *ret_rows = (hf_rows *) result;
    return HF_OK;
}

hf_status hf_pg_query_text(hf_pg *pg, const char *sql, int count, const char *const *params, char **ret_text,
                           hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, sql, count, params, &rows, error));
    *ret_text =
        hf_rows_count(rows) > 0 && hf_rows_columns(rows) > 0 ? hf_strdup(hf_rows_get(rows, 0, 0)) : NULL;
    return HF_OK;
}
