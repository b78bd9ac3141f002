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

/* ---- where it is made ---- */

/* The shadow's URL, with the target's ?schema=, which decides where migrations build.  The caller owns it. */
static hf_status shadow_url(const hf_target_config *target, const char *url, char **ret_url, hf_error *error)
{
    HF_AUTO_STR what = hf_format("the shadow URL of target \"%s\"", target->name);
    HF_AUTO_SECRET shadow = NULL;
    HF_AUTO_BUF text = HF_BUF_MAX(64u << 10);

    HF_TRY(hf_secret_read(&target->shadow_url, what, &shadow, error));
    hf_pg_url_redact(shadow);
    HF_AUTO_STR schema = url != NULL ? hf_pg_url_parameter(url, "schema") : NULL;
    HF_AUTO_STR own = hf_pg_url_parameter(shadow, "schema");
    if (schema == NULL || own != NULL || strstr(shadow, "://") == NULL) {
        *ret_url = HF_TAKE(shadow);
        return HF_OK;
    }
    hf_buf_printf(&text, "%s%sschema=", shadow, strchr(shadow, '?') != NULL ? "&" : "?");
    for (const char *c = schema; *c != '\0'; c++)
        hf_buf_printf(&text, "%%%02X", (unsigned char) *c);
    HF_TRY(hf_buf_check(&text, what, error));
    *ret_url = hf_buf_take(&text);
    return HF_OK;
}

/* Server and database by what they say of themselves: two URLs of one database may look very different. */
static hf_status identity(hf_pg *pg, char **ret_identity, hf_error *error)
{
    return hf_pg_query_text(pg,
                            "SELECT pg_catalog.concat_ws('/', pg_catalog.pg_postmaster_start_time(), oid) "
                            "FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
                            0, NULL, ret_identity, error);
}

static hf_status refuse_target(const hf_target_config *target, hf_pg *shadow, const char *url,
                               hf_error *error)
{
    HF_AUTO_PG live = NULL;
    HF_AUTO_STR ours = NULL;
    HF_AUTO_STR theirs = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "shadow"}, &live, error));
    HF_TRY(identity(live, &ours, error));
    HF_TRY(identity(shadow, &theirs, error));
    if (!hf_streq(ours, theirs))
        return HF_OK;
    (void) hf_fail(error, HF_E_REFUSED, "the shadow of target \"%s\" is its own database", target->name);
    return hf_hint(error,
                   "let shadow.url name another server, or another database of this one; without it scratch "
                   "databases are made beside the target's");
}

/* Where the lock is held and the database is made; the shadow's own database, or the target's maintenance database. */
static hf_status open_server(const hf_target_config *target, const char *url, hf_scratch *scratch,
                             hf_error *error)
{
    if (target->shadow_url.kind == HF_SECRET_NONE) {
        scratch->server_url = hf_strdup(url);
        return hf_maintenance_connect(target, url, "scratch", &scratch->keeper, error);
    }
    HF_TRY(shadow_url(target, url, &scratch->server_url, error));
    if (hf_pg_connect(&(hf_pg_options){.url = scratch->server_url, .purpose = "scratch", .steady = true},
                      &scratch->keeper, error) != HF_OK)
        return hf_prefix(error, "the shadow");
    return url != NULL ? refuse_target(target, scratch->keeper, url, error) : HF_OK;
}

/* ---- making it ---- */

/* What makes it, as one text column a statement: the database first, then its settings as "name=value". */
static hf_status ask_for_statements(hf_pg *live, const char *name, const char *database, hf_rows **ret_rows,
                                    hf_error *error)
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
    const char *const params[] = {name, database};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(live, query, 2, params, &rows, error));
    if (hf_rows_count(rows) == 0)
        return hf_fail(error, HF_E_NOT_FOUND, "the database \"%s\" does not exist", database);
    *ret_rows = HF_TAKE(rows);
    return HF_OK;
}

static hf_status make_database(const hf_target_config *target, hf_pg *keeper, const char *sql,
                               hf_error *error)
{
    hf_status status = hf_pg_exec(keeper, sql, error);

    if (status == HF_E_PRIVILEGE)
        return hf_hint(error, "a scratch database is needed: ALTER ROLE \"%s\" CREATEDB", hf_pg_user(keeper));
    if (status != HF_OK && target->shadow_url.kind != HF_SECRET_NONE)
        return hf_hint(error, "the shadow's server must know the encoding and the locale of the target's");
    HF_TRY(status);
    HF_FAULT("scratch.after_create", error);
    return HF_OK;
}

static hf_status create_as(const hf_target_config *target, const char *url, hf_pg *keeper, const char *name,
                           hf_error *error)
{
    HF_AUTO_STR database = hf_pg_url_database(url);
    HF_AUTO_PG live = NULL;
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_connect(&(hf_pg_options){.url = url, .purpose = "scratch"}, &live, error));
    HF_TRY(ask_for_statements(live, name, database, &rows, error));
    HF_TRY(make_database(target, keeper, hf_rows_text(rows, 0, "statement"), error));
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

static hf_status create(const hf_target_config *target, const char *url, hf_pg *keeper, const char *name,
                        hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(1024);

    if (url != NULL)
        return create_as(target, url, keeper, name, error);
    hf_buf_puts(&sql, "CREATE DATABASE ");
    hf_sql_name(&sql, name);
    hf_buf_puts(&sql, " TEMPLATE template0");
    return make_database(target, keeper, hf_buf_text(&sql), error);
}

hf_status hf_scratch_make(const hf_target_config *target, const char *url, hf_scratch *ret_scratch,
                          hf_error *error)
{
    HF_AUTO(hf_scratch_done) hf_scratch scratch = {0};
    HF_AUTO_STR live = url != NULL ? hf_pg_url_database(url) : hf_strdup(target->name);
    char id[ID_DIGITS + 1];
    bool got = false;

    hf_random_hex(ID_DIGITS / 2, id);
    HF_AUTO_STR name = hf_swap_name(live, "scratch", id);
    HF_TRY(open_server(target, url, &scratch, error));
    HF_TRY(sweep(scratch.server_url, scratch.keeper, name, error));
    HF_TRY(try_lock(scratch.keeper, name, &got, error));
    if (!got)
        return hf_fail(error, HF_E_BUSY, "the name \"%s\" of a scratch database is taken", name);
    HF_TRY(hf_pg_url_with_database(scratch.server_url, name, &scratch.url, error));
    scratch.name = HF_TAKE(name); /* from here on there may be something to drop */
    HF_TRY(create(target, url, scratch.keeper, scratch.name, error));

    *ret_scratch = scratch;
    scratch = (hf_scratch){0};
    return HF_OK;
}

void hf_scratch_done(hf_scratch *scratch)
{
    hf_error error = {0};

    if (scratch->name != NULL && hf_restore_drop(scratch->server_url, scratch->name, &error) != HF_OK) {
        (void) hf_prefix(&error, "the scratch database \"%s\" is still there", scratch->name);
        hf_log_error(&error);
    }
    hf_pg_freep(&scratch->keeper);
    hf_freep(&scratch->name);
    hf_secret_freep(&scratch->url);
    hf_secret_freep(&scratch->server_url);
    *scratch = (hf_scratch){0};
}
