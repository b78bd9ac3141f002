/*
 * A folder of SQL files, applied in byte order of their names.
 *
 * The ledger, _holdfast_migrations, has a row a file.  It is written before the script runs, with applied_at NULL, and
 * completed after it: a row without applied_at is a script of which nobody knows how far it came, and nothing more is
 * applied until somebody does.  Everything else is as with Prisma: one simple Query message a file, the advisory lock,
 * the ledger on a connection of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "migrations/folder.h"

#define LEDGER "_holdfast_migrations"
#define FILES_MAX 100000u

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        (void) closedir(*folder);
}

static hf_status list(const char *directory, hf_strings *names, hf_error *error)
{
    HF_AUTO(close_folder) DIR *folder = opendir(directory);
    struct dirent *entry;
    struct stat info;

    if (folder == NULL && (errno == ENOENT || errno == ENOTDIR)) {
        (void) hf_fail(error, HF_E_MIGRATION, "the migrations folder \"%s\" does not exist", directory);
        return hf_hint(
            error, "set migrations.directory in the configuration; it is relative to the configuration file");
    }
    if (folder == NULL)
        return hf_fail_errno(error, "cannot open the migrations folder \"%s\"", directory);

    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || !hf_ends_with(entry->d_name, ".sql"))
            continue;
        if (fstatat(dirfd(folder), entry->d_name, &info, 0) != 0)
            return hf_fail_errno(error, "cannot look at \"%s/%s\"", directory, entry->d_name);
        if (!S_ISREG(info.st_mode))
            continue;
        if (names->count >= FILES_MAX)
            return hf_fail(error, HF_E_LIMIT, "more than %u migrations", FILES_MAX);
        hf_strings_add(names, entry->d_name);
    }
    if (errno != 0)
        return hf_fail_errno(error, "cannot read the migrations folder \"%s\"", directory);
    if (names->count > 1)
        qsort(names->items, names->count, sizeof(*names->items), compare_names);
    return HF_OK;
}

/* ---- ledger ---- */

static hf_status begin(hf_pg *pg, const char *name, const char *checksum, char ret_id[HF_LEDGER_ID_SIZE],
                       hf_error *error)
{
    const char *const params[] = {name, checksum};

    (void) ret_id;
    return hf_ledger_change_row(&hf_ledger_sql, pg,
                                "INSERT INTO " LEDGER " (name, checksum) VALUES ($1, $2) RETURNING 1", 2,
                                params, error);
}

static hf_status finish(hf_pg *pg, const char *name, const char *id, int64_t took_ms, hf_error *error)
{
    char now[32];
    HF_AUTO_STR took = hf_format("%" PRId64, took_ms);
    const char *const params[] = {name, hf_time_format(hf_now_ms(), now), took};

    (void) id;
    return hf_ledger_change_row(&hf_ledger_sql, pg,
                                "UPDATE " LEDGER " SET applied_at = $2::timestamptz, took_ms = $3::bigint "
                                "WHERE name = $1 RETURNING 1",
                                3, params, error);
}

static hf_status mark_applied(hf_pg *pg, const char *name, const char *checksum, hf_error *error)
{
    char now[32];
    const char *const params[] = {name, checksum, hf_time_format(hf_now_ms(), now)};

    return hf_ledger_change_row(&hf_ledger_sql, pg,
                                "INSERT INTO " LEDGER " (name, checksum, applied_at) "
                                "VALUES ($1, $2, $3::timestamptz) ON CONFLICT (name) DO UPDATE "
                                "SET checksum = excluded.checksum, applied_at = excluded.applied_at "
                                "RETURNING 1",
                                3, params, error);
}

static hf_status mark_rolled_back(hf_pg *pg, const char *name, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    return hf_pg_query(pg, "DELETE FROM " LEDGER " WHERE name = $1 AND applied_at IS NULL", 1, &name, &rows,
                       error);
}

const hf_ledger_kind hf_ledger_sql = {
    .table = LEDGER,
    .select = "SELECT name, checksum, NULL AS logs, applied_at IS NOT NULL AS finished, "
              "false AS rolled_back, pg_catalog.to_char(applied_at AT TIME ZONE 'UTC', "
              "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS at FROM " LEDGER " ORDER BY name COLLATE \"C\"",
    .create = "CREATE TABLE " LEDGER " (name text PRIMARY KEY, checksum text NOT NULL, "
              "applied_at timestamptz, took_ms bigint)",
    .begin = begin,
    .finish = finish,
    .mark_applied = mark_applied,
    .mark_rolled_back = mark_rolled_back,
};

static bool checksum_matches(const char *sql, size_t len, const char *stored)
{
    char checksum[HF_SHA256_HEX];

    hf_sha256_hex(sql, len, checksum);
    return hf_streq(checksum, stored);
}

const hf_folder_kind hf_folder_sql = {
    .ledger = &hf_ledger_sql,
    .list = list,
    .compare_names = strcmp,
    .script_path = hf_path_join,
    .checksum = hf_sha256_hex,
    .checksum_matches = checksum_matches,
};
