#include "migrations/folder.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "migrations/script.h"

static hf_status with_code(const char *code, hf_error *error)
{
    return code != NULL ? hf_prefix(error, "%s", code) : error->code;
}

/* ---- what there is ---- */

/* Whether an applied row of that name has the checksum of this file. */
static bool has_checksum(const hf_folder_kind *kind, const hf_ledger *ledger, const char *name,
                         const hf_buf *sql)
{
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const hf_ledger_row *row = &ledger->rows.items[i];

        if (hf_streq(row->name, name) && !row->rolled_back &&
            kind->checksum_matches(hf_buf_text(sql), sql->len, row->checksum))
            return true;
    }
    return false;
}

static hf_migration *add(hf_migration_list *list, const char *name, const char *path,
                         hf_migration_state state, const hf_ledger_row *row)
{
    hf_migration *migration = hf_migration_list_add(
        list, name, path, state, row != NULL && state == HF_MIGRATION_FAILED ? row->logs : NULL);

    migration->at = hf_strdup(row != NULL ? row->at : NULL);
    return migration;
}

static void add_without_file(hf_migration_list *list, const hf_ledger *ledger, const char *name)
{
    const hf_ledger_row *row;
    hf_migration_state state = hf_ledger_state(ledger, name, &row);

    (void) add(list, name, NULL, state == HF_MIGRATION_APPLIED ? HF_MIGRATION_MISSING : state, row);
}

static hf_status refuse_missing_script(const hf_folder_kind *kind, const char *path, hf_error *error)
{
    (void) hf_fail(error, HF_E_MIGRATION, "there is no \"%s\"", path);
    (void) with_code(kind->codes.no_script, error);
    return hf_hint(error, "put the file back, or remove the folder");
}

static hf_status classify_file(const hf_folder_kind *kind, const char *directory, const char *name,
                               const hf_ledger *ledger, hf_migration_list *list, hf_error *error)
{
    HF_AUTO_STR path = kind->script_path(directory, name);
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    const hf_ledger_row *row;
    hf_migration_state state = hf_ledger_state(ledger, name, &row);
    bool to_apply = state == HF_MIGRATION_PENDING || state == HF_MIGRATION_ROLLED_BACK;
    hf_status status = hf_script_read(path, name, &sql, error);

    if (status == HF_E_NOT_FOUND && to_apply)
        return refuse_missing_script(kind, path, error);
    if (status == HF_E_NOT_FOUND) {
        add_without_file(list, ledger, name);
        return HF_OK;
    }
    HF_TRY(status);
    if (to_apply)
        HF_TRY(hf_script_check(name, hf_buf_text(&sql), sql.len, error));
    if (state == HF_MIGRATION_APPLIED && !has_checksum(kind, ledger, name, &sql))
        state = HF_MIGRATION_EDITED;
    kind->checksum(hf_buf_text(&sql), sql.len, add(list, name, path, state, row)->checksum);
    return HF_OK;
}

static bool has_migration(const hf_migration_list *list, const char *name)
{
    for (size_t i = 0; i < list->migrations.count; i++)
        if (hf_streq(list->migrations.items[i].name, name))
            return true;
    return false;
}

static int compare_migrations(const void *a, const void *b, void *kind)
{
    return ((const hf_folder_kind *) kind)
        ->compare_names(((const hf_migration *) a)->name, ((const hf_migration *) b)->name);
}

hf_status hf_folder_classify(const hf_folder_kind *kind, const char *directory, const hf_strings *names,
                             const hf_ledger *ledger, hf_migration_list *list, hf_error *error)
{
    for (size_t i = 0; i < names->count; i++)
        HF_TRY(classify_file(kind, directory, names->items[i], ledger, list, error));
    for (size_t i = 0; i < ledger->rows.count; i++)
        if (!has_migration(list, ledger->rows.items[i].name))
            add_without_file(list, ledger, ledger->rows.items[i].name);
    if (list->migrations.count > 1)
        qsort_r(list->migrations.items, list->migrations.count, sizeof(*list->migrations.items),
                compare_migrations, (void *) kind);
    return HF_OK;
}

static hf_status refuse_open_migration(const hf_folder_kind *kind, const hf_migration_list *list,
                                       hf_error *error)
{
    const hf_migration *failed = hf_migration_list_find_state(list, HF_MIGRATION_FAILED);

    if (failed == NULL)
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION,
                   "the migration \"%s\" was started and neither finished nor rolled back", failed->name);
    (void) with_code(kind->codes.open, error);
    return hf_hint(error,
                   "put right what it left, then: holdfast migrations resolve --rolled-back %s (to run it "
                   "again), or --applied (all of it is there)",
                   failed->name);
}

/* What would keep a deploy from running. */
static hf_status refuse_deploy(const hf_folder_kind *kind, hf_migrations_session *session,
                               const hf_ledger *ledger, const hf_migration_list *list, hf_error *error)
{
    if (!ledger->exists && kind->check_empty != NULL)
        return kind->check_empty(session, error);
    return refuse_open_migration(kind, list, error);
}

hf_status hf_folder_status(const hf_folder_kind *kind, const hf_migrations_config *config, const char *url,
                           hf_migration_list *list, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};

    HF_TRY(kind->list(config->directory, &names, error));
    HF_TRY(hf_migrations_session_open(url, &session, error));
    HF_TRY(hf_ledger_read(kind->ledger, &session, &ledger, error));
    HF_TRY(hf_folder_classify(kind, config->directory, &names, &ledger, list, error));

    hf_status status = refuse_deploy(kind, &session, &ledger, list, &list->obstacle);
    if (status == HF_OK || status == HF_E_MIGRATION)
        return HF_OK;
    if (error != NULL)
        *error = list->obstacle;
    return status;
}

/* ---- deploy ---- */

/* As Prisma's engine reads it: set, and not to something else than yes. */
static bool lock_is_disabled(void)
{
    const char *value = getenv("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK");

    return value != NULL && (value[0] == '\0' || hf_streq(value, "1") || hf_streq(value, "true"));
}

/* Connect, with the lock; the ledger's rows as they are then. */
static hf_status open_locked(const hf_folder_kind *kind, const char *url, hf_migrations_session *session,
                             hf_ledger *ledger, hf_error *error)
{
    HF_TRY(hf_migrations_session_open(url, session, error));
    HF_TRY(hf_migrations_session_make_schema(session, error));
    if (!lock_is_disabled())
        HF_TRY(hf_migrations_session_lock(session, error));
    return hf_ledger_read(kind->ledger, session, ledger, error);
}

/* The file once more; it must still be the one that was checked. */
static hf_status read_again(const hf_folder_kind *kind, const hf_migration *migration, hf_buf *sql,
                            hf_error *error)
{
    char checksum[HF_SHA256_HEX];

    HF_TRY(hf_script_read(migration->path, migration->name, sql, error));
    kind->checksum(hf_buf_text(sql), sql->len, checksum);
    if (!hf_streq(checksum, migration->checksum))
        return hf_fail(error, HF_E_MIGRATION, "the file of migration \"%s\" changed during the deploy",
                       migration->name);
    return HF_OK;
}

/* The first error stays; that the ledger could not be told as well only shows in the hint. */
static void record_failure(const hf_folder_kind *kind, hf_pg *pg, const char *id, const char *logs,
                           hf_error *error)
{
    hf_error second;

    if (kind->ledger->fail == NULL)
        return;
    hf_stop_hold();
    if (kind->ledger->fail(pg, id, logs != NULL ? logs : error->message, &second) != HF_OK)
        (void) hf_hint(error, "and the ledger could not be told: %s", second.message);
    hf_stop_release();
}

static hf_status record_end(const hf_folder_kind *kind, hf_pg *pg, const char *name, const char *id,
                            int64_t took_ms, hf_error *error)
{
    hf_stop_hold(); /* done is done: a stop request between script and ledger would leave the row open */
    hf_status status = kind->ledger->finish(pg, name, id, took_ms, error);
    hf_stop_release();
    return status == HF_OK
               ? HF_OK
               : hf_prefix(error, "migration \"%s\" ran, but its end could not be recorded", name);
}

static hf_status apply_one(const hf_folder_kind *kind, const hf_migrations_config *config,
                           hf_migrations_session *session, const hf_migration *migration,
                           const hf_migrations_events *events, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    HF_AUTO_STR logs = NULL;
    char id[HF_LEDGER_ID_SIZE] = "";
    int64_t started = hf_monotonic_ms();

    HF_TRY(read_again(kind, migration, &sql, error));
    HF_TRY(kind->ledger->begin(session->ledger, migration->name, migration->checksum, id, error));

    hf_status status =
        hf_script_run(session, config, migration->name, hf_buf_text(&sql), events, &logs, error);
    if (status != HF_OK) {
        record_failure(kind, session->ledger, id, logs, error);
        return status == HF_E_MIGRATION ? with_code(kind->codes.failed, error) : status;
    }

    int64_t took_ms = hf_monotonic_ms() - started;
    HF_TRY(record_end(kind, session->ledger, migration->name, id, took_ms, error));
    hf_migrations_tell_end(events, migration->name, took_ms);
    return HF_OK;
}

static hf_status apply_pending(const hf_folder_kind *kind, const hf_migrations_config *config,
                               hf_migrations_session *session, const hf_migration_list *list,
                               const hf_strings *only, const hf_migrations_events *events, size_t *applied,
                               hf_error *error)
{
    for (size_t i = 0; i < list->migrations.count; i++) {
        const hf_migration *migration = &list->migrations.items[i];

        if (!hf_migration_is_pending(migration) || (only != NULL && !hf_strings_has(only, migration->name)))
            continue;
        HF_TRY(hf_stop_check(error));
        hf_migrations_tell_begin(events, migration->name);
        HF_TRY(apply_one(kind, config, session, migration, events, error));
        (*applied)++;
    }
    return HF_OK;
}

hf_status hf_folder_apply(const hf_folder_kind *kind, const hf_migrations_config *config, const char *url,
                          const hf_strings *only, const hf_migrations_events *events, size_t *applied,
                          hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings names = {0};
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
    HF_AUTO(hf_migration_list_done) hf_migration_list list = {0};
    hf_error local;
    hf_error *failure = error != NULL ? error : &local;

    HF_TRY(kind->list(config->directory, &names, failure));
    HF_TRY(open_locked(kind, url, &session, &ledger, failure));
    HF_TRY(hf_folder_classify(kind, config->directory, &names, &ledger, &list, failure));
    HF_TRY(refuse_deploy(kind, &session, &ledger, &list, failure));
    if (!ledger.exists)
        HF_TRY(hf_pg_exec(session.ledger, kind->ledger->create, failure));
    HF_TRY(hf_migrations_session_open_scripts(&session, failure));
    return apply_pending(kind, config, &session, &list, only, events, applied, failure);
}

/* ---- resolve, baseline ---- */

static hf_status refuse_name(const char *code, const char *name, const char *what, const char *hint,
                             hf_error *error)
{
    (void) hf_fail(error, HF_E_MIGRATION, "the migration \"%s\" %s", name, what);
    (void) with_code(code, error);
    return hf_hint(error, "%s", hint);
}

static hf_status check_rolled_back(const hf_folder_kind *kind, const hf_ledger *ledger, const char *name,
                                   hf_error *error)
{
    bool known = false, unfinished = false;

    for (size_t i = 0; i < ledger->rows.count; i++) {
        const hf_ledger_row *row = &ledger->rows.items[i];

        if (!hf_streq(row->name, name))
            continue;
        known = true;
        unfinished = unfinished || !row->finished;
    }
    if (!known)
        return refuse_name(kind->codes.not_known, name, "was never applied, so it cannot be rolled back",
                           "\"holdfast migrations status\" lists those that were", error);
    if (!unfinished)
        return refuse_name(kind->codes.not_open, name, "did not fail, so it cannot be marked as rolled back",
                           "only what failed can; to undo what succeeded, write a new migration", error);
    return HF_OK;
}

static hf_status script_checksum(const hf_folder_kind *kind, const char *directory, const hf_strings *names,
                                 const char *name, char out[HF_SHA256_HEX], hf_error *error)
{
    HF_AUTO_STR path = kind->script_path(directory, name);
    HF_AUTO_BUF sql = HF_BUF_MAX(HF_SCRIPT_MAX);
    hf_status status = hf_strings_has(names, name) ? hf_script_read(path, name, &sql, error) : HF_E_NOT_FOUND;

    if (status == HF_E_NOT_FOUND)
        return refuse_name(kind->codes.not_found, name, "is not in the migrations folder",
                           "\"holdfast migrations status\" lists those that are", error);
    HF_TRY(status);
    kind->checksum(hf_buf_text(&sql), sql.len, out);
    return HF_OK;
}

static hf_status mark_applied(const hf_folder_kind *kind, const char *directory, const hf_strings *names,
                              const hf_ledger *ledger, hf_pg *pg, const char *name, hf_error *error)
{
    char checksum[HF_SHA256_HEX];

    HF_TRY(script_checksum(kind, directory, names, name, checksum, error));
    for (size_t i = 0; i < ledger->rows.count; i++)
        if (hf_streq(ledger->rows.items[i].name, name) && ledger->rows.items[i].finished)
            return refuse_name(kind->codes.already_applied, name, "is applied already",
                               "there is nothing to resolve", error);
    return kind->ledger->mark_applied(pg, name, checksum, error);
}

hf_status hf_folder_resolve(const hf_folder_kind *kind, const hf_migrations_config *config, const char *url,
                            const char *name, bool applied, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings one = {0};

    hf_strings_add(&one, name);
    if (applied)
        return hf_folder_baseline(kind, config, url, &one, error);

    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};

    HF_TRY(open_locked(kind, url, &session, &ledger, error));
    HF_TRY(check_rolled_back(kind, &ledger, name, error));
    return kind->ledger->mark_rolled_back(session.ledger, name, error);
}

/* One transaction: a kill leaves all the rows or none. */
hf_status hf_folder_baseline(const hf_folder_kind *kind, const hf_migrations_config *config, const char *url,
                             const hf_strings *names, hf_error *error)
{
    HF_AUTO(hf_migrations_session_done) hf_migrations_session session = {0};
    HF_AUTO(hf_strings_done) hf_strings folder = {0};
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};

    HF_TRY(kind->list(config->directory, &folder, error));
    HF_TRY(open_locked(kind, url, &session, &ledger, error));
    HF_TRY(hf_pg_exec(session.ledger, "BEGIN", error));
    if (!ledger.exists)
        HF_TRY(hf_pg_exec(session.ledger, kind->ledger->create, error));
    for (size_t i = 0; i < names->count; i++)
        HF_TRY(
            mark_applied(kind, config->directory, &folder, &ledger, session.ledger, names->items[i], error));
    HF_FAULT("migrations.before_baseline", error);
    return hf_pg_exec(session.ledger, "COMMIT", error);
}
