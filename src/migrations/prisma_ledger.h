/*
 * Prisma's ledger, the table _prisma_migrations: reading it, judging it, writing it.
 *
 * Its name is never qualified: search_path (the URL's ?schema=) tells where it is.  Times are this machine's, as
 * Prisma's are its client's.
 */
#ifndef HF_MIGRATIONS_PRISMA_LEDGER_H
#define HF_MIGRATIONS_PRISMA_LEDGER_H

#include "migrations/kind.h"
#include "migrations/session.h"

#define HF_PRISMA_ID_SIZE 37

typedef struct hf_prisma_row {
    char *name;
    char *checksum;
    char *logs; /* or NULL */
    bool finished;
    bool rolled_back;
} hf_prisma_row;

typedef struct hf_prisma_ledger {
    HF_VECTOR(hf_prisma_row) rows; /* by started_at */
    bool exists;
} hf_prisma_ledger;
void hf_prisma_ledger_done(hf_prisma_ledger *ledger);

/* What the ledger holds; none is not an error. */
HF_MUST_CHECK hf_status hf_prisma_ledger_read(hf_migrations_session *session, hf_prisma_ledger *ret_ledger,
                                              hf_error *error);

/* HF_E_MIGRATION with P3005 if the schema holds an ordinary table.  For a database without a ledger. */
HF_MUST_CHECK hf_status hf_prisma_ledger_check_empty(hf_migrations_session *session, hf_error *error);

HF_MUST_CHECK hf_status hf_prisma_ledger_create(hf_migrations_session *session, hf_error *error);

/*
 * The state of the migration `name` by its ledger rows alone: PENDING without any; FAILED if one is open; APPLIED;
 * ROLLED_BACK.  *ret_logs (borrowed, or NULL) is a failed one's.
 */
hf_migration_state hf_prisma_ledger_state(const hf_prisma_ledger *ledger, const char *name,
                                          const char **ret_logs);

/* Whether an applied row of that name has the checksum of this file. */
bool hf_prisma_ledger_has_checksum(const hf_prisma_ledger *ledger, const char *name, const char *sql,
                                   size_t len);

/* A migration begins: its row, not finished, no steps.  ret_id gets the row's id. */
HF_MUST_CHECK hf_status hf_prisma_ledger_begin(hf_migrations_session *session, const char *name,
                                               const char *checksum, char ret_id[HF_PRISMA_ID_SIZE],
                                               hf_error *error);
HF_MUST_CHECK hf_status hf_prisma_ledger_finish(hf_migrations_session *session, const char *id,
                                                hf_error *error);
HF_MUST_CHECK hf_status hf_prisma_ledger_fail(hf_migrations_session *session, const char *id,
                                              const char *logs, hf_error *error);

#endif
