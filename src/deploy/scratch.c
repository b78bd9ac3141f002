#include "deploy/scratch.h"

#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "config/secret.h"
#include "deploy/preflight.h"
#include "restore/database.h"
#include "restore/restore.h"
#include "restore/swap.h"

#define ID_DIGITS 8
#define LOCK "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1, 0))"
#define UNLOCK "SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended($1, 0))"

static hf_status try_lock(hf_pg *pg, const char *name, bool *ret_got, hf_error *error)
{
    HF_AUTO_STR got = NULL;

    HF_TRY(hf_pg_query_text(pg, LOCK, 1, &name, &got, error));
    *ret_got = got != NULL && got[0] == 't';
    return HF_OK;
}

/* `name` is of the next one: what differs from it in the last digits alone is of the same target. */
static hf_status sweep(const char *url, hf_pg *keeper, const char *name, hf_error *error)
{
    HF_AUTO_STR prefix = hf_strndup(name, strlen(name) - ID_DIGITS);
    HF_AUTO_STR pattern = hf_format("^[0-9a-f]{%d}$", ID_DIGITS);
    const char *const params[] = {prefix, pattern};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(keeper,
                       "SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname, $1) "
                       "AND pg_catalog.substr(datname, pg_catalog.length($1) + 1) ~ $2",
                       2, params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *left = hf_rows_text(rows, i, "datname");
        HF_AUTO_ROWS unlocked = NULL;
        bool nobodys = false;

        HF_TRY(try_lock(keeper, left, &nobodys, error));
        if (!nobodys)
            continue;
        HF_TRY(hf_restore_drop(url, left, error));
        hf_log(HF_LOG_INFO, "dropped \"%s\", a scratch database that was left behind", left);
        HF_TRY(hf_pg_query(keeper, UNLOCK, 1, &left, &unlocked, error));
    }
    return HF_OK;
}

/* What makes it, as one text column a statement: the database first, then its settings as "name=value". */
static hf_status create(const char *url, hf_pg *keeper, const char *name, hf_error *error)
{
    static const char query[] =
        "SELECT pg_catalog.format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE "
        "%L', "
        "$1::text, pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype) || "
        "CASE j.d ->> 'datlocprovider' WHEN 'c' THEN ' LOCALE_PROVIDER libc' "
        "WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', "
        "coalesce(j.d ->> 'datlocale', j.d ->> 'daticulocale')) "
        "WHEN 'b' THEN pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j.d ->> 'datlocale') "
        "ELSE '' END AS statement, s.setting FROM pg_catalog.pg_database d "
        "CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(d) AS d) j "
        "LEFT JOIN LATERAL (SELECT pg_catalog.unnest(r.setconfig) AS setting "
        "FROM pg_catalog.pg_db_role_setting r WHERE r.setdatabase = d.oid AND r.setrole = 0) s ON true "
        "WHERE d.datname = $2";
    HF_AUTO_STR live = hf_pg_url_database(url);
    const char *const params[] = {name, live};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(keeper, query, 2, params, &rows, error));
    if (hf_rows_count(rows) == 0)
        return hf_fail(error, HF_E_NOT_FOUND, "the database \"%s\" does not exist", live);
    hf_status status = hf_pg_exec(keeper, hf_rows_text(rows, 0, "statement"), error);
    if (status == HF_E_PRIVILEGE)
        return hf_hint(error, "a scratch database is needed: ALTER ROLE \"%s\" CREATEDB", hf_pg_user(keeper));
    HF_TRY(status);
    HF_FAULT("scratch.after_create", error);
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_BUF sql = HF_BUF_MAX(64u << 10);

        if (hf_rows_text(rows, i, "setting") == NULL)
            continue;
        hf_buf_puts(&sql, "ALTER DATABASE ");
        hf_sql_name(&sql, name);
        hf_buf_puts(&sql, " SET ");
        hf_database_setting(&sql, hf_rows_text(rows, i, "setting"));
        HF_TRY(hf_buf_check(&sql, "setting of the database", error));
        HF_TRY(hf_pg_exec(keeper, hf_buf_text(&sql), error));
    }
    return HF_OK;
}

hf_status hf_scratch_make(const hf_target_config *target, const char *url, hf_scratch *ret_scratch,
                          hf_error *error)
{
    HF_AUTO(hf_scratch_done) hf_scratch scratch = {.target_url = url};
    HF_AUTO_STR live = hf_pg_url_database(url);
    char id[ID_DIGITS + 1];
    bool got = false;

    hf_random_hex(ID_DIGITS / 2, id);
    HF_AUTO_STR name = hf_swap_name(live, "scratch", id);
    HF_TRY(hf_maintenance_connect(target, url, "scratch", &scratch.keeper, error));
    HF_TRY(sweep(url, scratch.keeper, name, error));
    HF_TRY(try_lock(scratch.keeper, name, &got, error));
    if (!got)
        return hf_fail(error, HF_E_BUSY, "the name \"%s\" of a scratch database is taken", name);
    HF_TRY(hf_pg_url_with_database(url, name, &scratch.url, error));
    scratch.name = HF_TAKE(name); /* from here on there may be something to drop */
    HF_TRY(create(url, scratch.keeper, scratch.name, error));

    *ret_scratch = scratch;
    scratch = (hf_scratch){0};
    return HF_OK;
}

void hf_scratch_done(hf_scratch *scratch)
{
    hf_error error = {0};

    if (scratch->name != NULL && hf_restore_drop(scratch->target_url, scratch->name, &error) != HF_OK) {
        (void) hf_prefix(&error, "the scratch database \"%s\" is still there", scratch->name);
        hf_log_error(&error);
    }
    hf_pg_freep(&scratch->keeper);
    hf_freep(&scratch->name);
    hf_secret_freep(&scratch->url);
    *scratch = (hf_scratch){0};
}
