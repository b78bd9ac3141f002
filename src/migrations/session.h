/*
 * The two connections of a deploy: one keeps the ledger and the advisory lock, the other runs the scripts.
 *
 * A script may change search_path, DISCARD ALL or die with its connection; none of it reaches the ledger.  The scripts
 * share one connection, so what one of them SETs is seen by the next, as it is with Prisma.
 */
#ifndef HF_MIGRATIONS_SESSION_H
#define HF_MIGRATIONS_SESSION_H

#include "config/config.h"
#include "pg/connection.h"

typedef struct hf_migrations_session {
    hf_pg *ledger;
    hf_pg *scripts; /* NULL until hf_migrations_session_open_scripts() */
    const char *url;
    char *schema; /* of ?schema= in the URL, or NULL */
} hf_migrations_session;

/* Connect for the ledger; search_path is the URL's schema if it names one, else the server's. */
HF_MUST_CHECK hf_status hf_migrations_session_open(const char *url, hf_migrations_session *ret_session,
                                                   hf_error *error);

/* Make the URL's schema if it is missing. */
HF_MUST_CHECK hf_status hf_migrations_session_make_schema(hf_migrations_session *session, hf_error *error);

/* Take an advisory lock, held until the session is done; after 10 s HF_E_MIGRATION with P1002 in its message. */
HF_MUST_CHECK hf_status hf_migrations_session_lock(hf_migrations_session *session, hf_error *error);

HF_MUST_CHECK hf_status hf_migrations_session_open_scripts(hf_migrations_session *session, hf_error *error);

void hf_migrations_session_done(hf_migrations_session *session);

/* Whether the unqualified table `name` is there, by the session's search_path. */
HF_MUST_CHECK hf_status hf_migrations_session_has_table(hf_migrations_session *session, const char *name,
                                                        bool *ret_has, hf_error *error);

#endif
