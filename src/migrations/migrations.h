/*
 * Migrations: one interface over Prisma's folder (applied natively), a folder of SQL files, and any command.
 *
 * Prisma's behaviour (ledger, checksum, lock, one simple Query message a file) is told in folder.h and prisma.c; source:
 * Prisma 6.19 to 8.1's schema engine.
 */
#ifndef HF_MIGRATIONS_H
#define HF_MIGRATIONS_H

#include <jansson.h>

#include "base/error.h"
#include "base/memory.h"
#include "config/config.h"
#include "stream/digest.h"

typedef enum hf_migration_state {
    HF_MIGRATION_PENDING,
    HF_MIGRATION_APPLIED,
    HF_MIGRATION_FAILED,      /* started, neither finished nor rolled back */
    HF_MIGRATION_ROLLED_BACK, /* in the ledger; pending again if the file is there */
    HF_MIGRATION_EDITED,      /* applied, and the file has changed since */
    HF_MIGRATION_MISSING      /* applied, and the file is gone */
} hf_migration_state;

typedef struct hf_migration {
    char *name;
    char *path;                   /* NULL when the file is gone */
    char checksum[HF_SHA256_HEX]; /* of the file; "" when it is gone */
    hf_migration_state state;
    char *logs; /* of a failed one, or NULL */
    char *at;   /* by the ledger: when it ended, else began ("2026-11-21T07:30:02.123Z"); NULL: not in it */
} hf_migration;

typedef struct hf_migration_list {
    HF_VECTOR(hf_migration) migrations; /* in the order they apply */
    bool unknown;                       /* the migrator is a command: what is pending cannot be told */
    hf_error obstacle;                  /* what keeps a deploy from running (P3005, P3009); HF_OK: nothing */
} hf_migration_list;
void hf_migration_list_done(hf_migration_list *list);
size_t hf_migration_list_pending(const hf_migration_list *list);

/* Still to be applied: pending, or rolled back with its file there. */
bool hf_migration_is_pending(const hf_migration *migration);

const char *hf_migration_state_name(hf_migration_state state); /* "pending", ... */

/*
 * What is applied and what is pending.  Files are checked before anything runs (UTF-8, no BOM, no NUL, size), the lock
 * file and the ledger too: HF_E_MIGRATION with Prisma's code (P3005, P3009, P3015, P3019 ...) in the message where it
 * has one, and a hint.  for_deploy: also what makes a deploy impossible (P3005, P3009) is an error.
 */
HF_MUST_CHECK hf_status hf_migrations_status(const hf_migrations_config *config, const char *url,
                                             bool for_deploy, hf_migration_list *ret_list, hf_error *error);

/* Told as they go; any member may be NULL. */
typedef struct hf_migrations_events {
    void *context;
    void (*begin)(void *context, const char *name);
    void (*end)(void *context, const char *name, int64_t took_ms);
    void (*output)(void *context, const char *text); /* notices; a command's output */
    /*
     * It waits for a lock, and who is in the way has changed: [{depth, pid, user, application, state, age_ms, query,
     * awaits}], itself first (depth 0), each before those that block it.
     */
    void (*blocked)(void *context, const char *name, const json_t *tree);
} hf_migrations_events;

/* Such a tree as lines of text, indented; the caller owns it. */
char *hf_migrations_blockers_shown(const json_t *tree);

/*
 * Apply what is pending.  HF_E_MIGRATION names the migration, SQLSTATE, message and position; the database may then hold half of
 * it: only the way back tells what is there.  *ret_applied counts those that succeeded (also on failure).
 */
HF_MUST_CHECK hf_status hf_migrations_apply(const hf_migrations_config *config, const char *url,
                                            const hf_migrations_events *events, size_t *ret_applied,
                                            hf_error *error);

/* HF_E_USAGE unless these migrations have a ledger that holdfast knows: kind prisma or sql. */
HF_MUST_CHECK hf_status hf_migrations_check_ledger(const hf_migrations_config *config, hf_error *error);

/*
 * The same for those named alone, in their order; the others are left pending.  Folders only (HF_E_USAGE for a command):
 * for a scratch database.
 */
HF_MUST_CHECK hf_status hf_migrations_apply_only(const hf_migrations_config *config, const char *url,
                                                 const hf_strings *only, const hf_migrations_events *events,
                                                 size_t *ret_applied, hf_error *error);

/*
 * Correct what the ledger says about one migration, without running anything: as applied, or (applied false) as rolled
 * back, so that it is pending again.  HF_E_MIGRATION with Prisma's code (P3008, P3011, P3012, P3017) if there is nothing to
 * correct; HF_E_USAGE for a command, which keeps its own ledger.
 */
HF_MUST_CHECK hf_status hf_migrations_resolve(const hf_migrations_config *config, const char *url,
                                              const char *name, bool applied, hf_error *error);

/* Say of all these that they are applied, in one transaction that makes the ledger if there is none. */
HF_MUST_CHECK hf_status hf_migrations_baseline(const hf_migrations_config *config, const char *url,
                                               const hf_strings *names, hf_error *error);

#endif
