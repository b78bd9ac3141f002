#include "snapshot/session.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "pg/pooler.h"
#include "pg/sql.h"

#define SQL_MAX (64u << 20)
#define NAMES_SHOWN 10     /* in an error message */
#define LOCK_ROUND_MS 2000 /* a LOCK waits no longer at a time, lest the application queue behind it */
#define SESSION_TRIES 3
#define RECOVERY_CONFLICT "40001" /* nothing else gives it to a transaction that only reads */

void hf_snapshot_session_done(hf_snapshot_session *self)
{
    hf_pg_free(self->pg);
    hf_pg_tables_done(&self->tables);
    hf_pg_oid_ranges_done(&self->large_objects);
    free(self->exported);
    free(self->lsn);
    free(self->definitions);
    *self = (hf_snapshot_session){0};
}

/* "a, b, c and 4 more" */
static void add_name(hf_buf *list, size_t *count, const char *name)
{
    if (*count < NAMES_SHOWN)
        hf_buf_printf(list, "%s%s", *count > 0 ? ", " : "", name);
    (*count)++;
}

static hf_status refuse_unreadable(const hf_pg *pg, const hf_pg_tables *tables, hf_error *error)
{
    HF_AUTO_BUF denied = HF_BUF_MAX(8192), hidden = HF_BUF_MAX(8192);
    size_t denied_count = 0, hidden_count = 0;

    for (size_t i = 0; i < tables->count; i++) {
        HF_AUTO_STR shown = hf_pg_table_shown(tables->items[i].schema, tables->items[i].name);

        if (!tables->items[i].readable)
            add_name(&denied, &denied_count, shown);
        else if (tables->items[i].rows_hidden)
            add_name(&hidden, &hidden_count, shown);
    }
    if (denied_count > 0) {
        (void) hf_fail(error, HF_E_PRIVILEGE, "role \"%s\" may not read %zu table%s: %s%s", hf_pg_user(pg),
                       denied_count, denied_count > 1 ? "s" : "", hf_buf_text(&denied),
                       denied_count > NAMES_SHOWN ? ", ..." : "");
        return hf_hint(error,
                       "GRANT pg_read_all_data TO \"%s\" (PostgreSQL 14 and later), or GRANT SELECT on each",
                       hf_pg_user(pg));
    }
    if (hidden_count > 0) {
        (void) hf_fail(error, HF_E_PRIVILEGE,
                       "row-level security hides rows from role \"%s\" in %zu table%s: %s%s", hf_pg_user(pg),
                       hidden_count, hidden_count > 1 ? "s" : "", hf_buf_text(&hidden),
                       hidden_count > NAMES_SHOWN ? ", ..." : "");
        return hf_hint(error, "use the tables' owner, or ALTER ROLE \"%s\" BYPASSRLS", hf_pg_user(pg));
    }
    return HF_OK;
}

/* Find who keeps us from a table; the transaction has failed, so a connection of its own asks. */
static hf_status explain_lock(const hf_snapshot_options *options, const hf_pg_tables *tables, hf_error *error)
{
    hf_error ignored;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_BUF who = HF_BUF_MAX(400);

    if (hf_pg_connect(&(hf_pg_options){.url = options->url, .purpose = "lock report"}, &pg, &ignored) !=
        HF_OK)
        return HF_E_LOCKED;
    for (size_t i = 0; i < tables->count && who.len == 0; i++) {
        HF_AUTO_ROWS rows = NULL;
        HF_AUTO_BUF name = HF_BUF_MAX(1024);

        hf_sql_qualified(&name, tables->items[i].schema, tables->items[i].name);
        if (hf_pg_query(pg, hf_sql_blockers, 1, (const char *const[]){hf_buf_text(&name)}, &rows, &ignored) !=
            HF_OK)
            break;
        if (hf_rows_count(rows) > 0) {
            HF_AUTO_STR shown = hf_pg_table_shown(tables->items[i].schema, tables->items[i].name);

            (void) hf_fail(error, HF_E_LOCKED, "table %s is locked by %s", shown,
                           hf_rows_text(rows, 0, "who"));
            hf_buf_puts(&who, shown);
        }
    }
    return hf_hint(
        error,
        "wait until it has ended, or end it with pg_terminate_backend(); snapshot.lock_timeout is how long "
        "holdfast waits");
}

/*
 * Lock in one statement, with a short timeout and retries: a LOCK that waits long would make the application's own
 * statements queue behind it.
 */
static hf_status lock_tables(hf_snapshot_session *self, const hf_snapshot_options *options, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    int64_t deadline = hf_monotonic_ms() + options->lock_timeout_ms;
    hf_status status;

    hf_buf_puts(&sql, "LOCK TABLE ");
    for (size_t i = 0; i < self->tables.count; i++) {
        hf_buf_puts(&sql, i > 0 ? ", ONLY " : "ONLY ");
        hf_sql_qualified(&sql, self->tables.items[i].schema, self->tables.items[i].name);
    }
    hf_buf_puts(&sql, " IN ACCESS SHARE MODE");
    HF_TRY(hf_buf_check(&sql, "the LOCK statement", error));

    for (;;) {
        HF_TRY(hf_pg_exec(self->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
        HF_TRY(hf_pg_execf(
            self->pg, error, "SET LOCAL lock_timeout = %d",
            (int) (options->lock_timeout_ms < LOCK_ROUND_MS ? options->lock_timeout_ms : LOCK_ROUND_MS)));
        if (self->tables.count == 0)
            return HF_OK;
        status = hf_pg_exec(self->pg, hf_buf_text(&sql), error);
        if (status == HF_OK)
            return HF_OK;
        if (hf_pg_is_alive(self->pg)) {
            hf_error ignored;
            (void) !hf_pg_exec(self->pg, "ROLLBACK", &ignored);
        }
        if (status != HF_E_LOCKED)
            return status;
        if (hf_monotonic_ms() >= deadline)
            return explain_lock(options, &self->tables, error);
        HF_TRY(hf_sleep_ms(200, error));
    }
}

static bool same_tables(const hf_pg_tables *a, const hf_pg_tables *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].oid != b->items[i].oid || a->items[i].columns.count != b->items[i].columns.count)
            return false;
    return true;
}

/* A table was dropped, or lost its schema, between the listing and the lock. */
static bool is_vanished(const hf_error *error)
{
    return hf_streq(error->sqlstate, "42P01") || hf_streq(error->sqlstate, "3F000");
}

/*
 * One try: list, lock, list again under the snapshot that the second listing takes.  *ret_steady is false if the two
 * lists differ.
 */
static hf_status try_session(hf_snapshot_session *self, const hf_snapshot_options *options, bool *ret_steady,
                             hf_error *error)
{
    HF_AUTO(hf_pg_tables_done) hf_pg_tables locked = {0};
    hf_status status;

    *ret_steady = false;
    hf_pg_tables_done(&self->tables);
    HF_TRY(hf_pg_list_tables(self->pg, false, &self->tables, error));
    HF_TRY(refuse_unreadable(self->pg, &self->tables, error));

    /* taken before the snapshot, so that nothing after it is missed by whoever replays from here */
    free(self->lsn);
    self->lsn = NULL;
    HF_TRY(hf_pg_query_text(
        self->pg,
        "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
        "ELSE pg_catalog.pg_current_wal_lsn() END",
        0, NULL, &self->lsn, error));
    status = lock_tables(self, options, error);
    if (status != HF_OK && is_vanished(error))
        return HF_OK;
    HF_TRY(status);
    HF_TRY(hf_pg_list_tables(self->pg, true, &locked, error));
    *ret_steady = same_tables(&self->tables, &locked);
    if (!*ret_steady)
        return hf_pg_exec(self->pg, "ROLLBACK", error);

    hf_pg_tables swap = self->tables;
    self->tables = locked;
    locked = swap;
    return HF_OK;
}

static hf_status look_for_standby(hf_snapshot_session *self, hf_error *error)
{
    HF_AUTO_STR text = NULL;

    HF_TRY(hf_pg_query_text(self->pg, "SELECT pg_catalog.pg_is_in_recovery()", 0, NULL, &text, error));
    self->is_standby = hf_streq(text, "t");
    return HF_OK;
}

bool hf_snapshot_session_is_conflict(const hf_snapshot_session *self, hf_error *error)
{
    hf_error own;

    if (self->pg == NULL || !self->is_standby || error == NULL)
        return false;
    if (hf_streq(error->sqlstate, RECOVERY_CONFLICT))
        return true;
    if (hf_pg_exec(self->pg, "SELECT 1", &own) == HF_OK || !hf_streq(own.sqlstate, RECOVERY_CONFLICT))
        return false;
    *error = own;
    return true;
}

hf_status hf_snapshot_session_open(const hf_snapshot_options *options, hf_snapshot_session *self,
                                   hf_error *error)
{
    bool steady = false;

    const hf_pg_options connection = {.url = options->url, .purpose = "snapshot", .exact_text = true};

    HF_TRY(hf_pg_connect(&connection, &self->pg, error));
    HF_TRY(hf_pg_refuse_pooler(&connection, self->pg, error));
    HF_TRY(look_for_standby(self, error));
    for (int i = 0; i < SESSION_TRIES && !steady; i++)
        HF_TRY(try_session(self, options, &steady, error));
    if (!steady) {
        (void) hf_fail(error, HF_E_LOCKED, "the tables changed while they were being locked, %d times",
                       SESSION_TRIES);
        return hf_hint(error, "something creates or drops tables all the time; try again when it is quiet");
    }
    HF_TRY(hf_pg_query_text(self->pg, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, &self->exported,
                            error));
    return hf_pg_query_text(self->pg, hf_sql_catalog_digest, 0, NULL, &self->definitions, error);
}
