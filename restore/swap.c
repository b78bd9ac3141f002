/*
 *     names before: live, beside            names after: kept, live
 *
 *     block      ALLOW_CONNECTIONS false on both      killed here: the live name refuses clients until resumed
 *     end        pg_terminate_backend, again and again, until nobody is left
 *     rename     both in one transaction              the only step that changes a name
 *     allow      ALLOW_CONNECTIONS true on both       killed before: the names are exchanged, clients are refused; the live
 *                                                     name comes last, so once it lets clients in all is done
 *
 * RENAME refuses while anybody is connected (SQLSTATE 55006), even with new connections blocked: a client may have come
 * in between.  So ending and renaming repeat until it works or the time is up.
 */
#include "restore/swap.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/retry.h"
#include "base/signals.h"
#include "base/text.h"
#include "pg/connection.h"
#include "restore/database.h"

#define DEFAULT_TIMEOUT_MS 60000
#define WAIT_MS 50
#define PATIENCE_MS 120000 /* for a server that was lost and comes back */
#define NAME_MAX_BYTES 63  /* PostgreSQL's NAMEDATALEN - 1 */
#define IN_USE "55006"

char *hf_swap_name(const char *database, const char *what, const char *id)
{
    HF_AUTO_STR suffix = hf_format("__%s_%s", what, id);

    for (char *c = suffix; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c >= 'A' && *c <= 'Z' ? (char) (*c - 'A' + 'a') : *c;
    return hf_text_with_suffix(database, suffix, NAME_MAX_BYTES);
}

static hf_status connect_maintenance(const hf_swap_options *options, hf_pg **ret_pg, hf_error *error)
{
    static const char *const DATABASES[] = {"postgres", "template1"};
    hf_status status = HF_E_CONNECTION;
    for (size_t i = 0; i < sizeof(DATABASES) / sizeof(*DATABASES); i++) {
        if (hf_streq(DATABASES[i], options->live) || hf_streq(DATABASES[i], options->beside))
            continue;
        hf_pg_options connection = {
            .url = options->url, .database = DATABASES[i], .purpose = "swap", .steady = true};
        status = hf_pg_connect(&connection, ret_pg, error);
        if (status == HF_OK || strcmp(error->sqlstate, "3D000") != 0)
            return status;
    }
    return status;
}

hf_status hf_swap_oid(const char *url, const char *database, uint32_t *ret_oid, hf_error *error)
{
    hf_error scratch;
    hf_swap_options options = {.url = url};
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_maintenance(&options, &pg, error != NULL ? error : &scratch));
    HF_AUTO_STR text = NULL;
    HF_TRY(hf_pg_query_text(pg, "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", 1, &database,
                            &text, error));
    if (text == NULL)
        return hf_fail(error, HF_E_NOT_FOUND, "there is no database \"%s\"", database);
    int64_t oid;
    HF_TRY(hf_parse_int(text, 1, UINT32_MAX, &oid, error));
    *ret_oid = (uint32_t) oid;
    return HF_OK;
}

/* The three names' OIDs; 0 for one that does not exist. */
typedef struct name_oids {
    int64_t live, beside, kept;
} name_oids;

static hf_status look_up(hf_pg *pg, const hf_swap_options *options, name_oids *ret_names, hf_error *error)
{
    const char *params[] = {options->live, options->beside, options->kept};
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg,
                       "SELECT (SELECT oid FROM pg_catalog.pg_database WHERE datname = $1) AS live, "
                       "(SELECT oid FROM pg_catalog.pg_database WHERE datname = $2) AS beside, "
                       "(SELECT oid FROM pg_catalog.pg_database WHERE datname = $3) AS kept",
                       3, params, &rows, error));
    *ret_names = (name_oids){.live = hf_rows_int(rows, 0, "live"),
                             .beside = hf_rows_int(rows, 0, "beside"),
                             .kept = hf_rows_int(rows, 0, "kept")};
    return HF_OK;
}

static hf_swap_progress judge(const hf_swap_options *options, const name_oids *names)
{
    if (names->live == (int64_t) options->live_oid && names->beside != 0 && names->kept == 0)
        return HF_SWAP_NOT_STARTED;
    if (names->kept == (int64_t) options->live_oid && names->live != 0 && names->beside == 0)
        return HF_SWAP_DONE;
    return HF_SWAP_UNCLEAR;
}

hf_status hf_swap_state(const hf_swap_options *options, hf_swap_progress *ret_state, hf_error *error)
{
    hf_error scratch;
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_maintenance(options, &pg, error != NULL ? error : &scratch));
    name_oids names;
    HF_TRY(look_up(pg, options, &names, error));
    *ret_state = judge(options, &names);
    return HF_OK;
}

static hf_status explain_unclear(const hf_swap_options *options, const name_oids *names, hf_error *error)
{
    if (names->live == (int64_t) options->live_oid && names->kept != 0)
        return hf_fail(error, HF_E_EXISTS,
                       "database \"%s\", the name under which \"%s\" would be kept, exists", options->kept,
                       options->live);
    if (names->live == (int64_t) options->live_oid && names->beside == 0)
        return hf_fail(error, HF_E_NOT_FOUND, "there is no database \"%s\" to take the place of \"%s\"",
                       options->beside, options->live);
    hf_fail(error, HF_E_NOT_FOUND,
            "database \"%s\" is not the one that was to be swapped (OID %lld, expected %lu)", options->live,
            (long long) names->live, (unsigned long) options->live_oid);
    return hf_hint(
        error, "someone has renamed, dropped or created databases meanwhile; look at \"%s\", \"%s\", \"%s\"",
        options->live, options->beside, options->kept);
}

/* RENAME needs ownership of both and CREATEDB; better said before clients are thrown out. */
static hf_status check_privileges(hf_pg *pg, const hf_swap_options *options, hf_error *error)
{
    const char *params[] = {options->live, options->beside};
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg,
                       "SELECT r.rolsuper, r.rolcreatedb, "
                       "coalesce((SELECT bool_and(pg_catalog.pg_has_role(d.datdba, 'USAGE')) FROM "
                       "pg_catalog.pg_database d WHERE d.datname IN ($1, $2)), false) AS owns "
                       "FROM pg_catalog.pg_roles r WHERE r.rolname = current_user",
                       2, params, &rows, error));
    if (hf_rows_count(rows) == 0 || hf_rows_bool(rows, 0, "rolsuper"))
        return HF_OK;
    if (!hf_rows_bool(rows, 0, "owns")) {
        hf_fail(error, HF_E_PRIVILEGE, "role \"%s\" does not own both \"%s\" and \"%s\"", hf_pg_user(pg),
                options->live, options->beside);
        return hf_hint(error, "connect as their owner, or grant that role");
    }
    if (!hf_rows_bool(rows, 0, "rolcreatedb")) {
        hf_fail(error, HF_E_PRIVILEGE, "role \"%s\" may not rename databases", hf_pg_user(pg));
        return hf_hint(error, "ALTER ROLE \"%s\" CREATEDB", hf_pg_user(pg));
    }
    return HF_OK;
}

/* Who is still there, for the message. */
static hf_status explain_in_use(hf_pg *pg, const hf_swap_options *options, int64_t timeout_ms,
                                hf_error *error)
{
    const char *params[] = {options->live, options->beside};
    HF_AUTO_STR detail = hf_strdup(hf_pg_error_detail(pg));
    HF_AUTO_STR who = NULL;
    hf_error ignored;
    hf_status asked = hf_pg_query_text(pg,
                                       "SELECT pg_catalog.string_agg(pid || ' (' || coalesce(usename, "
                                       "backend_type) || coalesce(', ' || nullif(application_name, ''), '') "
                                       "|| ')', ', ') FROM pg_catalog.pg_stat_activity WHERE datname IN ($1, "
                                       "$2) AND pid <> pg_catalog.pg_backend_pid()",
                                       2, params, &who, &ignored);
    hf_fail(error, HF_E_LOCKED, "database \"%s\" or \"%s\" is still in use after %lld s: %s%s%s",
            options->live, options->beside, (long long) timeout_ms / 1000, detail,
            asked == HF_OK && who != NULL ? "; sessions: " : "", asked == HF_OK && who != NULL ? who : "");
    return hf_hint(error,
                   "end what holds it, then resume; role \"%s\" needs pg_signal_backend to end other roles' "
                   "sessions, and only a "
                   "superuser ends a superuser's; see also pg_prepared_xacts",
                   hf_pg_user(pg));
}

static void add_rename(hf_buf *sql, const char *from, const char *to)
{
    hf_buf_puts(sql, "ALTER DATABASE ");
    hf_sql_name(sql, from);
    hf_buf_puts(sql, " RENAME TO ");
    hf_sql_name(sql, to);
    hf_buf_puts(sql, "; ");
}

/* A simple Query with two statements is one transaction. */
static hf_status rename_both(hf_pg *pg, const hf_swap_options *options, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    add_rename(&sql, options->live, options->kept);
    add_rename(&sql, options->beside, options->live);
    int64_t timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    int64_t deadline = hf_monotonic_ms() + timeout_ms;
    for (;;) {
        HF_TRY(hf_database_end_sessions(pg, options->live, options->beside, error));
        hf_status status = hf_pg_exec(pg, hf_buf_text(&sql), error);
        if (status == HF_OK || strcmp(error->sqlstate, IN_USE) != 0)
            return status;
        if (hf_monotonic_ms() >= deadline)
            return explain_in_use(pg, options, timeout_ms, error);
        HF_TRY(hf_sleep_ms(WAIT_MS, error));
    }
}

/* A clone is closed already, and known to be untouched by the entry in pg_database that closed it. */
static hf_status block_beside(hf_pg *pg, const char *beside, bool *ret_blocked, hf_error *error)
{
    HF_AUTO_STR is_open = NULL;

    HF_TRY(hf_pg_query_text(pg, "SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = $1", 1,
                            &beside, &is_open, error));
    if (!hf_streq(is_open, "t"))
        return HF_OK;
    *ret_blocked = true;
    return hf_database_allow(pg, beside, false, error);
}

static hf_status exchange(hf_pg *pg, const hf_swap_options *options, hf_error *error)
{
    bool blocked = false;

    HF_TRY(check_privileges(pg, options, error));
    HF_FAULT("swap.before_block", error);
    HF_TRY(hf_database_allow(pg, options->live, false, error));
    hf_status status = HF_FAULT_STATUS("swap.before_block_beside", error);
    if (status == HF_OK)
        status = block_beside(pg, options->beside, &blocked, error);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("swap.before_rename", error);
    if (status == HF_OK)
        status = rename_both(pg, options, error);
    if (status == HF_OK)
        return HF_OK;

    /* Nothing was renamed: let the clients in again.  The first error is the one to tell. */
    hf_error ignored;
    hf_status undone = hf_database_allow(pg, options->live, true, &ignored);
    if (undone == HF_OK && blocked)
        undone = hf_database_allow(pg, options->beside, true, &ignored);
    if (undone != HF_OK)
        hf_hint(error,
                "database \"%s\" still refuses connections: ALTER DATABASE \"%s\" ALLOW_CONNECTIONS true",
                options->live, options->live);
    return status;
}

static hf_status swap(const hf_swap_options *options, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_TRY(connect_maintenance(options, &pg, error));
    name_oids names;
    HF_TRY(look_up(pg, options, &names, error));
    switch (judge(options, &names)) {
    case HF_SWAP_UNCLEAR:
        return explain_unclear(options, &names, error);
    case HF_SWAP_NOT_STARTED:
        HF_TRY(exchange(pg, options, error));
        HF_FAULT("swap.after_rename", error);
        break;
    case HF_SWAP_DONE:
        break;
    }
    HF_FAULT("swap.before_allow", error);
    HF_TRY(hf_database_allow(pg, options->kept, true, error));
    HF_FAULT("swap.before_allow_live", error);
    HF_TRY(hf_database_allow(pg, options->live, true, error));
    HF_FAULT("swap.after_allow", error);
    return HF_OK;
}

hf_status hf_swap(const hf_swap_options *options, hf_error *error)
{
    hf_error scratch;
    hf_error *seen = error != NULL ? error : &scratch;
    hf_retry retry = {
        .max_tries = 20, .max_total_ms = PATIENCE_MS, .first_wait_ms = 200, .max_wait_ms = 5000};
    hf_status status;
    hf_stop_hold();
    do { /* each try finds out how far the one before got */
        status = swap(options, seen);
    } while (status == HF_E_CONNECTION && hf_retry_again(&retry, status, 0));
    hf_stop_release();
    return status;
}

hf_status hf_swap_reopen(const char *url, const char *live, bool *ret_reopened, hf_error *error)
{
    hf_error scratch;
    hf_swap_options options = {.url = url, .live = live};
    HF_AUTO_PG pg = NULL;
    HF_AUTO_STR refuses = NULL;
    HF_TRY(connect_maintenance(&options, &pg, error != NULL ? error : &scratch));
    HF_TRY(hf_pg_query_text(pg, "SELECT NOT datallowconn FROM pg_catalog.pg_database WHERE datname = $1", 1,
                            &live, &refuses, error));
    *ret_reopened = hf_streq(refuses, "t");
    return *ret_reopened ? hf_database_allow(pg, live, true, error) : HF_OK;
}
