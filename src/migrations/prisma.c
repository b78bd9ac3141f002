/*
 * Prisma's migrations, applied natively: what Prisma 6.19 to 8.1 does, so that `prisma migrate status` agrees afterwards.
 *
 * A deploy is: check the lock file -> connect, make the URL's schema -> advisory lock -> the ledger, created if missing
 * (P3005 in a database that is not empty) -> its rows (P3009 if one is open) -> the scripts.  A migration is four writes,
 * each committed by itself: INSERT its row; the script; steps + 1; finished_at.  A failure leaves the row open with its
 * logs, and nothing after it runs.
 *
 * Different on purpose: the ledger and the lock have a connection of their own, so no script can disturb them; a script
 * that leaves a transaction open has failed; files are read and checked before the first one runs; edited and missing
 * migrations are told.
 */
#include "migrations/prisma.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "base/text.h"
#include "migrations/prisma_files.h"
#include "migrations/script.h"

#define SCRIPT_FILE "migration.sql"

/* ---- what there is ---- */

static hf_status classify_file(const char *directory, const char *name, const hf_prisma_ledger *ledger,
                               hf_migration_list *list, hf_error *error)
{
    HF_AUTO_STR folder = hf_path_join(directory, name);
    HF_AUTO_STR path = hf_path_join(folder, SCRIPT_FILE);
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    const char *logs;
    hf_migration_state state = hf_prisma_ledger_state(ledger, name, &logs);
    bool to_apply = state == HF_MIGRATION_PENDING || state == HF_MIGRATION_ROLLED_BACK;
    hf_status status = hf_script_read(path, name, &sql, error);

    if (status == HF_E_NOT_FOUND && to_apply) {
        (void) hf_fail(error, HF_E_MIGRATION, "P3015: the folder \"%s\" has no " SCRIPT_FILE, folder);
        return hf_hint(error, "put the file back, or remove the folder");
    }
    if (status == HF_E_NOT_FOUND) {
        (void) hf_migration_list_add(list, name, NULL,
                                     state == HF_MIGRATION_APPLIED ? HF_MIGRATION_MISSING : state, logs);
        return HF_OK;
    }
    HF_TRY(status);
    if (to_apply)
        HF_TRY(hf_script_check(name, hf_buf_text(&sql), sql.len, error));
    if (state == HF_MIGRATION_APPLIED &&
        !hf_prisma_ledger_has_checksum(ledger, name, hf_buf_text(&sql), sql.len))
        state = HF_MIGRATION_EDITED;

    hf_migration *migration = hf_migration_list_add(list, name, path, state, logs);
    hf_prisma_checksum(hf_buf_text(&sql), sql.len, migration->checksum);
    return HF_OK;
}

static bool has_migration(const hf_migration_list *list, const char *name)
{
    for (size_t i = 0; i < list->migrations.count; i++)
        if (hf_streq(list->migrations.items[i].name, name))
            return true;
    return false;
}

static int compare_migrations(const void *a, const void *b)
{
    return hf_prisma_compare_names(((const hf_migration *) a)->name, ((const hf_migration *) b)->name);
}

hf_status hf_prisma_classify(const char *directory, const hf_strings *names, const hf_prisma_ledger *ledger,
                             hf_migration_list *list, hf_error *error)
{
    for (size_t i = 0; i < names->count; i++)
        HF_TRY(classify_file(directory, names->items[i], ledger, list, error));

    for (size_t i = 0; i < ledger->rows.count; i++) {
        const char *name = ledger->rows.items[i].name;
        const char *logs;

        if (has_migration(list, name))
            continue;
        hf_migration_state state = hf_prisma_ledger_state(ledger, name, &logs);
        (void) hf_migration_list_add(list, name, NULL,
                                     state == HF_MIGRATION_APPLIED ? HF_MIGRATION_MISSING : state, logs);
    }
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
    (void) hf_fail(error, HF_E_MIGRATION,
                   "P3009: the migration \"%s\" was started and neither finished nor rolled back",
                   failed->name);
    return hf_hint(error,
                   "put right what it left, then: prisma migrate resolve --rolled-back %s (or --applied)",
                   failed->name);
}

static hf_status read_all(const hf_migrations_config *config, hf_migrations_session *session,
                          hf_prisma_ledger *ledger, hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings names = {0};

    HF_TRY(hf_prisma_list(config->directory, &names, error));
    HF_TRY(hf_prisma_ledger_read(session, ledger, error));
    return hf_prisma_classify(config->directory, &names, ledger, list, error);
}

static hf_status prisma_status(const hf_migrations_config *config, const char *url, bool for_deploy,
                               hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_prisma_ledger_done) hf_prisma_ledger ledger = {0};

    HF_TRY(hf_prisma_check_lock_file(config->directory, error));
    HF_TRY(hf_migrations_session_open(url, &session, error));
    HF_TRY(read_all(config, &session, &ledger, list, error));
    if (!for_deploy)
        return HF_OK;
    if (!ledger.exists)
        return hf_prisma_ledger_check_empty(&session, error);
    return refuse_open_migration(list, error);
}

/* ---- deploy ---- */

/* As Prisma's engine reads it: set, and not to something else than yes. */
static bool lock_is_disabled(void)
{
    const char *value = getenv("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK");

    return value != NULL && (value[0] == '\0' || hf_streq(value, "1") || hf_streq(value, "true"));
}

/* The file once more; it must still be the one that was checked. */
static hf_status read_again(const hf_migration *migration, hf_buf *sql, hf_error *error)
{
    char checksum[HF_SHA256_HEX];

    HF_TRY(hf_script_read(migration->path, migration->name, sql, error));
    hf_prisma_checksum(hf_buf_text(sql), sql->len, checksum);
    if (!hf_streq(checksum, migration->checksum))
        return hf_fail(error, HF_E_MIGRATION, "the file of migration \"%s\" changed during the deploy",
                       migration->name);
    return HF_OK;
}

/* The first error stays; that the ledger could not be told as well only shows in the hint. */
static void record_failure(hf_migrations_session *session, const char *id, const char *logs, hf_error *error)
{
    hf_error second;

    hf_stop_hold();
    if (hf_prisma_ledger_fail(session, id, logs != NULL ? logs : error->message, &second) != HF_OK)
        (void) hf_hint(error, "and the ledger could not be told: %s", second.message);
    hf_stop_release();
}

static hf_status apply_one(const hf_migrations_config *config, hf_migrations_session *session,
                           const hf_migration *migration, const hf_migrations_events *events, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    HF_AUTO_STR logs = NULL;
    char id[HF_PRISMA_ID_SIZE];
    int64_t started = hf_monotonic_ms();

    HF_TRY(read_again(migration, &sql, error));
    HF_TRY(hf_prisma_ledger_begin(session, migration->name, migration->checksum, id, error));

    hf_status status =
        hf_script_run(session, config, migration->name, hf_buf_text(&sql), events, &logs, error);
    if (status == HF_OK) {
        hf_stop_hold(); /* done is done: a stop request between script and ledger would leave the row open */
        status = hf_prisma_ledger_finish(session, id, error);
        hf_stop_release();
        if (status != HF_OK)
            return hf_prefix(error, "migration \"%s\" ran, but its end could not be recorded",
                             migration->name);
        hf_migrations_tell_end(events, migration->name, hf_monotonic_ms() - started);
        return HF_OK;
    }
    record_failure(session, id, logs, error);
    return status;
}

static hf_status prisma_apply(const hf_migrations_config *config, const char *url,
                              const hf_migrations_events *events, size_t *applied, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_prisma_ledger_done) hf_prisma_ledger ledger = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    hf_error local;
    hf_error *failure = error != NULL ? error : &local;

    HF_TRY(hf_prisma_check_lock_file(config->directory, failure));
    HF_TRY(hf_migrations_session_open(url, &session, failure));
    HF_TRY(hf_migrations_session_make_schema(&session, failure));
    if (!lock_is_disabled())
        HF_TRY(hf_migrations_session_lock(&session, failure));
    HF_TRY(read_all(config, &session, &ledger, &list, failure));
    if (!ledger.exists) {
        HF_TRY(hf_prisma_ledger_check_empty(&session, failure));
        HF_TRY(hf_prisma_ledger_create(&session, failure));
    }
    HF_TRY(refuse_open_migration(&list, failure));
    HF_TRY(hf_migrations_session_open_scripts(&session, failure));

    for (size_t i = 0; i < list.migrations.count; i++) {
        const hf_migration *migration = &list.migrations.items[i];

        if (!hf_migration_is_pending(migration))
            continue;
        HF_TRY(hf_stop_check(failure));
        hf_migrations_tell_begin(events, migration->name);
        HF_TRY(apply_one(config, &session, migration, events, failure));
        (*applied)++;
    }
    return HF_OK;
}

const hf_migrations_ops hf_migrations_prisma = {.status = prisma_status, .apply = prisma_apply};
