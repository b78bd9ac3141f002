/*
 * A folder of scripts and a ledger in the database: what Prisma's migrations and plain SQL files have in common.
 *
 * A deploy is: list the folder -> connect, make the URL's schema -> advisory lock -> the ledger, created if missing -> its
 * rows, none of which may be open -> every file still to be applied, checked -> the scripts, one after another; the first
 * failure ends it.
 *
 * A kill leaves the row of the migration under way open, whether its script was committed or not; nothing more is
 * applied until somebody resolves it or the database is put back.
 */
#ifndef HF_MIGRATIONS_FOLDER_H
#define HF_MIGRATIONS_FOLDER_H

#include "migrations/ledger.h"

typedef struct hf_folder_kind {
    const hf_ledger_kind *ledger;
    /* Fill the empty `names`, in the order they apply; also checks what else must be right with the folder. */
    hf_status (*list)(const char *directory, hf_strings *names, hf_error *error);
    int (*compare_names)(const char *a, const char *b);
    char *(*script_path)(const char *directory, const char *name); /* caller owns */
    void (*checksum)(const void *sql, size_t len, char out[HF_SHA256_HEX]);
    bool (*checksum_matches)(const char *sql, size_t len, const char *stored);
    hf_status (*check_empty)(hf_migrations_session *session, hf_error *error); /* without a ledger; or NULL */

    struct { /* Prisma's codes for what may go wrong; NULL: none */
        const char *no_script, *open, *failed, *not_found, *already_applied, *not_known, *not_open;
    } codes;
} hf_folder_kind;

extern const hf_folder_kind hf_folder_prisma;
extern const hf_folder_kind hf_folder_sql;

/*
 * Files and ledger, put together in the order of the names.  Every file is read; those still to be applied are checked
 * (HF_E_MIGRATION, with P3015 for a folder without migration.sql).
 */
HF_MUST_CHECK hf_status hf_folder_classify(const hf_folder_kind *kind, const char *directory,
                                           const hf_strings *names, const hf_ledger *ledger,
                                           hf_migration_list *list, hf_error *error);

/* Behind the functions of migrations.h. */
HF_MUST_CHECK hf_status hf_folder_status(const hf_folder_kind *kind, const hf_migrations_config *config,
                                         const char *url, hf_migration_list *list, hf_error *error);
HF_MUST_CHECK hf_status hf_folder_apply(const hf_folder_kind *kind, const hf_migrations_config *config,
                                        const char *url, const hf_strings *only,
                                        const hf_migrations_events *events, size_t *applied, hf_error *error);
HF_MUST_CHECK hf_status hf_folder_resolve(const hf_folder_kind *kind, const hf_migrations_config *config,
                                          const char *url, const char *name, bool applied, hf_error *error);
HF_MUST_CHECK hf_status hf_folder_baseline(const hf_folder_kind *kind, const hf_migrations_config *config,
                                           const char *url, const hf_strings *names, hf_error *error);

#endif
