/*
 * A ledger: the table in which a migrated database keeps what was applied to it.
 *
 * Its name is never qualified: search_path (the URL's ?schema=) tells where it is.  Times are this machine's, as
 * Prisma's are its client's.
 */
#ifndef HF_MIGRATIONS_LEDGER_H
#define HF_MIGRATIONS_LEDGER_H

#include "migrations/kind.h"
#include "migrations/session.h"

#define HF_LEDGER_ID_SIZE 37

typedef struct hf_ledger_row {
    char *name;
    char *checksum;
    char *logs; /* or NULL */
    char *at;   /* when it ended, else when it began; NULL: not known */
    bool finished;
    bool rolled_back;
} hf_ledger_row;

typedef struct hf_ledger {
    HF_VECTOR(hf_ledger_row) rows; /* oldest first */
    bool exists;
} hf_ledger;
void hf_ledger_done(hf_ledger *ledger);

/* What differs between one ledger and the other.  Each write must change exactly one row unless said otherwise. */
typedef struct hf_ledger_kind {
    const char *table;
    const char *select; /* name, checksum, logs, at, finished, rolled_back; of all rows, oldest first */
    const char *create; /* the table */

    /* A migration begins.  ret_id tells finish() and fail() which row it is. */
    hf_status (*begin)(hf_pg *pg, const char *name, const char *checksum, char ret_id[HF_LEDGER_ID_SIZE],
                       hf_error *error);
    hf_status (*finish)(hf_pg *pg, const char *name, const char *id, int64_t took_ms, hf_error *error);
    hf_status (*fail)(hf_pg *pg, const char *id, const char *logs, hf_error *error); /* NULL: left as begun */

    /* Say that it is applied, though nobody ran it; what is open of it is closed. */
    hf_status (*mark_applied)(hf_pg *pg, const char *name, const char *checksum, hf_error *error);
    /* Close what is open of it, so that it is pending again.  Any number of rows. */
    hf_status (*mark_rolled_back)(hf_pg *pg, const char *name, hf_error *error);
} hf_ledger_kind;

extern const hf_ledger_kind hf_ledger_prisma; /* _prisma_migrations */
extern const hf_ledger_kind hf_ledger_sql;    /* _holdfast_migrations */

/* What the ledger holds; none is not an error. */
HF_MUST_CHECK hf_status hf_ledger_read(const hf_ledger_kind *kind, hf_migrations_session *session,
                                       hf_ledger *ret_ledger, hf_error *error);

/*
 * The state of the migration `name` by its ledger rows alone: PENDING without any; FAILED if one is open; APPLIED;
 * ROLLED_BACK.  *ret_row (borrowed, or NULL) is the one that says so.
 */
hf_migration_state hf_ledger_state(const hf_ledger *ledger, const char *name, const hf_ledger_row **ret_row);

/* One statement that must change exactly one row: a ledger with triggers or rules is not to be trusted. */
HF_MUST_CHECK hf_status hf_ledger_change_row(const hf_ledger_kind *kind, hf_pg *pg, const char *sql,
                                             int count, const char *const *params, hf_error *error);

#endif
