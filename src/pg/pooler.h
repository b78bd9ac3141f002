/* Recognising a connection pooler between us and the server. */
#ifndef HF_PG_POOLER_H
#define HF_PG_POOLER_H

#include "pg/connection.h"

/*
 * HF_E_UNSUPPORTED if the connection's transactions land on different backends (a pooler in transaction mode): session
 * settings, advisory locks and imported snapshots would not hold.  A pooler in session mode is fine.  `options` are those that
 * `pg` was made with; a second connection is opened only where there is a pooler at all.
 */
HF_MUST_CHECK hf_status hf_pg_refuse_pooler(const hf_pg_options *options, hf_pg *pg, hf_error *error);

#endif
