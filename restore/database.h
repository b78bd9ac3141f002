/* The database as a whole: making, marking, dropping it, and its own properties; for the other files of restore/. */
#ifndef HF_RESTORE_DATABASE_H
#define HF_RESTORE_DATABASE_H

#include "pg/connection.h"
#include "restore/build.h"
#include "restore/restore.h"

/* The first versions that know these providers of a database's locale. */
#define HF_DATABASE_ICU 150000
#define HF_DATABASE_ICU_RULES 160000
#define HF_DATABASE_BUILTIN_PROVIDER 170000

/* *ret_unfinished: it bears the comment of a restore that has not ended. */
HF_MUST_CHECK hf_status hf_database_probe(hf_pg *pg, const char *database, bool *ret_exists,
                                          bool *ret_unfinished, hf_error *error);

/* The CREATE DATABASE that makes it as it was, for a server of this version. */
void hf_database_sql_create(hf_buf *sql, const hf_manifest *manifest, const char *database, bool with_owner,
                            int server_version);

/*
 * Create it from template0 with the manifest's owner, encoding, locale and tablespace, and mark it unfinished.
 * *ret_created is set as soon as it exists, also when what follows fails.
 */
HF_MUST_CHECK hf_status hf_database_create(hf_pg *pg, const hf_restore_options *options, bool *ret_created,
                                           hf_error *error);

/* Append SECURITY LABEL; `object` is its SQL name, with its kind. */
void hf_sql_security_label(hf_buf *sql, const hf_label *label, const char *object);

/* Of a template too.  `url`, of any database of the server, is for one that has subscriptions: they are dropped first, their slots are not. */
HF_MUST_CHECK hf_status hf_database_drop(hf_pg *pg, const char *url, const char *database, hf_error *error);

/*
 * Settings, ACL, connection limit, security labels, IS_TEMPLATE, and last the true comment, which takes the mark away.  `maintenance` serves where the
 * database itself would not understand its own name.  `inside` is a session in the database with exact text, NULL to open one.
 */
HF_MUST_CHECK hf_status hf_database_finish(hf_pg *maintenance, hf_pg *inside,
                                           const hf_restore_options *options, hf_strings *warnings,
                                           hf_error *error);

/* Of a database that is there, over a session in it: give it the manifest's settings, grants, limit and comment where they are others.  What
 * the role may not do is a warning. */
HF_MUST_CHECK hf_status hf_database_put_back(hf_restore_session *session, const hf_restore_options *options,
                                             hf_strings *warnings, hf_error *error);

/* Whether it accepts connections.  It writes a new entry in pg_database, also if that is so already. */
HF_MUST_CHECK hf_status hf_database_allow(hf_pg *pg, const char *database, bool allowed, hf_error *error);

/* Ask every other session in these two databases to end; those that this role may not end are passed over. */
HF_MUST_CHECK hf_status hf_database_end_sessions(hf_pg *pg, const char *database, const char *other,
                                                 hf_error *error);

/* The same, of one that lets nobody in, until they are gone; HF_E_LOCKED where one is still there after that time. */
HF_MUST_CHECK hf_status hf_database_empty(hf_pg *pg, const char *database, int64_t timeout_ms,
                                          hf_error *error);

/* A maintenance connection: postgres, else template1, else as the URL says; never `except`. */
HF_MUST_CHECK hf_status hf_database_connect(const char *url, const char *except, hf_pg **ret_pg,
                                            hf_error *error);

/* Append ALTER DATABASE, or ALTER ROLE ... IN DATABASE, that makes the setting. */
void hf_database_sql_setting(hf_buf *sql, const char *database, const hf_role_setting *setting);

/* "name=value" as pg_db_role_setting keeps it -> SET's "name" TO value, appended. */
void hf_database_setting(hf_buf *sql, const char *setting);

#endif
