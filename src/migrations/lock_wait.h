/*
 * A migration that waits for a lock: who blocks it, and whether it may be tried again.
 *
 * A script that ends with 55P03 (lock_timeout, NOWAIT) is run once more only where it is certain that nothing of it was
 * committed: all its statements are known to the parser, and they are one transaction.  That is so if the file has several
 * statements and none that begins or ends a transaction (one simple Query message is then one implicit transaction), or if it
 * is wrapped in BEGIN and COMMIT, or has one statement of a kind that does not commit by itself.
 */
#ifndef HF_MIGRATIONS_LOCK_WAIT_H
#define HF_MIGRATIONS_LOCK_WAIT_H

#include <jansson.h>

#include "base/buffer.h"
#include "migrations/kind.h"
#include "migrations/session.h"
#include "pg/statements.h"

/* Whether a failure of the script leaves nothing of it behind.  False when in doubt. */
bool hf_script_is_one_transaction(const hf_statements *statements);

/* Whether something in it works with CONCURRENTLY: it waits for others' transactions, and nobody waits for it. */
bool hf_script_is_concurrent(const hf_statements *statements);

/*
 * Who blocks whom, while a script runs: begun before it, asked by the session's ledger connection, told as an event when
 * it changes.
 */
typedef struct hf_lock_watch {
    hf_migrations_session *session;
    const hf_migrations_events *events;
    const char *name;
    int64_t every_ms;
    int64_t next_ms; /* monotonic */
    json_t *tree;    /* as it was last seen, see hf_migrations_events; NULL: it never waited.  Owned */
} hf_lock_watch;

void hf_lock_watch_begin(hf_lock_watch *watch); /* every_ms and what stands before it are set */
void hf_lock_watch_end(hf_lock_watch *watch);   /* keeps the tree */
void hf_lock_watch_done(hf_lock_watch *watch);

/* Put into the error's hint who was in the way. */
void hf_lock_watch_hint(const hf_lock_watch *watch, hf_error *error);

#endif
