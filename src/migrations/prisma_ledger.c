/*
 * Prisma's ledger, _prisma_migrations.  A migration is four writes, each committed by itself: INSERT its row; the script;
 * steps + 1; finished_at.
 */
#include "base/clock.h"
#include "base/text.h"
#include "migrations/ledger.h"

#define LEDGER "_prisma_migrations"

static hf_status change_row(hf_pg *pg, const char *sql, int count, const char *const *params, hf_error *error)
{
    return hf_ledger_change_row(&hf_ledger_prisma, pg, sql, count, params, error);
}

static hf_status begin(hf_pg *pg, const char *name, const char *checksum, char ret_id[HF_LEDGER_ID_SIZE],
                       hf_error *error)
{
    char id[HF_LEDGER_ID_SIZE];
    char now[32];

    hf_uuid4(id);
    const char *const params[] = {id, checksum, hf_time_format(hf_now_ms(), now), name};

    HF_TRY(change_row(pg,
                      "INSERT INTO " LEDGER " (id, checksum, started_at, migration_name) "
                      "VALUES ($1, $2, $3::timestamptz, $4) RETURNING 1",
                      4, params, error));
    memcpy(ret_id, id, sizeof(id));
    return HF_OK;
}

static hf_status finish(hf_pg *pg, const char *name, const char *id, int64_t took_ms, hf_error *error)
{
    char now[32];
    const char *const params[] = {id, hf_time_format(hf_now_ms(), now)};

    (void) name;
    (void) took_ms;
    HF_TRY(change_row(
        pg, "UPDATE " LEDGER " SET applied_steps_count = applied_steps_count + 1 WHERE id = $1 RETURNING 1",
        1, params, error));
    return change_row(pg, "UPDATE " LEDGER " SET finished_at = $2::timestamptz WHERE id = $1 RETURNING 1", 2,
                      params, error);
}

static hf_status fail(hf_pg *pg, const char *id, const char *logs, hf_error *error)
{
    const char *const params[] = {id, logs};

    return change_row(pg, "UPDATE " LEDGER " SET logs = $2 WHERE id = $1 RETURNING 1", 2, params, error);
}

static hf_status mark_rolled_back(hf_pg *pg, const char *name, hf_error *error)
{
    char now[32];
    const char *const params[] = {name, hf_time_format(hf_now_ms(), now)};
    HF_AUTO_ROWS rows = NULL;

    return hf_pg_query(pg,
                       "UPDATE " LEDGER " SET rolled_back_at = $2::timestamptz WHERE migration_name = $1 "
                       "AND finished_at IS NULL AND rolled_back_at IS NULL",
                       2, params, &rows, error);
}

static hf_status mark_applied(hf_pg *pg, const char *name, const char *checksum, hf_error *error)
{
    char id[HF_LEDGER_ID_SIZE];
    char now[32];

    hf_uuid4(id);
    const char *const params[] = {id, checksum, hf_time_format(hf_now_ms(), now), name};

    HF_TRY(mark_rolled_back(pg, name, error));
    return change_row(pg,
                      "INSERT INTO " LEDGER " (id, checksum, logs, started_at, finished_at, migration_name) "
                      "VALUES ($1, $2, '', $3::timestamptz, $3::timestamptz, $4) RETURNING 1",
                      4, params, error);
}

const hf_ledger_kind hf_ledger_prisma = {
    .table = LEDGER,
    .select = "SELECT migration_name AS name, checksum, logs, "
              "pg_catalog.to_char(coalesce(finished_at, started_at) AT TIME ZONE 'UTC', "
              "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS at, finished_at IS NOT NULL AS finished, "
              "rolled_back_at IS NOT NULL AS rolled_back FROM " LEDGER " ORDER BY started_at, id",
    .create = "CREATE TABLE " LEDGER " ("
              "id VARCHAR(36) PRIMARY KEY NOT NULL, "
              "checksum VARCHAR(64) NOT NULL, "
              "finished_at TIMESTAMPTZ, "
              "migration_name VARCHAR(255) NOT NULL, "
              "logs TEXT, "
              "rolled_back_at TIMESTAMPTZ, "
              "started_at TIMESTAMPTZ NOT NULL DEFAULT now(), "
              "applied_steps_count INTEGER NOT NULL DEFAULT 0)",
    .begin = begin,
    .finish = finish,
    .fail = fail,
    .mark_applied = mark_applied,
    .mark_rolled_back = mark_rolled_back,
};
