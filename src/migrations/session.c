#include "migrations/session.h"

#include "base/clock.h"

#define ADVISORY_LOCK "72707369" /* Prisma's; the same for plain SQL, so that both keep each other out */
#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 100

static hf_status connect_with_schema(const hf_migrations_session *session, const char *purpose,
                                     hf_pg **ret_pg, hf_error *error)
{
    const hf_pg_options options = {.url = session->url, .purpose = purpose};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_pg_connect(&options, &pg, error));
    if (session->schema != NULL) {
        HF_AUTO_BUF sql = HF_BUF_MAX(4096);

        hf_buf_puts(&sql, "SET search_path = ");
        hf_sql_name(&sql, session->schema);
        HF_TRY(hf_buf_check(&sql, "schema of the database URL", error));
        HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    }
    *ret_pg = HF_TAKE(pg);
    return HF_OK;
}

hf_status hf_migrations_session_open(const char *url, hf_migrations_session *ret_session, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {.url = url};

    session.schema = hf_pg_url_parameter(url, "schema");
    if (session.schema != NULL && session.schema[0] == '\0')
        hf_freep(&session.schema);
    HF_TRY(connect_with_schema(&session, "migrations ledger", &session.ledger, error));

    *ret_session = session;
    session = (hf_migrations_session){0};
    return HF_OK;
}

/* Without it a server goes on with a script, and may commit it, long after the process that sent it was killed. */
static void notice_a_dead_client(hf_pg *pg)
{
    hf_error ignored; /* servers that cannot, refuse the setting */

    if (hf_pg_version(pg) >= 140000 &&
        hf_pg_exec(pg, "SET client_connection_check_interval = 1000", &ignored) != HF_OK)
        return;
}

hf_status hf_migrations_session_open_scripts(hf_migrations_session *session, hf_error *error)
{
    if (session->scripts != NULL)
        return HF_OK;
    HF_TRY(connect_with_schema(session, "migrations", &session->scripts, error));
    notice_a_dead_client(session->scripts);
    return HF_OK;
}

void hf_migrations_session_done(hf_migrations_session *session)
{
    hf_pg_freep(&session->scripts);
    hf_pg_freep(&session->ledger);
    hf_freep(&session->schema);
}

hf_status hf_migrations_session_make_schema(hf_migrations_session *session, hf_error *error)
{
    HF_AUTO_STR found = NULL;
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);

    if (session->schema == NULL)
        return HF_OK;
    const char *const params[] = {session->schema};

    /* asked first: CREATE SCHEMA IF NOT EXISTS wants the privilege even when there is nothing to do */
    HF_TRY(hf_pg_query_text(session->ledger, "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", 1,
                            params, &found, error));
    if (found != NULL)
        return HF_OK;
    hf_buf_puts(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    hf_sql_name(&sql, session->schema);
    return hf_pg_exec(session->ledger, hf_buf_text(&sql), error);
}

/* Polled: a statement that waits for the lock holds a snapshot, and CREATE INDEX CONCURRENTLY would wait for it. */
hf_status hf_migrations_session_lock(hf_migrations_session *session, hf_error *error)
{
    int64_t deadline = hf_monotonic_ms() + LOCK_WAIT_MS;

    for (;;) {
        HF_AUTO_STR got = NULL;

        HF_TRY(hf_pg_query_text(session->ledger, "SELECT pg_catalog.pg_try_advisory_lock(" ADVISORY_LOCK ")",
                                0, NULL, &got, error));
        if (got != NULL && got[0] == 't')
            return HF_OK;
        if (hf_monotonic_ms() >= deadline) {
            HF_AUTO_STR holder = NULL;

            HF_TRY(hf_pg_query_text(
                session->ledger,
                "SELECT pg_catalog.concat('pid ', l.pid, ', \"', a.application_name, '\", user \"', "
                "a.usename, '\"') FROM pg_catalog.pg_locks l "
                "LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid "
                "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = " ADVISORY_LOCK
                " AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_catalog.pg_database "
                "WHERE datname = pg_catalog.current_database())",
                0, NULL, &holder, error));
            (void) hf_fail(error, HF_E_MIGRATION,
                           "P1002: the advisory lock " ADVISORY_LOCK
                           " of migrations could not be had in %d s; held by %s",
                           LOCK_WAIT_MS / 1000, holder != NULL ? holder : "somebody who is gone by now");
            return hf_hint(error,
                           "another deploy or \"prisma migrate\" runs; wait for it, or end that session");
        }
        HF_TRY(hf_sleep_ms(LOCK_POLL_MS, error));
    }
}

hf_status hf_migrations_session_has_table(hf_migrations_session *session, const char *name, bool *ret_has,
                                          hf_error *error)
{
    HF_AUTO_BUF quoted = HF_BUF_MAX(1024);
    HF_AUTO_STR found = NULL;

    hf_sql_name(&quoted, name);
    const char *const params[] = {hf_buf_text(&quoted)};

    HF_TRY(hf_pg_query_text(session->ledger, "SELECT pg_catalog.to_regclass($1)::oid", 1, params, &found,
                            error));
    *ret_has = found != NULL;
    return HF_OK;
}
