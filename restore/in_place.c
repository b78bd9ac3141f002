/*
 *     lock       SHARE on every table that goes: who writes is ended, who comes to write waits, and reading goes on
 *     keep       the caller stores what is about to go; nobody can write to it any more
 *     lock       ACCESS EXCLUSIVE; who holds one is ended, who comes waits
 *     drop       what this role owns, in an order that needs no dependencies; what stays is counted before and after
 *     fill       the same plan as beside (tasks.c), over this one session; each table is read back and compared
 *     database   its settings, grants and comment, where they are not the snapshot's; then what the caller sets
 *     commit     killed before: the database is as it was; after: it is the snapshot's
 *
 * The name of the transaction is told before the commit, so that whoever lost the connection in it can ask what became of it.
 */
#include "restore/in_place.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "restore/compare.h"
#include "restore/database.h"
#include "restore/in_place_look.h"
#include "restore/job.h"
#include "restore/report.h"
#include "restore/sql.h"

#define DEFAULT_TIMEOUT_MS 60000
#define LOCK_TRY "1s"
#define KEEP_TRIES 10
#define STATEMENT_MAX (256u << 20)
#define BATCH_BYTES (64u << 10)
#define DEADLOCK "40P01"

typedef struct work {
    const hf_in_place_options *options;
    hf_restore_report *report;
    hf_archive *archive;
    hf_manifest manifest; /* without what is left alone */
    hf_restore_session session;
    char *extensions; /* the snapshot's, as a text[] */
    int64_t phase_ms;
} work;

static void work_done(work *w)
{
    hf_archive_free(w->archive);
    hf_in_place_manifest_done(&w->manifest);
    hf_restore_session_done(&w->session);
    free(w->extensions);
}

/* "{"a","b"}" */
static char *name_array(const hf_manifest *manifest)
{
    HF_AUTO_BUF text = HF_BUF_MAX(1u << 20);
    hf_buf_putc(&text, '{');
    for (size_t i = 0; i < manifest->extensions.count; i++) {
        hf_buf_puts(&text, i == 0 ? "\"" : ",\"");
        for (const char *c = manifest->extensions.items[i].name; *c != '\0'; c++) {
            if (*c == '"' || *c == '\\')
                hf_buf_putc(&text, '\\');
            hf_buf_putc(&text, *c);
        }
        hf_buf_putc(&text, '"');
    }
    hf_buf_putc(&text, '}');
    return hf_strdup(hf_buf_text(&text));
}

static hf_status list_objects(const work *w, hf_rows **ret_rows, hf_error *error)
{
    const char *params[] = {w->extensions};
    return hf_pg_query(w->session.pg, hf_sql_in_place_objects, 1, params, ret_rows, error);
}

static hf_status refuse_obstacles(hf_pg *pg, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings obstacles = {0};
    HF_TRY(hf_in_place_obstacles(pg, &obstacles, error));
    if (obstacles.count == 0)
        return HF_OK;
    hf_fail(error, HF_E_UNSUPPORTED, "a restore in place is not possible: %s%s", obstacles.items[0],
            obstacles.count > 1 ? ", and more" : "");
    return hf_hint(
        error, "`holdfast doctor` lists what is in the way with deploy.rollback.way: in-place; with CREATEDB "
               "the snapshot can be restored beside (--into, --swap)");
}

/* ---- lock ---- */

static hf_status try_lock(work *w, const char *sql, hf_error *error)
{
    hf_error ignored;
    HF_TRY(hf_restore_begin(&w->session, error));
    hf_status status = hf_pg_exec(w->session.pg, sql, error);
    if (status == HF_OK)
        return hf_restore_commit(&w->session, error);
    if (hf_restore_rollback(&w->session, &ignored) != HF_OK)
        return status == HF_E_LOCKED ? HF_E_CONNECTION : status;
    return strcmp(error->sqlstate, DEADLOCK) == 0 ? HF_E_LOCKED : status;
}

/* The tables that go, by their names with commas between. */
static hf_status list_tables(const work *w, hf_buf *ret_tables, hf_error *error)
{
    static const char prefix[] = "table ";
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(list_objects(w, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *what = hf_rows_text(rows, i, "what");
        if (hf_rows_text(rows, i, "statement") != NULL && hf_starts_with(what, prefix))
            hf_buf_printf(ret_tables, "%s%s", ret_tables->len == 0 ? "" : ", ", what + strlen(prefix));
    }
    return hf_buf_check(ret_tables, "list of tables", error);
}

/* Whoever is in the database is ended, again and again, and those that come meanwhile wait behind the lock. */
static hf_status lock_tables(work *w, const hf_buf *tables, const char *mode, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX + 100);
    hf_buf_printf(&sql, "LOCK TABLE %s IN %s MODE", hf_buf_text(tables), mode);
    HF_TRY(hf_buf_check(&sql, "statement", error));
    const char *database = hf_pg_database(w->session.pg);
    const int64_t timeout_ms = w->options->timeout_ms > 0 ? w->options->timeout_ms : DEFAULT_TIMEOUT_MS;
    const int64_t deadline = hf_monotonic_ms() + timeout_ms;
    HF_TRY(hf_pg_exec(w->session.pg, "SET LOCAL lock_timeout = '" LOCK_TRY "'", error));
    for (;;) {
        HF_TRY(hf_database_end_sessions(w->session.pg, database, database, error));
        hf_status status = tables->len > 0 ? try_lock(w, hf_buf_text(&sql), error) : HF_OK;
        if (status == HF_OK)
            return hf_pg_execf(w->session.pg, error, "SET LOCAL lock_timeout = %lld", (long long) timeout_ms);
        if (status != HF_E_LOCKED)
            return status;
        if (hf_monotonic_ms() >= deadline) {
            (void) hf_fail(error, HF_E_LOCKED, "the tables of database \"%s\" are still in use after %lld s",
                           database, (long long) timeout_ms / 1000);
            return hf_hint(error,
                           "end what holds them (pg_locks, pg_prepared_xacts); role \"%s\" needs "
                           "pg_signal_backend to end other roles' sessions",
                           hf_pg_user(w->session.pg));
        }
        HF_TRY(hf_stop_check(error));
    }
}

/* Who wants a table for himself waits behind the lock, and whoever comes to read behind him: the snapshot, too, until he is ended. */
static hf_status keep(work *w, hf_error *error)
{
    const char *database = hf_pg_database(w->session.pg);
    for (int tries = 1;; tries++) {
        hf_status status = w->options->keep(w->options->context, error);
        if (status != HF_E_LOCKED || tries == KEEP_TRIES)
            return status;
        HF_TRY(hf_database_end_sessions(w->session.pg, database, database, error));
    }
}

/*
 * What goes is kept while nobody can write to it: a row that is written before is in what is kept, and who comes to write waits for
 * what is restored.  Who was let in meanwhile may have made a table, which no lock holds and nothing keeps.
 */
static hf_status keep_and_lock(work *w, hf_error *error)
{
    HF_AUTO_BUF tables = HF_BUF_MAX(STATEMENT_MAX);
    HF_AUTO_BUF later = HF_BUF_MAX(STATEMENT_MAX);
    HF_TRY(list_tables(w, &tables, error));
    HF_TRY(lock_tables(w, &tables, "SHARE", error));
    HF_TRY(keep(w, error));
    HF_FAULT("in_place.before_exclusive", error);
    HF_TRY(lock_tables(w, &tables, "ACCESS EXCLUSIVE", error));
    HF_TRY(list_tables(w, &later, error));
    if (hf_streq(hf_buf_text(&tables), hf_buf_text(&later)))
        return HF_OK;
    (void) hf_fail(error, HF_E_LOCKED,
                   "tables were made or renamed in database \"%s\" while it was being kept",
                   hf_pg_database(w->session.pg));
    return hf_hint(error, "nothing was changed; stop what makes them, and try again");
}

/* ---- drop ---- */

static hf_status run_all(work *w, const hf_rows *rows, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *statement = hf_rows_text(rows, i, "statement");
        if (statement == NULL)
            continue;
        hf_buf_printf(&sql, "%s;\n", statement);
        if (sql.len < BATCH_BYTES)
            continue;
        HF_TRY(hf_buf_check(&sql, "statements", error));
        HF_TRY(hf_pg_exec(w->session.pg, hf_buf_text(&sql), error));
        hf_buf_clear(&sql);
    }
    HF_TRY(hf_buf_check(&sql, "statements", error));
    return sql.len > 0 ? hf_pg_exec(w->session.pg, hf_buf_text(&sql), error) : HF_OK;
}

static hf_status run_query(work *w, const char *query, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(w->session.pg, query, 0, NULL, &rows, error));
    return run_all(w, rows, error);
}

static bool is_same(const hf_rows *a, size_t i, const hf_rows *b, size_t j)
{
    return hf_rows_int(a, i, "objid") == hf_rows_int(b, j, "objid") &&
           hf_rows_int(a, i, "classid") == hf_rows_int(b, j, "classid");
}

/* Both lists have the same order, so what stays is found in one walk.  Nothing that stays may be gone, and nothing else be there. */
static hf_status check_dropped(const work *w, const hf_rows *before, hf_error *error)
{
    HF_AUTO_ROWS after = NULL;
    HF_TRY(list_objects(w, &after, error));
    size_t j = 0;
    for (size_t i = 0; i < hf_rows_count(before); i++) {
        if (hf_rows_text(before, i, "statement") != NULL)
            continue;
        while (j < hf_rows_count(after) && !is_same(before, i, after, j))
            j++;
        if (j == hf_rows_count(after))
            return hf_fail(error, HF_E_UNSUPPORTED,
                           "%s, which belongs to \"%s\" or an extension and is to be left alone, would go "
                           "with what is dropped",
                           hf_rows_text(before, i, "what"), hf_rows_text(before, i, "owner"));
        j++;
    }
    for (j = 0; j < hf_rows_count(after); j++)
        if (hf_rows_text(after, j, "statement") != NULL)
            return hf_fail(error, HF_E_LOCKED, "%s was made while the database was being emptied",
                           hf_rows_text(after, j, "what"));
    return HF_OK;
}

/* A database is born with it, and pg_dump tells only how it differs from that. */
static const char make_public[] =
    "CREATE SCHEMA public; ALTER SCHEMA public OWNER TO pg_database_owner; "
    "REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC; "
    "COMMENT ON SCHEMA public IS 'standard public schema'";

static hf_status drop_all(work *w, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_AUTO_STR has_public = NULL;
    HF_TRY(run_query(w, hf_sql_in_place_default_acls, error));
    HF_TRY(list_objects(w, &rows, error));
    HF_TRY(run_all(w, rows, error));
    HF_TRY(hf_pg_exec(w->session.pg,
                      "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata", error));
    HF_TRY(check_dropped(w, rows, error));
    HF_TRY(hf_pg_query_text(w->session.pg, "SELECT pg_catalog.to_regnamespace('public')", 0, NULL,
                            &has_public, error));
    if (has_public == NULL)
        HF_TRY(hf_pg_exec(w->session.pg, make_public, error));
    HF_TRY(run_query(w, hf_sql_in_place_schemas, error));
    return hf_in_place_leave_schemas(w->session.pg, w->archive, error);
}

/* One table's configuration rows; *ret_done is false if others still refer to them. */
static hf_status try_delete(work *w, const hf_table *table, bool *ret_done, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(1u << 20);
    hf_load_sql_delete(&sql, table);
    HF_TRY(hf_buf_check(&sql, "statement", error));
    HF_TRY(hf_restore_begin(&w->session, error));
    hf_status status = hf_pg_exec(w->session.pg, hf_buf_text(&sql), error);
    *ret_done = status == HF_OK;
    if (status == HF_OK)
        return hf_restore_commit(&w->session, error);
    if (!hf_is_refusal(status, error))
        return status;
    hf_error ignored;
    return hf_restore_rollback(&w->session, &ignored) == HF_OK ? HF_OK : status;
}

/* Configuration tables of extensions stay, and may refer to each other: emptied in rounds, before the first is filled again. */
static hf_status empty_configuration(work *w, hf_error *error)
{
    bool *done = hf_alloc(w->manifest.tables.count + 1);
    hf_status status = HF_OK;
    for (bool progress = true, is_open = true; status == HF_OK && progress && is_open;) {
        progress = is_open = false;
        for (size_t i = 0; status == HF_OK && i < w->manifest.tables.count; i++) {
            if (done[i] || w->manifest.tables.items[i].condition == NULL)
                continue;
            status = try_delete(w, &w->manifest.tables.items[i], &done[i], error);
            progress = progress || done[i];
            is_open = is_open || !done[i];
        }
    }
    free(done);
    return status; /* what could not be emptied tells so when it is loaded */
}

/* ---- all of it ---- */

/* What the caller has set for the time being, and the snapshot does not know. */
static hf_status set_last(work *w, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(1u << 20);
    for (size_t i = 0; w->options->settings != NULL && i < w->options->settings->count; i++) {
        hf_database_sql_setting(&sql, hf_pg_database(w->session.pg), &w->options->settings->items[i]);
        hf_buf_puts(&sql, "; ");
    }
    HF_TRY(hf_buf_check(&sql, "settings", error));
    return sql.len > 0 ? hf_pg_exec(w->session.pg, hf_buf_text(&sql), error) : HF_OK;
}

static hf_status fill(work *w, hf_error *error)
{
    const hf_restore_options options = {.repository = w->options->repository,
                                        .manifest = &w->manifest,
                                        .url = w->options->url,
                                        .database = hf_pg_database(w->session.pg),
                                        .jobs = 1,
                                        .no_analyze = w->options->no_analyze,
                                        .progress = w->options->progress};
    hf_job job;
    HF_TRY(empty_configuration(w, error));
    hf_job_init(&job, &options, w->archive, w->report);
    hf_status status = hf_job_fill(&job, &w->session, &w->phase_ms, error);
    hf_job_done(&job);
    HF_TRY(status);
    HF_TRY(hf_database_put_back(&w->session, &options, &w->report->warnings, error));
    return set_last(w, error);
}

static hf_status commit(work *w, hf_error *error)
{
    HF_AUTO_STR transaction = NULL;
    HF_TRY(hf_pg_query_text(w->session.pg, "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid", 0, NULL,
                            &transaction, error));
    if (w->options->before_commit != NULL)
        HF_TRY(w->options->before_commit(w->options->context, transaction, error));
    HF_FAULT("in_place.before_commit", error);
    HF_TRY(hf_pg_exec(w->session.pg, "COMMIT", error));
    HF_FAULT("in_place.after_commit", error);
    return HF_OK;
}

static hf_status run(work *w, hf_error *error)
{
    const hf_in_place_options *options = w->options;
    const hf_restore_options session = {.url = options->url};
    HF_TRY(hf_compare_load_archive(options->repository, options->manifest, &w->archive, error));
    HF_TRY(hf_restore_session_open(&session, "restore in place", 1, &w->session, error));
    w->session.is_one_transaction = true;
    w->report->database = hf_strdup(hf_pg_database(w->session.pg));
    w->extensions = name_array(options->manifest);
    HF_TRY(refuse_obstacles(w->session.pg, error));

    hf_report_phase(w->report, &(hf_restore_options){0}, "keep", &w->phase_ms);
    HF_TRY(hf_pg_exec(w->session.pg,
                      "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on",
                      error));
    HF_FAULT("in_place.before_lock", error);
    HF_TRY(keep_and_lock(w, error));
    hf_report_phase(w->report, &(hf_restore_options){0}, "drop", &w->phase_ms);
    HF_FAULT("in_place.before_drop", error);
    HF_TRY(hf_in_place_leave_alone(w->session.pg, options->manifest, w->archive, w->report, &w->manifest,
                                   error));
    HF_TRY(drop_all(w, error));
    HF_FAULT("in_place.after_drop", error);
    HF_TRY(fill(w, error));
    return commit(w, error);
}

hf_status hf_in_place_run(const hf_in_place_options *options, hf_restore_report *ret_report, hf_error *error)
{
    hf_error scratch;
    const int64_t started = hf_monotonic_ms();
    HF_AUTO(work_done) work w = {.options = options, .report = ret_report, .phase_ms = started};
    ret_report->snapshot = hf_strdup(options->manifest->id);
    hf_status status = run(&w, error != NULL ? error : &scratch);
    hf_report_phase(ret_report, &(hf_restore_options){0}, NULL, &w.phase_ms);
    ret_report->took_ms = hf_monotonic_ms() - started;
    if (status != HF_OK)
        ret_report->verified = false;
    return status;
}

/* What the transaction made bears its number, and is seen only if it was committed. */
hf_status hf_in_place_is_done(const char *url, const char *transaction, bool *ret_done, hf_error *error)
{
    hf_pg_options connection = {.url = url, .purpose = "restore in place", .exact_text = true};
    hf_error scratch;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_STR seen = NULL;
    hf_error *why = error != NULL ? error : &scratch;
    HF_TRY(hf_pg_connect(&connection, &pg, why));
    const char *database = hf_pg_database(pg);
    const char *params[] = {transaction};
    /* It may be at work on the server still, its client gone. */
    for (int64_t deadline = hf_monotonic_ms() + DEFAULT_TIMEOUT_MS;;) {
        HF_AUTO_STR under_way = NULL;
        HF_TRY(hf_pg_query_text(pg,
                                "SELECT 1 FROM pg_catalog.pg_locks WHERE locktype = 'transactionid' AND "
                                "transactionid = $1::pg_catalog.xid AND granted",
                                1, params, &under_way, why));
        if (under_way == NULL)
            break;
        if (hf_monotonic_ms() >= deadline)
            return hf_fail(error, HF_E_LOCKED,
                           "the restore of an earlier try is still under way on the server");
        HF_TRY(hf_database_end_sessions(pg, database, database, why));
        HF_TRY(hf_sleep_ms(100, why));
    }
    HF_TRY(hf_pg_query_text(
        pg,
        "SELECT pg_catalog.bool_or(x = $1::pg_catalog.xid) FROM (SELECT xmin FROM pg_catalog.pg_class "
        "UNION ALL SELECT xmin FROM pg_catalog.pg_type UNION ALL SELECT xmin FROM pg_catalog.pg_proc "
        "UNION ALL SELECT xmin FROM pg_catalog.pg_namespace) AS made (x)",
        1, params, &seen, why));
    *ret_done = hf_streq(seen, "t");
    return HF_OK;
}
