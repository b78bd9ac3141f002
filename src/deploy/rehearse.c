#include "deploy/rehearse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "checks/checks.h"
#include "config/secret.h"
#include "deploy/sql.h"
#include "migrations/migrations.h"
#include "pg/connection.h"
#include "restore/restore.h"
#include "restore/swap.h"

#define LOOK_EVERY_MS 3

typedef struct rehearsal {
    const hf_rehearsal_options *options;
    char *scratch, *url;
    json_t *json;
    hf_pg *pg; /* in the scratch database */

    hf_check_configs checks; /* those that make sense here; borrows the configuration's */
    json_t *before;          /* what they compare with */

    json_t *current; /* the migration under way, in json; NULL: none */
    json_t *files;   /* of the tables before it, by OID */

    pthread_mutex_t mutex; /* of the locks that were seen */
    json_t *locks;         /* relation: mode */
    atomic_bool ended;
} rehearsal;

/* ---- locks ---- */

static int strength(const char *mode)
{
    static const char *const modes[] = {
        "AccessShareLock", "RowShareLock",          "RowExclusiveLock", "ShareUpdateExclusiveLock",
        "ShareLock",       "ShareRowExclusiveLock", "ExclusiveLock",    "AccessExclusiveLock"};

    for (int i = 0; i < 8; i++)
        if (hf_streq(modes[i], mode))
            return i + 1;
    return 0;
}

static void note_locks(rehearsal *r, const hf_rows *rows)
{
    (void) pthread_mutex_lock(&r->mutex);
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *relation = hf_rows_text(rows, i, "relation"), *mode = hf_rows_text(rows, i, "mode");

        if (strength(mode) > strength(json_string_value(json_object_get(r->locks, relation))))
            json_object_set_new(r->locks, relation, json_string(mode));
    }
    (void) pthread_mutex_unlock(&r->mutex);
}

/* A thread of its own; what keeps it from looking only shows in what it saw. */
static void *look_at_locks(void *context)
{
    rehearsal *r = context;
    HF_AUTO_PG pg = NULL;
    hf_error ignored;

    if (hf_pg_connect(&(hf_pg_options){.url = r->url, .purpose = "rehearse", .steady = true}, &pg,
                      &ignored) != HF_OK)
        return NULL;
    while (!atomic_load(&r->ended)) {
        HF_AUTO_ROWS rows = NULL;

        if (hf_pg_query(pg, hf_sql_held_locks, 0, NULL, &rows, &ignored) != HF_OK)
            return NULL;
        note_locks(r, rows);
        if (hf_sleep_ms(LOOK_EVERY_MS, &ignored) != HF_OK)
            return NULL;
    }
    return NULL;
}

static json_t *take_locks(rehearsal *r)
{
    json_t *list = json_array(), *mode;
    const char *relation;

    (void) pthread_mutex_lock(&r->mutex);
    json_object_foreach(r->locks, relation, mode)
        json_array_append_new(list, json_pack("{s:s, s:O}", "relation", relation, "mode", mode));
    json_object_clear(r->locks);
    (void) pthread_mutex_unlock(&r->mutex);
    return list;
}

/* ---- rewrites ---- */

static json_t *read_files(rehearsal *r)
{
    HF_AUTO_STR text = NULL;
    hf_error ignored;

    if (hf_pg_query_text(r->pg, hf_sql_file_nodes, 0, NULL, &text, &ignored) != HF_OK || text == NULL)
        return json_object();
    json_t *files = json_loads(text, 0, NULL);
    return files != NULL ? files : json_object();
}

static json_t *find_rewrites(const json_t *before, const json_t *after)
{
    json_t *list = json_array(), *file;
    const char *oid;

    json_object_foreach((json_t *) after, oid, file)
    {
        const json_t *old = json_object_get(before, oid);

        if (old != NULL && !json_equal(json_object_get(old, "node"), json_object_get(file, "node")))
            json_array_append_new(list, json_pack("{s:O, s:O}", "relation", json_object_get(file, "relation"),
                                                  "bytes", json_object_get(file, "bytes")));
    }
    return list;
}

/* ---- migrations ---- */

static void end_current(rehearsal *r, json_t *took_ms)
{
    if (r->current == NULL) {
        json_decref(took_ms);
        return;
    }
    json_t *after = read_files(r);
    json_object_set_new(r->current, "took_ms", took_ms);
    json_object_set_new(r->current, "locks", take_locks(r));
    json_object_set_new(r->current, "rewrites", find_rewrites(r->files, after));
    json_decref(after);
    json_decref(r->files);
    r->files = NULL;
    r->current = NULL;
}

static void on_begin(void *context, const char *name)
{
    rehearsal *r = context;

    json_decref(take_locks(r));
    json_decref(r->files);
    r->files = read_files(r);
    r->current = json_pack("{s:s}", "name", name);
    json_array_append_new(json_object_get(r->json, "migrations"), r->current);
    hf_log(HF_LOG_INFO, "rehearsing %s", name);
}

static void on_end(void *context, const char *name, int64_t took_ms)
{
    (void) name;
    end_current(context, json_integer((json_int_t) took_ms));
}

static void on_output(void *context, const char *text)
{
    (void) context;
    hf_log(HF_LOG_DEBUG, "%s", text);
}

static hf_status migrate(rehearsal *r, hf_error *error)
{
    const hf_migrations_events events = {.context = r, .begin = on_begin, .end = on_end, .output = on_output};
    int64_t began_ms = hf_monotonic_ms();
    size_t applied = 0;
    pthread_t thread;

    atomic_store(&r->ended, false);
    bool watched = pthread_create(&thread, NULL, look_at_locks, r) == 0;
    hf_status status = hf_migrations_apply(&r->options->target->migrations, r->url, &events, &applied, error);
    end_current(r, json_null()); /* of the one that failed */
    atomic_store(&r->ended, true);
    if (watched)
        (void) pthread_join(thread, NULL);
    json_object_set_new(r->json, "migrate_ms", json_integer((json_int_t) (hf_monotonic_ms() - began_ms)));
    return status;
}

/* ---- checks ---- */

/* The application does not run on the scratch database: what asks it, or a program, would tell nothing. */
static bool makes_sense(const hf_check_config *check)
{
    return check->kind == HF_CHECK_SQL || check->kind == HF_CHECK_SCHEMA || check->kind == HF_CHECK_SEQUENCES;
}

static void choose_checks(rehearsal *r)
{
    const hf_check_configs *all = &r->options->target->checks;
    json_t *left_out = json_array();

    for (size_t i = 0; i < all->count; i++) {
        if (makes_sense(&all->items[i]))
            HF_PUSH(&r->checks, all->items[i]);
        else
            json_array_append_new(left_out, json_string(all->items[i].name));
    }
    json_object_set_new(r->json, "checks_not_run", left_out);
}

static hf_status check(rehearsal *r, hf_error *error)
{
    HF_AUTO(hf_check_results_done) hf_check_results results = {0};
    const hf_checks_scene scene = {.target = r->options->target->name, .url = r->url, .before = r->before};
    int64_t began_ms = hf_monotonic_ms();

    HF_TRY(hf_checks_run(&r->checks, &scene, &results, error));
    json_object_set_new(r->json, "checks", hf_check_results_json(&results));
    json_object_set_new(r->json, "check_ms", json_integer((json_int_t) (hf_monotonic_ms() - began_ms)));
    const hf_check_result *bad = hf_check_results_first(&results, HF_EFFECT_FAILURE);
    if (bad == NULL)
        bad = hf_check_results_first(&results, HF_EFFECT_HOLD);
    return bad == NULL ? HF_OK
                       : hf_fail(error, HF_E_CHECKS_FAILED,
                                 "check \"%s\" did not pass in the rehearsal: expected %s, saw %s",
                                 bad->check->name, bad->expected, bad->seen);
}

/* ---- the whole ---- */

static hf_status restore(rehearsal *r, hf_error *error)
{
    HF_AUTO(hf_restore_report_done) hf_restore_report report = {0};
    const hf_restore_options how = {.repository = r->options->repository,
                                    .manifest = r->options->manifest,
                                    .url = r->options->url,
                                    .database = r->scratch,
                                    .jobs = r->options->target->snapshot.jobs};
    int64_t began_ms = hf_monotonic_ms();

    HF_TRY(hf_restore_run(&how, &report, error));
    json_object_set_new(r->json, "restore_ms", json_integer((json_int_t) (hf_monotonic_ms() - began_ms)));
    json_object_set_new(r->json, "rows", json_integer((json_int_t) report.rows));
    return HF_OK;
}

static hf_status run(rehearsal *r, hf_error *error)
{
    HF_TRY(hf_pg_url_with_database(r->options->url, r->scratch, &r->url, error));
    hf_pg_url_redact(r->url);
    HF_TRY(restore(r, error));
    HF_TRY(
        hf_pg_connect(&(hf_pg_options){.url = r->url, .purpose = "rehearse", .steady = true}, &r->pg, error));
    choose_checks(r);
    HF_TRY(hf_checks_before(&r->checks, &(hf_checks_scene){.target = r->options->target->name, .url = r->url},
                            &r->before, error));
    HF_TRY(migrate(r, error));
    return check(r, error);
}

hf_status hf_rehearse(const hf_rehearsal_options *options, json_t **ret_json, hf_error *error)
{
    char time[32];
    HF_AUTO_STR live = hf_pg_url_database(options->url);
    hf_error undropped;
    rehearsal r = {.options = options,
                   .scratch = hf_swap_name(live, "prove", hf_time_compact(hf_now_ms(), time)),
                   .mutex = PTHREAD_MUTEX_INITIALIZER,
                   .locks = json_object()};

    r.json =
        json_pack("{s:s, s:s, s:[]}", "snapshot", options->manifest->id, "scratch", r.scratch, "migrations");
    hf_log(HF_LOG_INFO, "rehearsing on snapshot %s in the scratch database \"%s\"", options->manifest->id,
           r.scratch);
    hf_status status = run(&r, error);
    hf_pg_freep(&r.pg);
    /* One that was there before is not ours. */
    if (status != HF_E_EXISTS && hf_restore_drop(options->url, r.scratch, &undropped) != HF_OK) {
        hf_log_error(&undropped);
        hf_log(HF_LOG_WARNING, "the scratch database \"%s\" is still there; drop it", r.scratch);
    }
    *ret_json = r.json;
    json_decref(r.locks);
    json_decref(r.before);
    free(r.checks.items);
    json_decref(r.files);
    free(r.scratch);
    hf_secret_freep(&r.url);
    return status;
}
