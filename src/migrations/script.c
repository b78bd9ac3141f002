#include "migrations/script.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/signals.h"
#include "base/text.h"
#include "migrations/lock_wait.h"
#include "migrations/unterminated.h"
#include "migrations/utf8.h"

#define NESTED_MIN (16u << 10)
#define BOM "\xEF\xBB\xBF"
#define LOGS_MAX (64u << 10)

hf_status hf_script_read(const char *path, const char *name, hf_buf *ret_sql, hf_error *error)
{
    hf_buf_clear(ret_sql);
    ret_sql->max = HF_SCRIPT_MAX;

    hf_status status = hf_file_read(path, ret_sql, error);
    if (status == HF_E_LIMIT) {
        (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" is larger than %u MiB", name,
                       HF_SCRIPT_MAX >> 20);
        return hf_hint(error, "load data outside of migrations, or split the file");
    }
    return status;
}

static int line_of_byte(const char *sql, size_t offset)
{
    int line = 1;

    for (size_t i = 0; i < offset; i++)
        line += sql[i] == '\n';
    return line;
}

/* The first byte that does not belong to well-formed UTF-8, or len. */
static size_t first_invalid(const char *sql, size_t len)
{
    bool valid = true;
    size_t step;

    for (size_t at = 0; at < len; at += step) {
        step = hf_utf8_step(sql + at, len - at, &valid);
        if (!valid)
            return at;
    }
    return len;
}

/*
 * What is nested so deeply that the parser's stack of 8 MiB does not hold it is too deep for PostgreSQL, whose max_stack_depth
 * is below that: better known now than after earlier migrations were applied.  It takes a file of some size.
 */
static hf_status refuse_too_deep(const char *name, const char *sql, size_t len, hf_error *error)
{
    HF_AUTO(hf_statements_done) hf_statements statements = {0};

    if (len < NESTED_MIN)
        return HF_OK;
    HF_TRY(hf_statements_read(sql, len, &statements, error));
    for (size_t i = 0; i < statements.count; i++) {
        if (!statements.items[i].too_deep)
            continue;
        (void) hf_fail(error, HF_E_MIGRATION,
                       "migration \"%s\" has a statement that is nested too deeply, in line %d", name,
                       statements.items[i].line);
        return hf_hint(error, "PostgreSQL would answer it with \"stack depth limit exceeded\" (54001); write "
                              "it as a list (IN, VALUES) or as several statements");
    }
    return HF_OK;
}

hf_status hf_script_check(const char *name, const char *sql, size_t len, hf_error *error)
{
    const char *nul = len > 0 ? memchr(sql, '\0', len) : NULL;

    if (len >= 3 && memcmp(sql, BOM, 3) == 0) {
        (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" starts with a byte order mark", name);
        return hf_hint(
            error, "PostgreSQL answers it with a syntax error (42601); save the file as UTF-8 without BOM");
    }
    if (nul != NULL) {
        (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" holds a NUL byte in line %d", name,
                       line_of_byte(sql, (size_t) (nul - sql)));
        return hf_hint(error, "it cannot be sent to PostgreSQL; is the file UTF-16? save it as UTF-8");
    }

    size_t invalid = first_invalid(sql, len);
    if (invalid < len) {
        (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" is not valid UTF-8 in line %d", name,
                       line_of_byte(sql, invalid));
        return hf_hint(error, "save the file as UTF-8; Prisma would put U+FFFD in place of the wrong bytes");
    }

    size_t begins = 0;
    const char *endless = hf_unterminated(sql, &begins);
    if (endless != NULL &&
        strcasestr(sql, "FROM STDIN") == NULL) { /* rows may hold any quotes, and fail by themselves */
        (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" has %s that begins in line %d and never ends",
                       name, endless, line_of_byte(sql, begins));
        return hf_hint(error, "PostgreSQL would answer it with a syntax error (42601)");
    }
    return refuse_too_deep(name, sql, len, error);
}

int hf_script_line(const char *sql, int position)
{
    int line = 1;

    if (position <= 0)
        return 0;
    for (int characters = 0; *sql != '\0'; sql++) {
        if (((unsigned char) *sql & 0xC0) != 0x80 && ++characters == position)
            break;
        line += *sql == '\n';
    }
    return line;
}

/*
 * Set anew before each file, because an earlier one may have changed it.  What works with CONCURRENTLY waits for others'
 * transactions and keeps nobody waiting; a timeout would leave an invalid index.
 */
static hf_status set_lock_timeout(hf_pg *pg, const hf_migrations_config *config, bool concurrent,
                                  hf_error *error)
{
    if (config->lock_timeout_ms == 0)
        return HF_OK;
    if (concurrent)
        return hf_pg_exec(pg, "RESET lock_timeout", error);
    return hf_pg_execf(pg, error, "SET lock_timeout = %" PRId64, config->lock_timeout_ms);
}

static char *logs_text(const hf_pg *pg, const char *name, const char *sql, const hf_error *error)
{
    HF_AUTO_BUF logs = HF_BUF_MAX(LOGS_MAX);
    int line = error->sqlstate[0] != '\0' ? hf_script_line(sql, hf_pg_error_position(pg)) : 0;

    hf_buf_puts(&logs,
                "A migration failed to apply. New migrations cannot be applied before the error is recovered "
                "from.\n\n");
    hf_buf_printf(&logs, "Migration name: %s\n\n", name);
    if (error->sqlstate[0] != '\0')
        hf_buf_printf(&logs, "Database error code: %s\n\n", error->sqlstate);
    hf_buf_printf(&logs, "Database error:\n%s", error->message);
    if (error->hint[0] != '\0')
        hf_buf_printf(&logs, "\nHINT: %s", error->hint);
    if (line > 0)
        hf_buf_printf(&logs, "\n\nLine: %d", line);
    hf_redact(&logs);
    return hf_buf_take(&logs);
}

/* The operator's message from the server's error, which is in `error`. */
static hf_status name_failure(const hf_pg *pg, const char *name, const char *sql, hf_error *error)
{
    hf_error cause = *error;
    int line = cause.sqlstate[0] != '\0' ? hf_script_line(sql, hf_pg_error_position(pg)) : 0;
    HF_AUTO_STR where = line > 0 ? hf_format(" in line %d", line) : NULL;
    HF_AUTO_STR state = cause.sqlstate[0] != '\0' ? hf_format(" (SQLSTATE %s)", cause.sqlstate) : NULL;

    if (cause.code == HF_E_CANCELLED)
        return hf_prefix(error, "migration \"%s\"", name);
    if (cause.code == HF_E_TIMEOUT) {
        (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" took longer than migrations.timeout", name);
        return hf_hint(error, "what it did was undone, but for what it committed itself");
    }

    (void) hf_fail(error, HF_E_MIGRATION, "migration \"%s\" failed%s: %s%s", name, where != NULL ? where : "",
                   cause.message, state != NULL ? state : "");
    error->sys_errno = cause.sys_errno;
    memcpy(error->sqlstate, cause.sqlstate, sizeof(cause.sqlstate));
    return hf_hint(error, "%s", cause.hint);
}

static void roll_back(hf_migrations_session *session)
{
    hf_error ignored;

    hf_stop_hold();
    if (hf_pg_in_transaction(session->scripts) && hf_pg_exec(session->scripts, "ROLLBACK", &ignored) != HF_OK)
        hf_pg_freep(&session->scripts);
    hf_stop_release();
}

static hf_status run_whole(hf_pg *pg, const char *sql, hf_error *error)
{
    HF_TRY(hf_pg_exec(pg, sql, error));
    if (!hf_pg_in_transaction(pg))
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION,
                   "the script leaves a transaction open, so all it did would be lost");
    return hf_hint(error, "add COMMIT at its end, or better remove BEGIN: a file is one transaction anyway");
}

static hf_status run_once(hf_lock_watch *watch, const hf_migrations_config *config, const char *sql,
                          bool concurrent, char **ret_logs, hf_error *error)
{
    hf_migrations_session *session = watch->session;

    HF_TRY(hf_migrations_session_open_scripts(session, error));
    HF_TRY(set_lock_timeout(session->scripts, config, concurrent, error));
    HF_FAULT("migrations.before_script", error);
    hf_pg_set_deadline(session->scripts, config->timeout_ms > 0 ? hf_monotonic_ms() + config->timeout_ms : 0);
    hf_lock_watch_begin(watch);
    hf_status status = run_whole(session->scripts, sql, error);

    hf_lock_watch_end(watch);
    hf_pg_set_deadline(session->scripts, 0);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("migrations.after_script", error);
    HF_AUTO_STR notices = hf_pg_take_notices(session->scripts);

    if (notices != NULL)
        hf_migrations_tell_output(watch->events, notices);
    if (status == HF_OK)
        return HF_OK;

    hf_freep(ret_logs);
    *ret_logs = logs_text(session->scripts, watch->name, sql, error);
    status = name_failure(session->scripts, watch->name, sql, error);
    roll_back(session);
    return status;
}

hf_status hf_script_run(hf_migrations_session *session, const hf_migrations_config *config, const char *name,
                        const char *sql, const hf_migrations_events *events, char **ret_logs, hf_error *error)
{
    HF_AUTO(hf_statements_done) hf_statements statements = {0};
    HF_AUTO(hf_lock_watch_done)
    hf_lock_watch watch = {
        .session = session, .events = events, .name = name, .every_ms = config->lock_timeout_ms / 2};
    hf_retry retry = {.max_tries = config->lock_retries + 1,
                      .max_total_ms = config->timeout_ms > 0 ? config->timeout_ms : INT64_MAX / 2,
                      .first_wait_ms = 1000,
                      .max_wait_ms = 30000};
    hf_error local;
    hf_error *failure = error != NULL ? error : &local;
    hf_status status;

    HF_TRY(hf_statements_read(sql, strlen(sql), &statements, failure));
    bool concurrent = hf_script_is_concurrent(&statements);
    bool repeatable = hf_script_is_one_transaction(&statements);

    for (;;) {
        status = run_once(&watch, config, sql, concurrent, ret_logs, failure);
        if (status != HF_E_MIGRATION || !hf_streq(failure->sqlstate, "55P03"))
            return status;
        hf_lock_watch_hint(&watch, failure);
        if (!repeatable || session->scripts == NULL || !hf_retry_again(&retry, HF_E_LOCKED, 0))
            return status;
        HF_AUTO_STR again =
            hf_format("%s could not have its lock; nothing of it was applied, trying again (%d of %d)", name,
                      retry.tries, config->lock_retries);
        hf_migrations_tell_output(events, again);
    }
}
