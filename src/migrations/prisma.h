/* The rule of prisma.c that can be tried without a server. */
#ifndef HF_MIGRATIONS_PRISMA_H
#define HF_MIGRATIONS_PRISMA_H

#include "migrations/kind.h"
#include "migrations/prisma_ledger.h"

/*
 * Files and ledger, put together in the order of the names.  Every file is read; those still to be applied are checked
 * (HF_E_MIGRATION, with P3015 for a folder without migration.sql).
 */
HF_MUST_CHECK hf_status hf_prisma_classify(const char *directory, const hf_strings *names,
                                           const hf_prisma_ledger *ledger, hf_migration_list *list,
                                           hf_error *error);

#endif
