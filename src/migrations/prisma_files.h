/*
 * Prisma's migrations folder: <directory>/<name>/migration.sql and <directory>/migration_lock.toml.
 */
#ifndef HF_MIGRATIONS_PRISMA_FILES_H
#define HF_MIGRATIONS_PRISMA_FILES_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "stream/digest.h"

/*
 * The names of the real sub-folders (symbolic links do not count), in the order they apply.  A directory that is not
 * there is HF_E_MIGRATION.
 */
HF_MUST_CHECK hf_status hf_prisma_list(const char *directory, hf_strings *ret_names, hf_error *error);

/*
 * Below, at or above 0, as JavaScript's localeCompare() orders names where no other language is set: ICU's root collation, in
 * which white space < punctuation < symbols < digits < letters.  Never 0 for different names.
 */
int hf_prisma_compare_names(const char *a, const char *b);

/* Whether the content of migration_lock.toml is good for PostgreSQL; NULL (no such file) is. */
bool hf_prisma_lock_is_postgresql(const char *content);

/* Read and judge <directory>/migration_lock.toml; HF_E_MIGRATION with P3019. */
HF_MUST_CHECK hf_status hf_prisma_check_lock_file(const char *directory, hf_error *error);

/* The checksum that a new ledger row gets. */
void hf_prisma_checksum(const void *sql, size_t len, char out[HF_SHA256_HEX]);

/* Whether a ledger's checksum is that of this file, line ends apart. */
bool hf_prisma_checksum_matches(const char *sql, size_t len, const char *stored);

#endif
