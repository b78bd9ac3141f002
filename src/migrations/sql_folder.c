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
#include "base/signals.h"
#include "base/text.h"
#include "migrations/kind.h"
#include "migrations/script.h"
#include "migrations/session.h"

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

static hf_status list_files(const char *directory, hf_strings *names, hf_error *error)
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

/* ---- what there is ---- */

static hf_status read_ledger(hf_migrations_session *session, bool *ret_exists, hf_rows **ret_rows,
                             hf_error *error)
{
    HF_TRY(hf_migrations_session_has_table(session, LEDGER, ret_exists, error));
    if (!*ret_exists)
        return HF_OK;

    hf_status status = hf_pg_query(session->ledger,
                                   "SELECT name, checksum, applied_at IS NOT NULL AS applied FROM " LEDGER
                                   " ORDER BY name COLLATE \"C\"",
                                   0, NULL, ret_rows, error);
    return status == HF_E_DATABASE ? hf_prefix(error, "the ledger " LEDGER " is not what holdfast makes")
                                   : status;
}

static const size_t no_row = (size_t) -1;

static size_t find_row(const hf_rows *rows, const char *name)
{
    for (size_t i = 0; rows != NULL && i < hf_rows_count(rows); i++)
        if (hf_streq(hf_rows_text(rows, i, "name"), name))
            return i;
    return no_row;
}

static hf_status classify_file(const char *directory, const char *name, const hf_rows *rows,
                               hf_migration_list *list, hf_error *error)
{
    HF_AUTO_STR path = hf_path_join(directory, name);
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    size_t row = find_row(rows, name);
    hf_migration_state state = HF_MIGRATION_PENDING;
    char checksum[HF_SHA256_HEX];

    HF_TRY(hf_script_read(path, name, &sql, error));
    hf_sha256_hex(hf_buf_text(&sql), sql.len, checksum);
    if (row == no_row)
        HF_TRY(hf_script_check(name, hf_buf_text(&sql), sql.len, error));
    else if (!hf_rows_bool(rows, row, "applied"))
        state = HF_MIGRATION_FAILED;
    else
        state = hf_streq(checksum, hf_rows_text(rows, row, "checksum")) ? HF_MIGRATION_APPLIED
                                                                        : HF_MIGRATION_EDITED;

    hf_migration *migration = hf_migration_list_add(list, name, path, state, NULL);
    memcpy(migration->checksum, checksum, sizeof(checksum));
    return HF_OK;
}

static int compare_migrations(const void *a, const void *b)
{
    return strcmp(((const hf_migration *) a)->name, ((const hf_migration *) b)->name);
}

static hf_status read_all(const hf_migrations_config *config, hf_migrations_session *session,
                          bool *ret_has_ledger, hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(list_files(config->directory, &names, error));
    HF_TRY(read_ledger(session, ret_has_ledger, &rows, error));
    for (size_t i = 0; i < names.count; i++)
        HF_TRY(classify_file(config->directory, names.items[i], rows, list, error));
    for (size_t i = 0; rows != NULL && i < hf_rows_count(rows); i++)
        if (!hf_strings_has(&names, hf_rows_text(rows, i, "name")))
            (void) hf_migration_list_add(
                list, hf_rows_text(rows, i, "name"), NULL,
                hf_rows_bool(rows, i, "applied") ? HF_MIGRATION_MISSING : HF_MIGRATION_FAILED, NULL);
    if (list->migrations.count > 1)
        qsort(list->migrations.items, list->migrations.count, sizeof(*list->migrations.items),
              compare_migrations);
    return HF_OK;
}

static hf_status refuse_open_migration(const hf_migration_list *list, hf_error *error)
{
    const hf_migration *failed = hf_migration_list_find_state(list, HF_MIGRATION_FAILED);

    if (failed == NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION, "the migration \"%s\" was started and not finished", failed->name);
    return hf_hint(error,
                   "put right what it left, then delete its row from " LEDGER " or set its applied_at");
}

static hf_status sql_status(const hf_migrations_config *config, const char *url, bool for_deploy,
                            hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    bool has_ledger;

    HF_TRY(hf_migrations_session_open(url, &session, error));
    HF_TRY(read_all(config, &session, &has_ledger, list, error));
    return for_deploy ? refuse_open_migration(list, error) : HF_OK;
}

/* ---- deploy ---- */

static hf_status change_one_row(hf_pg *pg, const char *sql, int count, const char *const *params,
                                hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, sql, count, params, &rows, error));
    if (hf_rows_count(rows) == 1)
        return HF_OK;
    return hf_fail(error, HF_E_MIGRATION, "the ledger " LEDGER " did not keep a row of this deploy");
}

static hf_status read_again(const hf_migration *migration, hf_buf *sql, hf_error *error)
{
    char checksum[HF_SHA256_HEX];

    HF_TRY(hf_script_read(migration->path, migration->name, sql, error));
    hf_sha256_hex(hf_buf_text(sql), sql->len, checksum);
    if (!hf_streq(checksum, migration->checksum))
        return hf_fail(error, HF_E_MIGRATION, "the file of migration \"%s\" changed during the deploy",
                       migration->name);
    return HF_OK;
}

static hf_status record_end(hf_migrations_session *session, const char *name, int64_t took_ms,
                            hf_error *error)
{
    char now[32];
    HF_AUTO_STR took = hf_format("%" PRId64, took_ms);
    const char *const params[] = {name, hf_time_format(hf_now_ms(), now), took};

    hf_stop_hold(); /* done is done: a stop request between script and ledger would leave the row open */
    hf_status status =
        change_one_row(session->ledger,
                       "UPDATE " LEDGER " SET applied_at = $2::timestamptz, took_ms = $3::bigint "
                       "WHERE name = $1 RETURNING 1",
                       3, params, error);
    hf_stop_release();
    return status == HF_OK
               ? HF_OK
               : hf_prefix(error, "migration \"%s\" ran, but its end could not be recorded", name);
}

static hf_status apply_one(const hf_migrations_config *config, hf_migrations_session *session,
                           const hf_migration *migration, const hf_migrations_events *events, hf_error *error)
{
    const char *const params[] = {migration->name, migration->checksum};
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    HF_AUTO_STR logs = NULL;
    int64_t started = hf_monotonic_ms();

    HF_TRY(read_again(migration, &sql, error));
    HF_TRY(change_one_row(session->ledger,
                          "INSERT INTO " LEDGER " (name, checksum) VALUES ($1, $2) RETURNING 1", 2, params,
                          error));
    HF_TRY(hf_script_run(session, config, migration->name, hf_buf_text(&sql), events, &logs, error));

    int64_t took_ms = hf_monotonic_ms() - started;
    HF_TRY(record_end(session, migration->name, took_ms, error));
    hf_migrations_tell_end(events, migration->name, took_ms);
    return HF_OK;
}

static hf_status sql_apply(const hf_migrations_config *config, const char *url,
                           const hf_migrations_events *events, size_t *applied, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    bool has_ledger;

    HF_TRY(hf_migrations_session_open(url, &session, error));
    HF_TRY(hf_migrations_session_make_schema(&session, error));
    HF_TRY(hf_migrations_session_lock(&session, error));
    HF_TRY(read_all(config, &session, &has_ledger, &list, error));
    if (!has_ledger)
        HF_TRY(hf_pg_exec(session.ledger,
                          "CREATE TABLE " LEDGER " (name text PRIMARY KEY, checksum text NOT NULL, "
                          "applied_at timestamptz, took_ms bigint)",
                          error));
    HF_TRY(refuse_open_migration(&list, error));
    HF_TRY(hf_migrations_session_open_scripts(&session, error));

    for (size_t i = 0; i < list.migrations.count; i++) {
        const hf_migration *migration = &list.migrations.items[i];

        if (!hf_migration_is_pending(migration))
            continue;
        HF_TRY(hf_stop_check(error));
        hf_migrations_tell_begin(events, migration->name);
        HF_TRY(apply_one(config, &session, migration, events, error));
        (*applied)++;
    }
    return HF_OK;
}

const hf_migrations_ops hf_migrations_sql = {.status = sql_status, .apply = sql_apply};
