/*
 * pg_dump's definitions hold no owner, tablespace or access method: these come from the entry and are set here, as
 * pg_restore does.  An entry without a drop statement is not an object of its own and has no owner.
 */
#include "restore/build.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define STATEMENT_MAX (256u << 20)
#define DEADLOCK "40P01"
#define DEADLOCK_TRIES 5
#define PARTITIONED 'p'
#define MEMORY_TOTAL_MB 512
#define MEMORY_MIN_MB 64
#define MEMORY_MAX_MB 256
#define TRANSACTION_TIMEOUT_VERSION 170000
#define RUN_AS_OWNER_VERSION 160000
#define RUN_AS_OWNER ", run_as_owner = true"

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

hf_status hf_restore_session_open(const hf_restore_options *options, const char *purpose, size_t jobs,
                                  hf_restore_session *ret_session, hf_error *error)
{
    hf_pg_options connection = {
        .url = options->url, .database = options->database, .purpose = purpose, .exact_text = true};
    HF_AUTO_PG pg = NULL;
    HF_TRY(hf_pg_connect(&connection, &pg, error));
    size_t memory = MEMORY_TOTAL_MB / (jobs > 0 ? jobs : 1);
    if (memory < MEMORY_MIN_MB)
        memory = MEMORY_MIN_MB;
    if (memory > MEMORY_MAX_MB)
        memory = MEMORY_MAX_MB;
    /* Durable in the end: the last commit of a restore waits for the log, and so for all before it (database.c). */
    HF_TRY(
        hf_pg_execf(pg, error,
                    "SET synchronous_commit = off; SET check_function_bodies = off; SET xmloption = content; "
                    "SET client_min_messages = warning; SET default_transaction_read_only = off; "
                    "SET maintenance_work_mem = '%zuMB'",
                    memory));
    if (hf_pg_version(pg) >= TRANSACTION_TIMEOUT_VERSION)
        HF_TRY(hf_pg_exec(pg, "SET transaction_timeout = 0", error));
    *ret_session = (hf_restore_session){.chunk = HF_BUF_MAX(HF_OBJECT_RAW_MAX)};
    ret_session->pg = HF_TAKE(pg);
    ret_session->zstd = hf_zstd_new();
    return HF_OK;
}

hf_status hf_restore_begin(hf_restore_session *session, hf_error *error)
{
    return hf_pg_exec(session->pg, session->is_one_transaction ? "SAVEPOINT step" : "BEGIN", error);
}

hf_status hf_restore_commit(hf_restore_session *session, hf_error *error)
{
    return hf_pg_exec(session->pg, session->is_one_transaction ? "RELEASE step" : "COMMIT", error);
}

hf_status hf_restore_rollback(hf_restore_session *session, hf_error *error)
{
    return hf_pg_exec(session->pg,
                      session->is_one_transaction ? "ROLLBACK TO step; RELEASE step" : "ROLLBACK", error);
}

hf_status hf_restore_begin_one(hf_restore_session *session, hf_error *error)
{
    return session->is_one_transaction ? hf_restore_begin(session, error) : HF_OK;
}

hf_status hf_restore_end_one(hf_restore_session *session, bool is_good, hf_error *error)
{
    if (!session->is_one_transaction)
        return HF_OK;
    return is_good ? hf_restore_commit(session, error) : hf_restore_rollback(session, error);
}

bool hf_has_escaped_strings(const hf_archive *archive)
{
    for (size_t i = 0; i < archive->entries.count; i++)
        if (strcmp(archive->entries.items[i].kind, "STDSTRINGS") == 0)
            return strstr(archive->entries.items[i].definition, "off") != NULL;
    return false;
}

hf_status hf_set_string_syntax(hf_pg *pg, const hf_archive *archive, hf_error *error)
{
    return hf_has_escaped_strings(archive) ? hf_pg_exec(pg, "SET standard_conforming_strings = off", error)
                                           : HF_OK;
}

void hf_restore_session_done(hf_restore_session *session)
{
    hf_pg_free(session->pg);
    hf_zstd_free(session->zstd);
    hf_buf_done(&session->chunk);
    free(session->tablespace);
    free(session->access_method);
    *session = (hf_restore_session){0};
}

hf_status hf_restore_session_set_serial(hf_restore_session *session, bool is_serial, hf_error *error)
{
    if (session->is_serial == is_serial)
        return HF_OK;
    HF_TRY(hf_pg_exec(session->pg,
                      is_serial ? "SET max_parallel_maintenance_workers = 0"
                                : "RESET max_parallel_maintenance_workers",
                      error));
    session->is_serial = is_serial;
    return HF_OK;
}

/* Other objects may be called so. */
static bool is_of_event_trigger(const hf_entry *entry)
{
    static const char *const ADDITIONS[] = {"COMMENT", "SECURITY LABEL", NULL};
    return is_one_of(entry->kind, ADDITIONS) && hf_starts_with(entry->tag, "EVENT TRIGGER ");
}

hf_pass hf_entry_pass(const hf_entry *entry, bool is_before_data)
{
    if (!hf_entry_is_schema(entry) || (*entry->definition == '\0' && *entry->drop == '\0'))
        return HF_PASS_NEVER;
    if (hf_entry_is_acl(entry))
        return HF_PASS_ACL;
    if (strcmp(entry->kind, "EVENT TRIGGER") == 0 || is_of_event_trigger(entry))
        return HF_PASS_LAST;
    if (entry->section == HF_SECTION_PRE_DATA || (entry->section == HF_SECTION_NONE && is_before_data))
        return HF_PASS_SCHEMA;
    return HF_PASS_PARALLEL;
}

const char *hf_entry_left_out(const hf_entry *entry, const hf_restore_options *options)
{
    if (options->no_acl && hf_entry_is_acl(entry))
        return "grants are left out";
    return NULL;
}

hf_lock_mode hf_entry_lock(const hf_entry *entry)
{
    static const char *const CHANGES[] = {"FK CONSTRAINT",     "TRIGGER", "STATISTICS",
                                          "PUBLICATION TABLE", "COMMENT", NULL};
    if (strcmp(entry->kind, "INDEX") == 0)
        return HF_LOCK_SHARE;
    return is_one_of(entry->kind, CHANGES) ? HF_LOCK_CHANGE : HF_LOCK_EXCLUSIVE;
}

/* "-- *not* creating schema, since initdb creates it": a definition that is only a comment. */
static bool is_comment_only(const char *definition)
{
    return hf_starts_with(definition, "--") && strchr(definition, ';') == NULL;
}

/* What ALTER ... OWNER TO is to be given; nothing for what has no owner of its own. */
static void add_owned_name(hf_buf *sql, const hf_entry *entry)
{
    static const char *const BY_NAME[] = {"COLLATION",
                                          "CONVERSION",
                                          "DOMAIN",
                                          "FOREIGN TABLE",
                                          "MATERIALIZED VIEW",
                                          "SEQUENCE",
                                          "STATISTICS",
                                          "TABLE",
                                          "TEXT SEARCH DICTIONARY",
                                          "TEXT SEARCH CONFIGURATION",
                                          "TYPE",
                                          "VIEW",
                                          "PROCEDURAL LANGUAGE",
                                          "SCHEMA",
                                          "EVENT TRIGGER",
                                          "FOREIGN DATA WRAPPER",
                                          "SERVER",
                                          "PUBLICATION",
                                          "SUBSCRIPTION",
                                          NULL};
    /* Their names need argument types or an access method, which the drop statement has. */
    static const char *const BY_DROP[] = {"AGGREGATE",       "FUNCTION",  "OPERATOR", "OPERATOR CLASS",
                                          "OPERATOR FAMILY", "PROCEDURE", NULL};
    if (is_one_of(entry->kind, BY_NAME)) {
        hf_buf_printf(sql, "%s ", entry->kind);
        if (entry->schema != NULL && *entry->schema != '\0')
            hf_sql_qualified(sql, entry->schema, entry->tag);
        else
            hf_sql_name(sql, entry->tag);
    } else if (is_one_of(entry->kind, BY_DROP) && hf_starts_with(entry->drop, "DROP ")) {
        const char *name = entry->drop + strlen("DROP ");
        size_t len = strlen(name);
        while (len > 0 && (name[len - 1] == ';' || name[len - 1] == '\n'))
            len--;
        hf_buf_append(sql, name, len);
    }
}

static void add_owner(const hf_entry *entry, const hf_restore_options *options, const char *user, hf_buf *sql)
{
    if (options->no_owner || *entry->owner == '\0' || *entry->drop == '\0')
        return;
    /* What this role made belongs to it already; what was there before (schema public) may not. */
    if (hf_streq(entry->owner, user) && !is_comment_only(entry->definition))
        return;
    HF_AUTO_BUF name = HF_BUF_MAX(1u << 20);
    add_owned_name(&name, entry);
    if (name.len == 0)
        return;
    hf_buf_printf(sql, "\nALTER %s OWNER TO ", hf_buf_text(&name));
    hf_sql_name(sql, entry->owner);
    hf_buf_puts(sql, ";");
}

void hf_entry_statements(const hf_entry *entry, const hf_restore_options *options, const char *user,
                         hf_buf *sql)
{
    if (!is_comment_only(entry->definition))
        hf_buf_puts(sql, entry->definition);
    add_owner(entry, options, user, sql);
    /* A partitioned table has no storage, so the session's default does not reach it. */
    if (entry->relkind == PARTITIONED && entry->access_method != NULL && *entry->access_method != '\0') {
        hf_buf_puts(sql, "\nALTER TABLE ");
        hf_sql_qualified(sql, entry->schema, entry->tag);
        hf_buf_puts(sql, " SET ACCESS METHOD ");
        hf_sql_name(sql, entry->access_method);
        hf_buf_puts(sql, ";");
    }
}

static hf_status set_default(hf_restore_session *session, const char *setting, const char *value, char **kept,
                             hf_error *error)
{
    if (value == NULL || hf_streq(value, *kept))
        return HF_OK;
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    hf_buf_printf(&sql, "SET %s = ", setting);
    hf_sql_literal(&sql, value);
    HF_TRY(hf_pg_exec(session->pg, hf_buf_text(&sql), error));
    free(*kept);
    *kept = hf_strdup(value);
    return HF_OK;
}

/*
 * A newer pg_dump tells of an older server's subscription what was always so there, in a word that the server does not know.
 * The options are the end of the definition, and none after this one is in quotes.  NULL: nothing to leave out.
 */
static char *without_run_as_owner(const hf_entry *entry, int server_version)
{
    const char *last = NULL;
    if (server_version >= RUN_AS_OWNER_VERSION || strcmp(entry->kind, "SUBSCRIPTION") != 0)
        return NULL;
    for (const char *at = strstr(entry->definition, RUN_AS_OWNER); at != NULL;
         at = strstr(at + 1, RUN_AS_OWNER))
        last = at;
    if (last == NULL || strchr(last, '\'') != NULL)
        return NULL;
    return hf_format("%.*s%s", (int) (last - entry->definition), entry->definition,
                     last + strlen(RUN_AS_OWNER));
}

hf_status hf_entry_build(hf_restore_session *session, const hf_entry *entry,
                         const hf_restore_options *options, hf_error *error)
{
    hf_error scratch;
    hf_error *seen = error != NULL ? error : &scratch;
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);
    hf_entry understood = *entry;
    HF_AUTO_STR definition = without_run_as_owner(entry, hf_pg_version(session->pg));
    if (definition != NULL)
        understood.definition = definition;
    hf_entry_statements(&understood, options, hf_pg_user(session->pg), &sql);
    HF_TRY(hf_buf_check(&sql, "definition", seen));
    if (sql.len == 0)
        return HF_OK;
    HF_TRY(set_default(session, "default_tablespace", entry->tablespace, &session->tablespace, seen));
    if (entry->relkind != PARTITIONED && entry->access_method != NULL && *entry->access_method != '\0')
        HF_TRY(set_default(session, "default_table_access_method", entry->access_method,
                           &session->access_method, seen));
    hf_status status = HF_OK;
    for (int tries = 0; tries < DEADLOCK_TRIES; tries++) {
        status = hf_pg_exec(session->pg, hf_buf_text(&sql), seen);
        if (status == HF_OK || strcmp(seen->sqlstate, DEADLOCK) != 0 || session->is_one_transaction)
            break;
    }
    return status;
}
