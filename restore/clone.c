#include "restore/clone.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "restore/compare.h"
#include "restore/database.h"
#include "restore/swap.h"

#define DEFAULT_TIMEOUT_MS 60000
#define IN_USE "55006"
#define STRATEGY_VERSION 150000
#define FILE_COPY_METHOD_VERSION 180000
/* Above this, two checkpoints cost less than writing every page to the log as well. */
#define FILE_COPY_MIN_BYTES (UINT64_C(512) << 20)

void hf_clone_done(hf_clone *clone)
{
    free(clone->mark);
    hf_difference_list_done(&clone->later);
    *clone = (hf_clone){0};
}

static void add_create(hf_buf *sql, const hf_clone_options *options, int version)
{
    hf_buf_puts(sql, "CREATE DATABASE ");
    hf_sql_name(sql, options->clone);
    hf_buf_puts(sql, " TEMPLATE ");
    hf_sql_name(sql, options->live);
    hf_buf_puts(sql, " OWNER ");
    hf_sql_name(sql, options->manifest->database.owner);
    hf_buf_puts(sql, " ALLOW_CONNECTIONS false");
    if (version >= STRATEGY_VERSION)
        hf_buf_printf(sql, " STRATEGY %s",
                      options->manifest->database.bytes >= FILE_COPY_MIN_BYTES ? "file_copy" : "wal_log");
}

static int64_t patience_ms(const hf_clone_options *options)
{
    return options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
}

/* CREATE DATABASE itself waits a few seconds for sessions to end, so this repeats rarely. */
static hf_status create(hf_pg *pg, const hf_clone_options *options, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    const int64_t timeout_ms = patience_ms(options);
    const int64_t deadline = hf_monotonic_ms() + timeout_ms;
    hf_error ignored;

    add_create(&sql, options, hf_pg_version(pg));
    HF_TRY(hf_buf_check(&sql, "statement", error));
    /* Where the file system can, the server shares the blocks until one side changes them. */
    bool shares = options->manifest->database.bytes >= FILE_COPY_MIN_BYTES &&
                  hf_pg_version(pg) >= FILE_COPY_METHOD_VERSION &&
                  hf_pg_exec(pg, "SET file_copy_method = 'clone'", &ignored) == HF_OK;
    for (;;) {
        HF_TRY(hf_database_end_sessions(pg, options->live, options->live, error));
        hf_status status = hf_pg_exec(pg, hf_buf_text(&sql), error);
        if (status == HF_E_DATABASE && shares && strcmp(error->sqlstate, IN_USE) != 0) {
            shares = false;
            HF_TRY(hf_pg_exec(pg, "SET file_copy_method = 'copy'", error));
            continue;
        }
        if (status == HF_OK || strcmp(error->sqlstate, IN_USE) != 0)
            return status;
        if (hf_monotonic_ms() >= deadline) {
            (void) hf_fail(error, HF_E_LOCKED, "database \"%s\" is still in use after %lld s: %s",
                           options->live, (long long) timeout_ms / 1000, hf_pg_error_detail(pg));
            return hf_hint(
                error,
                "end what holds it (role \"%s\" needs pg_signal_backend to end other roles' sessions; "
                "see also pg_prepared_xacts), or choose deploy.rollback.way: swap",
                hf_pg_user(pg));
        }
        HF_TRY(hf_stop_check(error));
    }
}

/* With nobody in the live database: the copy. */
static hf_status copy(hf_pg *pg, const hf_clone_options *options, hf_clone *clone, hf_error *error)
{
    hf_error ignored;
    HF_FAULT("clone.before_block", error);
    const int64_t began = hf_monotonic_ms();
    HF_TRY(hf_database_allow(pg, options->live, false, error));
    hf_status status = HF_FAULT_STATUS("clone.before_create", error);
    if (status == HF_OK)
        status = create(pg, options, error);
    if (status == HF_OK)
        status = HF_FAULT_STATUS("clone.after_create", error);
    hf_stop_hold(); /* whoever stops us must not leave the door shut */
    if (status == HF_OK)
        status = hf_database_allow(pg, options->live, true, error);
    else if (hf_database_allow(pg, options->live, true, &ignored) != HF_OK && error != NULL)
        (void) hf_hint(error,
                       "database \"%s\" may still refuse connections: `holdfast resume` lets clients in",
                       options->live);
    hf_stop_release();
    clone->blocked_ms = hf_monotonic_ms() - began;
    return status;
}

static hf_status compare(const hf_clone_options *options, hf_clone *clone, hf_error *error)
{
    HF_AUTO(hf_proof_differences_done) hf_proof_differences schema = {0};

    HF_TRY(hf_verify_database(&(hf_verify_options){.url = options->url,
                                                   .database = options->clone,
                                                   .manifest = options->manifest,
                                                   .jobs = options->jobs,
                                                   .progress = options->progress},
                              &clone->later, error));
    HF_TRY(hf_compare_database_schema(&(hf_compare_options){.repository = options->repository,
                                                            .manifest = options->manifest,
                                                            .url = options->url,
                                                            .database = options->clone,
                                                            .pg_dump = options->pg_dump},
                                      &schema, error));
    if (schema.count == 0)
        return HF_OK;
    return hf_fail(error, HF_E_MISMATCH,
                   "the schema was changed between the snapshot and the clone: %s \"%s\": %s",
                   schema.items[0].kind, schema.items[0].name, schema.items[0].why);
}

static hf_status find_mark(hf_pg *pg, const char *clone, hf_rows **ret_rows, hf_error *error)
{
    return hf_pg_query(pg,
                       "SELECT oid, xmin::text || '/' || ctid::text AS mark, datallowconn AS is_open "
                       "FROM pg_catalog.pg_database WHERE datname = $1",
                       1, &clone, ret_rows, error);
}

/* Nobody in it, nobody let in: the entry that this leaves is the mark. */
static hf_status mark(hf_pg *pg, const hf_clone_options *options, hf_clone *clone, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_AUTO_BUF name = HF_BUF_MAX(1024);

    HF_TRY(hf_database_empty(pg, options->clone, patience_ms(options), error));
    hf_sql_name(&name, options->clone);
    if (options->manifest->database.acl == NULL) /* what no grant tells of: as a database is born */
        HF_TRY(hf_pg_execf(pg, error, "GRANT CONNECT ON DATABASE %s TO PUBLIC", hf_buf_text(&name)));
    HF_TRY(find_mark(pg, options->clone, &rows, error));
    if (hf_rows_count(rows) == 0)
        return hf_fail(error, HF_E_NOT_FOUND, "the clone \"%s\" is gone", options->clone);
    clone->oid = (uint32_t) hf_rows_int(rows, 0, "oid");
    clone->mark = hf_strdup(hf_rows_text(rows, 0, "mark"));
    return HF_OK;
}

static hf_status make(const hf_clone_options *options, hf_clone *clone, hf_error *error)
{
    const hf_pg_options connection = {
        .url = options->url, .database = options->clone, .purpose = "clone", .exact_text = true};
    HF_AUTO_PG pg = NULL;
    HF_AUTO_PG inside = NULL;
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    HF_AUTO(hf_strings_done) hf_strings warnings = {0};

    HF_TRY(hf_database_connect(options->url, options->live, &pg, error));
    HF_TRY(copy(pg, options, clone, error));
    hf_sql_name(&name, options->clone);
    /* its owner may connect, nobody else */
    HF_TRY(hf_pg_execf(pg, error, "REVOKE CONNECT ON DATABASE %s FROM PUBLIC", hf_buf_text(&name)));
    HF_TRY(hf_database_allow(pg, options->clone, true, error));
    if (options->compare) {
        HF_FAULT("clone.before_compare", error);
        HF_TRY(compare(options, clone, error));
    }
    HF_FAULT("clone.before_finish", error);
    HF_TRY(hf_pg_connect(&connection, &inside, error));
    HF_TRY(hf_database_allow(pg, options->clone, false, error)); /* before the grants let others in */
    HF_TRY(hf_database_finish(
        pg, inside,
        &(hf_restore_options){.manifest = options->manifest, .url = options->url, .database = options->clone},
        &warnings, error));
    HF_FAULT("clone.before_close", error);
    hf_pg_freep(&inside);
    return mark(pg, options, clone, error);
}

hf_status hf_clone_make(const hf_clone_options *options, hf_clone *ret_clone, hf_error *error)
{
    const int64_t began = hf_monotonic_ms();
    hf_error scratch;
    hf_status status = make(options, ret_clone, error != NULL ? error : &scratch);

    ret_clone->took_ms = hf_monotonic_ms() - began;
    return status;
}

hf_status hf_clone_check(const char *url, const char *clone, uint32_t oid, const char *mark,
                         bool *ret_untouched, hf_error *error)
{
    hf_error scratch;
    HF_AUTO_PG pg = NULL;
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_database_connect(url, clone, &pg, error != NULL ? error : &scratch));
    HF_TRY(find_mark(pg, clone, &rows, error));
    *ret_untouched = hf_rows_count(rows) > 0 && hf_rows_int(rows, 0, "oid") == (int64_t) oid &&
                     hf_streq(hf_rows_text(rows, 0, "mark"), mark) && !hf_rows_bool(rows, 0, "is_open");
    return HF_OK;
}

static hf_status remove_clone(const char *url, const char *live, const char *clone, hf_error *error)
{
    bool reopened = false;

    HF_TRY(hf_swap_reopen(url, live, &reopened, error));
    HF_FAULT("clone.before_remove", error);
    return hf_restore_drop(url, clone, error);
}

hf_status hf_clone_remove(const char *url, const char *live, const char *clone, hf_error *error)
{
    hf_stop_hold();
    hf_status status = remove_clone(url, live, clone, error);
    hf_stop_release();
    return status;
}
