#include "migrations/prisma_ledger.h"

#include "base/clock.h"
#include "base/text.h"
#include "migrations/prisma_files.h"

#define LEDGER "_prisma_migrations"
#define ROWS_MAX 1000000u

void hf_prisma_ledger_done(hf_prisma_ledger *ledger)
{
    for (size_t i = 0; i < ledger->rows.count; i++) {
        free(ledger->rows.items[i].name);
        free(ledger->rows.items[i].checksum);
        free(ledger->rows.items[i].logs);
    }
    free(ledger->rows.items);
    *ledger = (hf_prisma_ledger){0};
}

static hf_status select_rows(hf_pg *pg, hf_rows **ret_rows, hf_error *error)
{
    static const char query[] =
        "SELECT migration_name, checksum, logs, finished_at IS NOT NULL AS finished, "
        "rolled_back_at IS NOT NULL AS rolled_back FROM " LEDGER " ORDER BY started_at, id";
    hf_status status = hf_pg_query(pg, query, 0, NULL, ret_rows, error);

    if (status != HF_E_DATABASE)
        return status;
    (void) hf_prefix(error, "the ledger " LEDGER " is not what Prisma makes");
    return hf_hint(error, "somebody changed the table; compare it with one of another database");
}

hf_status hf_prisma_ledger_read(hf_migrations_session *session, hf_prisma_ledger *ret_ledger, hf_error *error)
{
    HF_AUTO(hf_prisma_ledger_done) hf_prisma_ledger ledger = {0};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_migrations_session_has_table(session, LEDGER, &ledger.exists, error));
    if (ledger.exists) {
        HF_TRY(select_rows(session->ledger, &rows, error));
        if (hf_rows_count(rows) > ROWS_MAX)
            return hf_fail(error, HF_E_LIMIT, "the ledger " LEDGER " has more than %u rows", ROWS_MAX);
    }
    for (size_t i = 0; rows != NULL && i < hf_rows_count(rows); i++) {
        hf_prisma_row *row = HF_APPEND_NEW(&ledger.rows);
        const char *name = hf_rows_text(rows, i, "migration_name");
        const char *checksum = hf_rows_text(rows, i, "checksum");

        row->name = hf_strdup(name != NULL ? name : "");
        row->checksum = hf_strdup(checksum != NULL ? checksum : "");
        row->logs = hf_strdup(hf_rows_text(rows, i, "logs"));
        row->finished = hf_rows_bool(rows, i, "finished");
        row->rolled_back = hf_rows_bool(rows, i, "rolled_back");
    }
    *ret_ledger = ledger;
    ledger = (hf_prisma_ledger){0};
    return HF_OK;
}

hf_status hf_prisma_ledger_check_empty(hf_migrations_session *session, hf_error *error)
{
    /* partitions are tables that only their parent makes visible, and parents do not count */
    static const char query[] =
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = $1 AND c.relkind = 'r' AND NOT c.relispartition "
        "AND c.relname NOT IN ('spatial_ref_sys', '" LEDGER "') ORDER BY c.relname LIMIT 1";
    const char *const params[] = {session->schema != NULL ? session->schema : "public"};
    HF_AUTO_STR table = NULL;

    HF_TRY(hf_pg_query_text(session->ledger, query, 1, params, &table, error));
    if (table == NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION,
                   "P3005: the database is not empty (it has the table %s) and has no ledger of migrations",
                   table);
    return hf_hint(
        error,
        "if its schema is what the migrations make, baseline it: prisma migrate resolve --applied NAME "
        "for each of them");
}

hf_status hf_prisma_ledger_create(hf_migrations_session *session, hf_error *error)
{
    return hf_pg_exec(session->ledger,
                      "CREATE TABLE " LEDGER " ("
                      "id VARCHAR(36) PRIMARY KEY NOT NULL, "
                      "checksum VARCHAR(64) NOT NULL, "
                      "finished_at TIMESTAMPTZ, "
                      "migration_name VARCHAR(255) NOT NULL, "
                      "logs TEXT, "
                      "rolled_back_at TIMESTAMPTZ, "
                      "started_at TIMESTAMPTZ NOT NULL DEFAULT now(), "
                      "applied_steps_count INTEGER NOT NULL DEFAULT 0)",
                      error);
}

hf_migration_state hf_prisma_ledger_state(const hf_prisma_ledger *ledger, const char *name,
                                          const char **ret_logs)
{
    hf_migration_state state = HF_MIGRATION_PENDING;

    *ret_logs = NULL;
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const hf_prisma_row *row = &ledger->rows.items[i];

        if (!hf_streq(row->name, name))
            continue;
        if (!row->finished && !row->rolled_back) {
            *ret_logs = row->logs;
            return HF_MIGRATION_FAILED;
        }
        if (!row->rolled_back)
            state = HF_MIGRATION_APPLIED;
        else if (state == HF_MIGRATION_PENDING)
            state = HF_MIGRATION_ROLLED_BACK;
    }
    return state;
}

bool hf_prisma_ledger_has_checksum(const hf_prisma_ledger *ledger, const char *name, const char *sql,
                                   size_t len)
{
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const hf_prisma_row *row = &ledger->rows.items[i];

        if (hf_streq(row->name, name) && !row->rolled_back &&
            hf_prisma_checksum_matches(sql, len, row->checksum))
            return true;
    }
    return false;
}

/* One statement that must change exactly one row: a ledger with triggers or rules is not to be trusted. */
static hf_status change_one_row(hf_pg *pg, const char *sql, int count, const char *const *params,
                                hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, sql, count, params, &rows, error));
    if (hf_rows_count(rows) == 1)
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION, "the ledger " LEDGER " did not keep a row of this deploy");
    return hf_hint(error, "does the script, a trigger or a rule change the table?");
}

hf_status hf_prisma_ledger_begin(hf_migrations_session *session, const char *name, const char *checksum,
                                 char ret_id[HF_PRISMA_ID_SIZE], hf_error *error)
{
    char id[HF_PRISMA_ID_SIZE];
    char now[32];

    hf_uuid4(id);
    const char *const params[] = {id, checksum, hf_time_format(hf_now_ms(), now), name};

    HF_TRY(change_one_row(session->ledger,
                          "INSERT INTO " LEDGER " (id, checksum, started_at, migration_name) "
                          "VALUES ($1, $2, $3::timestamptz, $4) RETURNING 1",
                          4, params, error));
    memcpy(ret_id, id, sizeof(id));
    return HF_OK;
}

hf_status hf_prisma_ledger_finish(hf_migrations_session *session, const char *id, hf_error *error)
{
    char now[32];
    const char *const params[] = {id, hf_time_format(hf_now_ms(), now)};

    HF_TRY(change_one_row(session->ledger,
                          "UPDATE " LEDGER
                          " SET applied_steps_count = applied_steps_count + 1 WHERE id = $1 RETURNING 1",
                          1, params, error));
    return change_one_row(session->ledger,
                          "UPDATE " LEDGER " SET finished_at = $2::timestamptz WHERE id = $1 RETURNING 1", 2,
                          params, error);
}

hf_status hf_prisma_ledger_fail(hf_migrations_session *session, const char *id, const char *logs,
                                hf_error *error)
{
    const char *const params[] = {id, logs};

    return change_one_row(session->ledger, "UPDATE " LEDGER " SET logs = $2 WHERE id = $1 RETURNING 1", 2,
                          params, error);
}
