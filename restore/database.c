#include "restore/database.h"

#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "pg/sql.h"
#include "restore/job.h"

#define MARK "holdfast: the restore of a snapshot into this database is not finished"
#define QUERY_MAX (1u << 20)
#define IN_USE "55006"
#define IS_TEMPLATE "42809"
/* An autovacuum worker has no user, and its type is not told to everybody. */
#define OTHER_SESSION "AND pid <> pg_catalog.pg_backend_pid() AND usesysid IS NOT NULL"
#define LOOK_EVERY_MS 50

/* In a transaction what may be refused stands between these two, so that a refusal does not end it. */
static hf_status begin_try(hf_pg *pg, hf_error *error)
{
    return hf_pg_in_transaction(pg) ? hf_pg_exec(pg, "SAVEPOINT try", error) : HF_OK;
}

static hf_status end_try(hf_pg *pg, hf_status status, hf_error *error)
{
    if (!hf_pg_in_transaction(pg) || (status != HF_OK && !hf_is_of_statement(status)))
        return HF_OK;
    return hf_pg_exec(pg, status == HF_OK ? "RELEASE try" : "ROLLBACK TO try; RELEASE try", error);
}

hf_status hf_database_connect(const char *url, const char *except, hf_pg **ret_pg, hf_error *error)
{
    static const char *const DATABASES[] = {"postgres", "template1", NULL};
    hf_error scratch;
    hf_error *seen = error != NULL ? error : &scratch;
    hf_status status = HF_E_CONNECTION;
    for (size_t i = 0; i < sizeof(DATABASES) / sizeof(*DATABASES); i++) {
        if (DATABASES[i] != NULL && hf_streq(DATABASES[i], except))
            continue;
        hf_pg_options connection = {
            .url = url, .database = DATABASES[i], .purpose = "restore", .steady = true};
        status = hf_pg_connect(&connection, ret_pg, seen);
        /* No such database, or no CONNECT on it: the next may do. */
        if (status == HF_OK || (strcmp(seen->sqlstate, "3D000") != 0 && strcmp(seen->sqlstate, "42501") != 0))
            return status;
    }
    return status;
}

hf_status hf_database_probe(hf_pg *pg, const char *database, bool *ret_exists, bool *ret_unfinished,
                            hf_error *error)
{
    const char *params[] = {database, MARK};
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(
        hf_pg_query(pg,
                    "SELECT NOT datallowconn AND pg_catalog.shobj_description(oid, 'pg_database') IS NULL OR "
                    "coalesce(pg_catalog.shobj_description(oid, 'pg_database') = $2, false) AS unfinished "
                    "FROM pg_catalog.pg_database WHERE datname = $1",
                    2, params, &rows, error));
    *ret_exists = hf_rows_count(rows) > 0;
    *ret_unfinished = *ret_exists && hf_rows_bool(rows, 0, "unfinished");
    return HF_OK;
}

static void add_option(hf_buf *sql, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    hf_buf_printf(sql, " %s = ", name);
    hf_sql_literal(sql, value);
}

static void add_provider(hf_buf *sql, const hf_manifest *manifest, int version)
{
    const char *provider = manifest->database.locale_provider;
    if (hf_streq(provider, "i") && version >= HF_DATABASE_ICU) {
        hf_buf_puts(sql, " LOCALE_PROVIDER = icu");
        add_option(sql, "ICU_LOCALE", manifest->database.icu_locale);
        add_option(sql, "ICU_RULES", manifest->database.icu_rules);
    } else if (hf_streq(provider, "b") && version >= HF_DATABASE_BUILTIN_PROVIDER) {
        hf_buf_puts(sql, " LOCALE_PROVIDER = builtin");
        add_option(sql, "BUILTIN_LOCALE", manifest->database.icu_locale);
    } else if (version >= HF_DATABASE_ICU) {
        hf_buf_puts(sql, " LOCALE_PROVIDER = libc");
    }
}

static void add_comment(hf_buf *sql, const char *database, const char *comment)
{
    hf_buf_puts(sql, "COMMENT ON DATABASE ");
    hf_sql_name(sql, database);
    hf_buf_puts(sql, " IS ");
    if (comment != NULL)
        hf_sql_literal(sql, comment);
    else
        hf_buf_puts(sql, "NULL");
}

void hf_database_sql_create(hf_buf *sql, const hf_manifest *manifest, const char *database, bool with_owner,
                            int server_version)
{
    hf_buf_puts(sql, "CREATE DATABASE ");
    hf_sql_name(sql, database);
    hf_buf_puts(sql, " WITH TEMPLATE = template0");
    if (with_owner && *manifest->database.owner != '\0') {
        hf_buf_puts(sql, " OWNER = ");
        hf_sql_name(sql, manifest->database.owner);
    }
    add_option(sql, "ENCODING", manifest->database.encoding);
    add_provider(sql, manifest, server_version);
    add_option(sql, "LC_COLLATE", manifest->database.collate);
    add_option(sql, "LC_CTYPE", manifest->database.ctype);
    /* template0's own needs no privilege as long as it is not named. */
    if (*manifest->database.tablespace != '\0' && strcmp(manifest->database.tablespace, "pg_default") != 0) {
        hf_buf_puts(sql, " TABLESPACE = ");
        hf_sql_name(sql, manifest->database.tablespace);
    }
}

hf_status hf_database_create(hf_pg *pg, const hf_restore_options *options, bool *ret_created, hf_error *error)
{
    const hf_manifest *manifest = options->manifest;
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    hf_database_sql_create(&sql, manifest, options->database, !options->no_owner, hf_pg_version(pg));
    /* Until it bears the mark nobody may take it for a whole one: a kill may come between the two statements. */
    hf_buf_puts(&sql, " ALLOW_CONNECTIONS = false");
    HF_TRY(hf_buf_check(&sql, "query", error));
    HF_FAULT("database.before_create", error);
    hf_status status = hf_pg_exec(pg, hf_buf_text(&sql), error);
    if (status == HF_E_PRIVILEGE)
        return hf_hint(error, "the role needs CREATEDB, and membership in the owner \"%s\" (or --owner none)",
                       manifest->database.owner);
    HF_TRY(status);
    *ret_created = true;
    HF_FAULT("database.before_mark", error);
    hf_buf_clear(&sql);
    add_comment(&sql, options->database, MARK);
    hf_buf_puts(&sql, "; ALTER DATABASE ");
    hf_sql_name(&sql, options->database);
    hf_buf_puts(&sql, " WITH ALLOW_CONNECTIONS true");
    return hf_pg_exec(pg, hf_buf_text(&sql), error);
}

/* One that refuses what is done here. */
static hf_status disable_event_triggers(hf_pg *pg, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg, "SELECT evtname AS name FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D'",
                       0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_BUF name = HF_BUF_MAX(1024);
        hf_sql_name(&name, hf_rows_text(rows, i, "name"));
        HF_TRY(hf_pg_execf(pg, error, "ALTER EVENT TRIGGER %s DISABLE", hf_buf_text(&name)));
    }
    return HF_OK;
}

/* A copy must not drop the slot that the original uses, so each is parted from its slot first. */
static hf_status drop_subscriptions(const char *url, const char *database, hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    hf_pg_options connection = {.url = url, .database = database, .purpose = "restore", .exact_text = true};
    HF_TRY(hf_pg_connect(&connection, &pg, error));
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg,
                       "SELECT s.subname AS name FROM pg_catalog.pg_subscription s "
                       "JOIN pg_catalog.pg_database d ON d.oid = s.subdbid "
                       "WHERE d.datname = pg_catalog.current_database()",
                       0, NULL, &rows, error));
    if (hf_rows_count(rows) > 0)
        HF_TRY(disable_event_triggers(pg, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_BUF name = HF_BUF_MAX(1024);
        hf_sql_name(&name, hf_rows_text(rows, i, "name"));
        HF_TRY(hf_pg_execf(pg, error, "ALTER SUBSCRIPTION %s DISABLE", hf_buf_text(&name)));
        HF_TRY(hf_pg_execf(pg, error, "ALTER SUBSCRIPTION %s SET (slot_name = NONE)", hf_buf_text(&name)));
        HF_TRY(hf_pg_execf(pg, error, "DROP SUBSCRIPTION %s", hf_buf_text(&name)));
    }
    return HF_OK;
}

hf_status hf_database_allow(hf_pg *pg, const char *database, bool allowed, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(1024);
    hf_buf_puts(&sql, "ALTER DATABASE ");
    hf_sql_name(&sql, database);
    hf_buf_printf(&sql, " WITH ALLOW_CONNECTIONS %s", allowed ? "true" : "false");
    return hf_pg_exec(pg, hf_buf_text(&sql), error);
}

/*
 * Ask each session to end, by itself, so that one that may not be asked (a superuser's) does not spare the others.  RENAME
 * ends autovacuum's workers on its own; to others they are out of reach.
 */
hf_status hf_database_end_sessions(hf_pg *pg, const char *database, const char *other, hf_error *error)
{
    const char *params[] = {database, other};
    HF_AUTO_ROWS rows = NULL;
    /* In a transaction the first look at the sessions would be the last. */
    HF_TRY(hf_pg_exec(pg, "SELECT pg_catalog.pg_stat_clear_snapshot()", error));
    HF_TRY(hf_pg_query(pg,
                       "SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname IN ($1, $2) " OTHER_SESSION,
                       2, params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        HF_AUTO_STR ended = NULL;
        const char *pid[] = {hf_rows_get(rows, i, 0)};
        HF_TRY(begin_try(pg, error));
        hf_status status =
            hf_pg_query_text(pg, "SELECT pg_catalog.pg_terminate_backend($1::int4)", 1, pid, &ended, error);
        HF_TRY(end_try(pg, status, error));
        if (status != HF_OK && status != HF_E_PRIVILEGE)
            return status;
    }
    return HF_OK;
}

hf_status hf_database_empty(hf_pg *pg, const char *database, int64_t timeout_ms, hf_error *error)
{
    const int64_t deadline = hf_monotonic_ms() + timeout_ms;
    for (;;) {
        HF_AUTO_STR count = NULL;
        HF_TRY(hf_database_end_sessions(pg, database, database, error));
        HF_TRY(hf_pg_query_text(
            pg,
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity WHERE datname = $1 " OTHER_SESSION,
            1, &database, &count, error));
        if (hf_streq(count, "0"))
            return HF_OK;
        if (hf_monotonic_ms() >= deadline) {
            (void) hf_fail(error, HF_E_LOCKED, "database \"%s\" is still in use after %lld s: %s session(s)",
                           database, (long long) timeout_ms / 1000, count);
            return hf_hint(error,
                           "end them (role \"%s\" needs pg_signal_backend to end other roles' sessions)",
                           hf_pg_user(pg));
        }
        HF_TRY(hf_sleep_ms(LOOK_EVERY_MS, error));
    }
}

hf_status hf_database_drop(hf_pg *pg, const char *url, const char *database, hf_error *error)
{
    hf_error scratch;
    hf_error *seen = error != NULL ? error : &scratch;
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    hf_buf_puts(&sql, "DROP DATABASE IF EXISTS ");
    hf_sql_name(&sql, database);
    hf_buf_puts(&sql, " WITH (FORCE)");
    HF_FAULT("database.before_drop", error);
    hf_stop_hold();
    hf_status status = hf_pg_exec(pg, hf_buf_text(&sql), seen);
    hf_error ignored;
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    hf_sql_name(&name, database);
    if (status != HF_OK && strcmp(seen->sqlstate, IS_TEMPLATE) == 0 &&
        hf_pg_execf(pg, &ignored, "ALTER DATABASE %s WITH IS_TEMPLATE false", hf_buf_text(&name)) == HF_OK)
        status = hf_pg_exec(pg, hf_buf_text(&sql), seen);
    if (status != HF_OK && strcmp(seen->sqlstate, IN_USE) == 0 &&
        drop_subscriptions(url, database, &ignored) == HF_OK)
        status = hf_pg_exec(pg, hf_buf_text(&sql), seen);
    hf_stop_release();
    HF_TRY(status);
    HF_FAULT("database.after_drop", error);
    return HF_OK;
}

hf_status hf_restore_drop(const char *url, const char *database, hf_error *error)
{
    hf_stop_hold();
    HF_AUTO_PG pg = NULL;
    hf_status status = hf_database_connect(url, database, &pg, error);
    if (status == HF_OK)
        status = hf_database_drop(pg, url, database, error);
    hf_stop_release();
    return status;
}

/* Settings that are lists of identifiers: kept quoted where needed, so each item is taken out and given as a literal. */
static bool is_list(const char *name)
{
    static const char *const LISTS[] = {"search_path",
                                        "temp_tablespaces",
                                        "local_preload_libraries",
                                        "session_preload_libraries",
                                        "shared_preload_libraries",
                                        "unix_socket_directories"};
    for (size_t i = 0; i < sizeof(LISTS) / sizeof(*LISTS); i++)
        if (strcasecmp(name, LISTS[i]) == 0)
            return true;
    return false;
}

static void add_list(hf_buf *sql, const char *value)
{
    bool first = true;
    const char *c = value;
    for (;;) {
        HF_AUTO_BUF item = HF_BUF_MAX(QUERY_MAX);
        while (*c == ' ')
            c++;
        if (*c == '"') {
            for (c++; *c != '\0' && !(*c == '"' && c[1] != '"'); c++) {
                if (*c == '"')
                    c++;
                hf_buf_putc(&item, *c);
            }
            if (*c == '"')
                c++;
        } else {
            while (*c != '\0' && *c != ',' && *c != ' ')
                hf_buf_putc(&item, *c++);
        }
        if (!first)
            hf_buf_puts(sql, ", ");
        first = false;
        hf_sql_literal(sql, hf_buf_text(&item));
        while (*c == ' ')
            c++;
        if (*c != ',')
            return;
        c++;
    }
}

void hf_database_setting(hf_buf *sql, const char *setting)
{
    size_t len = strcspn(setting, "=");
    HF_AUTO_STR name = hf_strndup(setting, len);
    const char *value = setting[len] == '=' ? setting + len + 1 : "";
    hf_sql_name(sql, name);
    hf_buf_puts(sql, " TO ");
    if (is_list(name))
        add_list(sql, value);
    else
        hf_sql_literal(sql, value);
}

void hf_database_sql_setting(hf_buf *sql, const char *database, const hf_role_setting *setting)
{
    if (setting->role != NULL) {
        hf_buf_puts(sql, "ALTER ROLE ");
        hf_sql_name(sql, setting->role);
        hf_buf_puts(sql, " IN DATABASE ");
    } else {
        hf_buf_puts(sql, "ALTER DATABASE ");
    }
    hf_sql_name(sql, database);
    hf_buf_puts(sql, " SET ");
    hf_database_setting(sql, setting->setting);
}

/* A setting that this role may not give (another role's, or a superuser's parameter) is a warning, no reason to fail. */
static hf_status set_settings(hf_pg *pg, const hf_restore_options *options, hf_strings *warnings,
                              hf_error *error)
{
    for (size_t i = 0; i < options->manifest->database.settings.count; i++) {
        const hf_role_setting *setting = &options->manifest->database.settings.items[i];
        HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
        hf_database_sql_setting(&sql, options->database, setting);
        HF_TRY(hf_buf_check(&sql, "query", error));
        hf_error failure;
        HF_TRY(begin_try(pg, error));
        hf_status status = hf_pg_exec(pg, hf_buf_text(&sql), &failure);
        HF_TRY(end_try(pg, status, error));
        if (status == HF_OK)
            continue;
        hf_prefix(&failure, "database setting \"%s\"", setting->setting);
        if (status == HF_E_PRIVILEGE) {
            hf_strings_add(warnings, failure.message);
            continue;
        }
        if (error != NULL)
            *error = failure;
        return status;
    }
    return HF_OK;
}

/* The server itself takes the ACL's text apart; its roles exist (plan.c). */
static hf_status set_acl(hf_pg *pg, const hf_restore_options *options, hf_error *error)
{
    const char *acl = options->manifest->database.acl;
    if (options->no_acl || options->no_owner || acl == NULL)
        return HF_OK;
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_query(pg,
                       "SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE "
                       "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END AS grantee, "
                       "pg_catalog.pg_get_userbyid(grantor) AS grantor, "
                       "privilege_type, is_grantable FROM pg_catalog.aclexplode($1::pg_catalog.aclitem[])",
                       1, &acl, &rows, error));
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    hf_sql_name(&name, options->database);
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    hf_buf_printf(&sql, "REVOKE ALL ON DATABASE %s FROM PUBLIC; REVOKE ALL ON DATABASE %s FROM ",
                  hf_buf_text(&name), hf_buf_text(&name));
    hf_sql_name(&sql, options->manifest->database.owner);
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *grantor = hf_rows_text(rows, i, "grantor");
        bool is_owners = hf_streq(grantor, options->manifest->database.owner);
        if (!is_owners) {
            hf_buf_puts(&sql, "; SET ROLE ");
            hf_sql_name(&sql, grantor);
        }
        hf_buf_printf(&sql, "; GRANT %s ON DATABASE %s TO %s%s%s", hf_rows_text(rows, i, "privilege_type"),
                      hf_buf_text(&name), hf_rows_text(rows, i, "grantee"),
                      hf_rows_bool(rows, i, "is_grantable") ? " WITH GRANT OPTION" : "",
                      is_owners ? "" : "; RESET ROLE");
    }
    HF_TRY(hf_buf_check(&sql, "query", error));
    return hf_pg_exec(pg, hf_buf_text(&sql), error);
}

void hf_sql_security_label(hf_buf *sql, const hf_label *label, const char *object)
{
    hf_buf_puts(sql, "SECURITY LABEL FOR ");
    hf_sql_name(sql, label->provider);
    hf_buf_printf(sql, " ON %s IS ", object);
    hf_sql_literal(sql, label->label);
}

static hf_status set_labels(hf_pg *pg, const hf_restore_options *options, hf_error *error)
{
    HF_AUTO_BUF object = HF_BUF_MAX(1024);
    hf_buf_puts(&object, "DATABASE ");
    hf_sql_name(&object, options->database);
    for (size_t i = 0; i < options->manifest->labels.count; i++) {
        HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
        if (options->manifest->labels.items[i].oid != 0)
            continue;
        hf_sql_security_label(&sql, &options->manifest->labels.items[i], hf_buf_text(&object));
        HF_TRY(hf_buf_check(&sql, "query", error));
        HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    }
    return HF_OK;
}

static hf_status finish(hf_pg *pg, const hf_restore_options *options, hf_strings *warnings, hf_error *error)
{
    HF_FAULT("database.before_settings", error);
    HF_TRY(set_settings(pg, options, warnings, error));
    HF_TRY(set_acl(pg, options, error));
    HF_TRY(set_labels(pg, options, error));
    if (options->manifest->database.connection_limit >= 0) {
        HF_AUTO_BUF sql = HF_BUF_MAX(4096);
        hf_buf_puts(&sql, "ALTER DATABASE ");
        hf_sql_name(&sql, options->database);
        hf_buf_printf(&sql, " CONNECTION LIMIT %d", options->manifest->database.connection_limit);
        HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    }
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    if (options->manifest->database.is_template) {
        hf_buf_puts(&sql, "ALTER DATABASE ");
        hf_sql_name(&sql, options->database);
        hf_buf_puts(&sql, " WITH IS_TEMPLATE true; ");
    }
    add_comment(&sql, options->database, options->manifest->database.comment);
    HF_TRY(hf_buf_check(&sql, "query", error));
    HF_FAULT("database.before_unmark", error);
    HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    HF_FAULT("database.after_unmark", error);
    return HF_OK;
}

/*
 * Texts in the shared catalogs have the encoding of the database from which they were written, so this one's are written
 * from itself, with its name as it reads it there.  A name, written from another one, may be none in its encoding.
 */
hf_status hf_database_finish(hf_pg *maintenance, hf_pg *inside, const hf_restore_options *options,
                             hf_strings *warnings, hf_error *error)
{
    HF_AUTO_PG opened = NULL;
    HF_AUTO_STR name = NULL;
    hf_error ignored;
    hf_pg_options connection = {
        .url = options->url, .database = options->database, .purpose = "restore", .exact_text = true};
    if (inside == NULL)
        HF_TRY(hf_pg_connect(&connection, &opened, error));
    hf_pg *pg = inside != NULL ? inside : opened;
    if (hf_pg_query_text(pg, "SELECT pg_catalog.current_database()", 0, NULL, &name, &ignored) != HF_OK)
        return finish(maintenance, options, warnings, error);
    hf_restore_options itself = *options;
    itself.database = name;
    return finish(pg, &itself, warnings, error);
}

/* ---- of a database that is there ---- */

/* Are the live settings those of the manifest? */
static bool has_settings(const hf_rows *live, const hf_manifest *manifest)
{
    if (hf_rows_count(live) != manifest->database.settings.count)
        return false;
    for (size_t i = 0; i < hf_rows_count(live); i++)
        if (!hf_streq(hf_rows_text(live, i, "role"), manifest->database.settings.items[i].role) ||
            !hf_streq(hf_rows_text(live, i, "setting"), manifest->database.settings.items[i].setting))
            return false;
    return true;
}

static hf_status replace_settings(hf_pg *pg, const hf_restore_options *options, hf_strings *warnings,
                                  hf_error *error)
{
    HF_AUTO_ROWS live = NULL;
    HF_TRY(hf_pg_query(pg, hf_sql_database_settings, 0, NULL, &live, error));
    if (has_settings(live, options->manifest))
        return HF_OK;
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    hf_sql_name(&name, options->database);
    hf_buf_printf(&sql, "ALTER DATABASE %s RESET ALL", hf_buf_text(&name));
    for (size_t i = 0; i < hf_rows_count(live); i++) {
        if (hf_rows_text(live, i, "role") == NULL)
            continue;
        hf_buf_puts(&sql, "; ALTER ROLE ");
        hf_sql_name(&sql, hf_rows_text(live, i, "role"));
        hf_buf_printf(&sql, " IN DATABASE %s RESET ALL", hf_buf_text(&name));
    }
    HF_TRY(hf_buf_check(&sql, "query", error));
    HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    HF_AUTO(hf_strings_done) hf_strings refused = {0};
    HF_TRY(set_settings(pg, options, &refused, error));
    for (size_t i = 0; i < refused.count; i++)
        hf_strings_add(warnings, refused.items[i]);
    return HF_OK;
}

static hf_status replace_acl(hf_pg *pg, const hf_restore_options *options, const hf_rows *live,
                             hf_error *error)
{
    const char *acl = hf_rows_text(live, 0, "acl");
    if (hf_streq(acl, options->manifest->database.acl) ||
        (acl == NULL && options->manifest->database.acl == NULL))
        return HF_OK;
    HF_AUTO_ROWS grantees = NULL;
    HF_TRY(hf_pg_query(pg,
                       "SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE "
                       "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END AS name "
                       "FROM pg_catalog.aclexplode($1::pg_catalog.aclitem[])",
                       1, &acl, &grantees, error));
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    hf_sql_name(&name, options->database);
    for (size_t i = 0; i < hf_rows_count(grantees); i++)
        hf_buf_printf(&sql, "REVOKE ALL ON DATABASE %s FROM %s CASCADE; ", hf_buf_text(&name),
                      hf_rows_text(grantees, i, "name"));
    if (options->manifest->database.acl == NULL) { /* as it was born */
        hf_buf_printf(&sql, "GRANT CONNECT, TEMPORARY ON DATABASE %s TO PUBLIC; GRANT ALL ON DATABASE %s TO ",
                      hf_buf_text(&name), hf_buf_text(&name));
        hf_sql_name(&sql, options->manifest->database.owner);
    }
    HF_TRY(hf_buf_check(&sql, "query", error));
    HF_TRY(hf_pg_exec(pg, hf_buf_text(&sql), error));
    return set_acl(pg, options, error);
}

static hf_status replace_rest(hf_pg *pg, const hf_restore_options *options, const hf_rows *live,
                              hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(QUERY_MAX);
    const char *comment = options->manifest->database.comment;
    if (hf_rows_int(live, 0, "connection_limit") != options->manifest->database.connection_limit) {
        hf_buf_puts(&sql, "ALTER DATABASE ");
        hf_sql_name(&sql, options->database);
        hf_buf_printf(&sql, " CONNECTION LIMIT %d; ", options->manifest->database.connection_limit);
    }
    if (!hf_streq(hf_rows_text(live, 0, "comment"), comment) &&
        (hf_rows_text(live, 0, "comment") != NULL || comment != NULL))
        add_comment(&sql, options->database, comment);
    HF_TRY(hf_buf_check(&sql, "query", error));
    return sql.len > 0 ? hf_pg_exec(pg, hf_buf_text(&sql), error) : HF_OK;
}

hf_status hf_database_put_back(hf_restore_session *session, const hf_restore_options *options,
                               hf_strings *warnings, hf_error *error)
{
    HF_AUTO_ROWS live = NULL;
    hf_error failure;
    HF_TRY(hf_pg_query(session->pg, hf_sql_database, 0, NULL, &live, error));
    HF_TRY(hf_restore_begin(session, error));
    hf_status status = replace_settings(session->pg, options, warnings, &failure);
    if (status == HF_OK)
        status = replace_acl(session->pg, options, live, &failure);
    if (status == HF_OK)
        status = replace_rest(session->pg, options, live, &failure);
    if (status == HF_OK)
        return hf_restore_commit(session, error);
    if (!hf_is_of_statement(status)) {
        if (error != NULL)
            *error = failure;
        return status;
    }
    HF_TRY(hf_restore_rollback(session, error));
    hf_prefix(&failure, "the database's own settings, grants and comment stay as they are");
    hf_strings_add(warnings, failure.message);
    return HF_OK;
}
