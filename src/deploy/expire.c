#include "deploy/expire.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/phase.h"
#include "deploy/preflight.h"
#include "repository/document.h"
#include "repository/journal.h"
#include "repository/lock.h"
#include "restore/restore.h"
#include "restore/swap.h"

/* When a journal's entry was written; 0: it does not tell. */
static int64_t time_of(const json_t *entry)
{
    int64_t time_ms = 0;

    return hf_time_parse(json_string_value(json_object_get(entry, "at")), &time_ms, NULL) == HF_OK ? time_ms
                                                                                                   : 0;
}

static const char *text_in(const json_t *entry, const char *fact)
{
    return json_string_value(json_object_get(json_object_get(entry, "facts"), fact));
}

/* When the way back ended: the time of the entry that names the failed database. */
static int64_t kept_since(const hf_journal *journal)
{
    const json_t *entries = hf_journal_entries(journal), *entry;
    int64_t time_ms = 0;
    size_t i;

    json_array_foreach(entries, i, entry) if (text_in(entry, "failed_database") != NULL) time_ms =
        time_of(entry);
    return time_ms;
}

static bool is_expired(const hf_deploy_options *options, int64_t since_ms)
{
    const int64_t keep_ms = options->target->deploy.keep_failed_ms;

    return keep_ms > 0 && since_ms > 0 && hf_now_ms() - since_ms > keep_ms;
}

static hf_status drop_if_there(const hf_deploy_options *options, hf_pg *pg, const char *name, hf_error *error)
{
    HF_AUTO_STR found = NULL;

    HF_TRY(hf_pg_query_text(pg, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", 1, &name, &found,
                            error));
    if (found == NULL)
        return HF_OK;
    HF_TRY(hf_restore_drop(options->url, name, error));
    hf_log(HF_LOG_INFO, "dropped \"%s\", a failed database whose time was up", name);
    return HF_OK;
}

/* A clone whose cycle ended, and was killed before it removed it. */
static hf_status drop_clone(const hf_deploy_options *options, hf_pg *pg, const hf_journal *journal,
                            hf_error *error)
{
    const char *name = hf_cycle_clone(journal);
    HF_AUTO_STR found = NULL;
    hf_cycle_state state;

    if (name == NULL || !hf_cycle_state_parse(hf_journal_state(journal), &state) ||
        !hf_cycle_is_final(state) || state == HF_CYCLE_STUCK)
        return HF_OK;
    HF_TRY(hf_pg_query_text(pg, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", 1, &name, &found,
                            error));
    return found != NULL ? hf_restore_drop(options->url, name, error) : HF_OK;
}

/* The failed state of a way back in place, from then on like any other snapshot; one that is gone is no error. */
static hf_status unpin(const hf_deploy_options *options, const char *snapshot, hf_error *error)
{
    HF_AUTO(hf_lock_releasep) hf_lock *lock = NULL;
    bool changed = false;

    HF_TRY(hf_lock_take_snapshots(options->repository, options->target->name, "expire", &lock, error));
    hf_status status =
        hf_repository_pin(options->repository, options->target->name, snapshot, false, &changed, error);
    if (changed)
        hf_log(HF_LOG_INFO, "snapshot %s, a failed state whose time is up, is no longer pinned", snapshot);
    return status == HF_E_NOT_FOUND ? HF_OK : status;
}

/* Each that was kept: a way back in place that was tried again has kept several, and the last is not the failed one where a try was committed. */
static hf_status unpin_expired(const hf_deploy_options *options, const hf_journal *journal, hf_error *error)
{
    const json_t *entries = hf_journal_entries(journal), *entry;
    size_t i;

    json_array_foreach(entries, i, entry)
    {
        const char *snapshot = text_in(entry, "failed_snapshot");

        if (snapshot != NULL && is_expired(options, time_of(entry)))
            HF_TRY(unpin(options, snapshot, error));
    }
    return HF_OK;
}

static hf_status expire(const hf_deploy_options *options, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO_PG pg = NULL;

    HF_TRY(hf_journal_list(options->repository, options->target->name, &cycles, error));
    HF_TRY(hf_maintenance_connect(options->target, options->url, "expire", &pg, error));
    for (size_t i = 0; i < cycles.count; i++) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

        HF_TRY(hf_journal_load(options->repository, options->target->name, cycles.items[i], &journal, error));
        HF_TRY(drop_clone(options, pg, journal, error));
        const char *name = hf_journal_text(journal, "failed_database");
        if (name != NULL && is_expired(options, kept_since(journal)))
            HF_TRY(drop_if_there(options, pg, name, error));
        HF_TRY(unpin_expired(options, journal, error));
    }
    return HF_OK;
}

/* Adds the database that the cycle keeps, if it is there. */
static hf_status add_kept(const hf_deploy_options *options, hf_pg *pg, const hf_journal *journal,
                          json_t *kept, hf_error *error)
{
    const char *name = hf_journal_text(journal, "failed_database");
    const int64_t keep_ms = options->target->deploy.keep_failed_ms;
    HF_AUTO_ROWS rows = NULL;
    char since[32], until[32];

    if (name == NULL)
        return HF_OK;
    HF_TRY(hf_pg_query(
        pg,
        "SELECT CASE WHEN pg_catalog.has_database_privilege(oid, 'CONNECT') THEN "
        "pg_catalog.pg_database_size(oid) END AS bytes FROM pg_catalog.pg_database WHERE datname = $1",
        1, &name, &rows, error));
    if (hf_rows_count(rows) == 0)
        return HF_OK;
    const int64_t since_ms = kept_since(journal);
    const bool is_known = hf_rows_text(rows, 0, "bytes") != NULL;
    json_array_append_new(
        kept, json_pack("{s:s, s:s, s:s, s:o, s:s, s:o}", "target", options->target->name, "database", name,
                        "cycle", hf_journal_cycle(journal), "bytes",
                        is_known ? json_integer(hf_rows_int(rows, 0, "bytes")) : json_null(), "kept_since",
                        hf_time_format(since_ms, since), "expires_at",
                        keep_ms > 0 ? json_string(hf_time_format(since_ms + keep_ms, until)) : json_null()));
    return HF_OK;
}

hf_status hf_deploy_kept(const hf_deploy_options *options, json_t **ret_kept, hf_error *error)
{
    HF_AUTO(hf_strings_done) hf_strings cycles = {0};
    HF_AUTO_PG pg = NULL;
    HF_AUTO_JSON kept = json_array();

    HF_TRY(hf_journal_list(options->repository, options->target->name, &cycles, error));
    HF_TRY(hf_maintenance_connect(options->target, options->url, "history", &pg, error));
    for (size_t i = 0; i < cycles.count; i++) {
        HF_AUTO(hf_journal_freep) hf_journal *journal = NULL;

        if (hf_journal_load(options->repository, options->target->name, cycles.items[i], &journal, error) ==
            HF_OK)
            HF_TRY(add_kept(options, pg, journal, kept, error));
    }
    *ret_kept = json_incref(kept);
    return HF_OK;
}

void hf_deploy_expire(const hf_deploy_options *options)
{
    hf_error error;

    if (expire(options, &error) != HF_OK) {
        (void) hf_prefix(&error, "clones, and failed databases whose time is up, are left");
        hf_log(HF_LOG_WARNING, "%s", error.message);
    }
}

/* When "<database>__prove_20261121t073002z" began; 0: it is not named so (a cycle's id is longer). */
static int64_t scratch_began(const char *name, const char *prefix)
{
    const char *time = name + strlen(prefix);
    int64_t began_ms = 0;

    if (!hf_starts_with(name, prefix) || strlen(time) != strlen("20261121t073002z"))
        return 0;
    HF_AUTO_STR text =
        hf_format("%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", time, time + 4, time + 6, time + 9, time + 11, time + 13);
    return hf_time_parse(text, &began_ms, NULL) == HF_OK ? began_ms : 0;
}

/* What a killed proof ("prove") or `restore --swap` ("hf") left; the caller holds the lock that the latter takes. */
static hf_status drop_scratch(const hf_deploy_options *options, const char *what, int64_t older_ms,
                              hf_error *error)
{
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;
    HF_AUTO_STR live = hf_pg_url_database(options->url);
    HF_AUTO_STR prefix = hf_swap_name(live, what, "20261121t073002z");

    prefix[strlen(prefix) - strlen("20261121t073002z")] = '\0';
    const char *params[] = {prefix};
    HF_TRY(hf_maintenance_connect(options->target, options->url, "expire", &pg, error));
    HF_TRY(hf_pg_query(
        pg, "SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::text, $1)", 1,
        params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *name = hf_rows_text(rows, i, "datname");
        const int64_t began_ms = scratch_began(name, prefix);

        if (began_ms == 0 || hf_now_ms() - began_ms <= older_ms)
            continue;
        HF_TRY(hf_restore_drop(options->url, name, error));
        hf_log(HF_LOG_INFO, "dropped \"%s\", which a proof or a restore had left behind", name);
    }
    return HF_OK;
}

void hf_deploy_drop_scratch(const hf_deploy_options *options, int64_t older_ms)
{
    hf_error error;

    if (drop_scratch(options, "prove", older_ms, &error) != HF_OK ||
        drop_scratch(options, "hf", older_ms, &error) != HF_OK) {
        (void) hf_prefix(&error, "what proofs and restores left behind stays");
        hf_log(HF_LOG_WARNING, "%s", error.message);
    }
}
