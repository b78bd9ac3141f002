/*
 * Prisma's migrations, applied natively: what Prisma 6.19 to 8.1 does, so that `prisma migrate status` agrees afterwards.
 *
 * Different on purpose: the ledger and the lock have a connection of their own, so no script can disturb them; a script
 * that leaves a transaction open has failed; files are read and checked before the first one runs, so that a folder without
 * a script (P3015) leaves nothing half done; edited and missing migrations are told; the order of names does not follow
 * the machine's language.
 */
#include "migrations/folder.h"

#include "base/text.h"
#include "migrations/prisma_files.h"

static hf_status list(const char *directory, hf_strings *names, hf_error *error)
{
    HF_TRY(hf_prisma_check_lock_file(directory, error));
    return hf_prisma_list(directory, names, error);
}

static char *script_path(const char *directory, const char *name)
{
    return hf_format("%s/%s/migration.sql", directory, name);
}

static hf_status check_empty(hf_migrations_session *session, hf_error *error)
{
    /* partitions are tables that only their parent makes visible, and parents do not count */
    static const char query[] =
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = $1 AND c.relkind = 'r' AND NOT c.relispartition "
        "AND c.relname NOT IN ('spatial_ref_sys', '_prisma_migrations') ORDER BY c.relname LIMIT 1";
    const char *const params[] = {session->schema != NULL ? session->schema : "public"};
    HF_AUTO_STR table = NULL;

    HF_TRY(hf_pg_query_text(session->ledger, query, 1, params, &table, error));
    if (table == NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION,
                   "P3005: the database is not empty (it has the table %s) and has no ledger of migrations",
                   table);
    return hf_hint(
        error,
        "if its schema is what the migrations make, say so to the ledger: holdfast migrations baseline");
}

const hf_folder_kind hf_folder_prisma = {
    .ledger = &hf_ledger_prisma,
    .list = list,
    .compare_names = hf_prisma_compare_names,
    .script_path = script_path,
    .checksum = hf_prisma_checksum,
    .checksum_matches = hf_prisma_checksum_matches,
    .check_empty = check_empty,
    .codes = {.no_script = "P3015",
              .open = "P3009",
              .failed = "P3018",
              .not_found = "P3017",
              .already_applied = "P3008",
              .not_known = "P3011",
              .not_open = "P3012"},
};
