/* The workers of a restore: threads that take tasks from the schedule until none is left. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/signals.h"
#include "base/text.h"
#include "restore/job.h"
#include "restore/large_objects.h"
#include "restore/report.h"

bool hf_is_of_statement(hf_status status)
{
    return status == HF_E_DATABASE || status == HF_E_PRIVILEGE || status == HF_E_LOCKED;
}

bool hf_is_refusal(hf_status status, const hf_error *error)
{
    return hf_is_of_statement(status) && strncmp(error->sqlstate, "53", 2) != 0;
}

/* Whether something that the entry needs is broken; *ret_name is borrowed. */
static bool needs_broken(const hf_job *job, const hf_entry *entry, const hf_entry **ret_other)
{
    for (size_t i = 0; i < entry->dependencies.count; i++) {
        const hf_entry *other = hf_archive_find(job->archive, entry->dependencies.items[i]);
        if (other != NULL && job->entries[other - job->archive->entries.items].broken) {
            *ret_other = other;
            return true;
        }
    }
    return false;
}

/* Hosts that make extensions for their users keep them: the comment that the extension brings is there all the same. */
static bool is_forgivable(const hf_entry *entry, hf_status status)
{
    return status == HF_E_PRIVILEGE && strcmp(entry->kind, "COMMENT") == 0 &&
           hf_starts_with(entry->tag, "EXTENSION ");
}

hf_status hf_job_build_entry(hf_job *job, hf_restore_session *session, size_t number, hf_error *error)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    const char *left_out = hf_entry_left_out(entry, job->options);
    const hf_entry *other = NULL;
    pthread_mutex_lock(&job->mutex);
    bool broken = needs_broken(job, entry, &other);
    if (left_out != NULL) {
        hf_report_entry(job->report, entry, HF_OUTCOME_SKIPPED, left_out);
    } else if (broken) {
        HF_AUTO_STR why = hf_format("it depends on %s \"%s\", which failed", other->kind, other->tag);
        hf_report_entry(job->report, entry, HF_OUTCOME_SKIPPED, why);
        job->entries[number].broken = true;
    }
    pthread_mutex_unlock(&job->mutex);
    if (left_out != NULL || broken)
        return HF_OK;

    hf_error failure;
    const bool may_fail = is_forgivable(entry, HF_E_PRIVILEGE);
    if (may_fail)
        HF_TRY(hf_restore_begin_one(session, error));
    hf_status status = hf_entry_build(session, entry, job->options, &failure);
    if (may_fail)
        HF_TRY(hf_restore_end_one(session, status == HF_OK, error));
    if (status != HF_OK && (!hf_is_refusal(status, &failure) || (session->is_one_transaction && !may_fail))) {
        if (error != NULL)
            *error = failure;
        return hf_prefix(error, "%s \"%s\"", entry->kind, entry->tag);
    }
    pthread_mutex_lock(&job->mutex);
    if (status == HF_OK) {
        hf_report_entry(job->report, entry, HF_OUTCOME_RESTORED, NULL);
    } else if (is_forgivable(entry, status)) {
        hf_report_entry(job->report, entry, HF_OUTCOME_SKIPPED, failure.message);
    } else {
        hf_report_entry(job->report, entry, HF_OUTCOME_FAILED, failure.message);
        job->entries[number].broken = true;
    }
    pthread_mutex_unlock(&job->mutex);
    return HF_OK;
}

hf_status hf_job_build_pass(hf_job *job, hf_restore_session *session, hf_pass pass, hf_error *error)
{
    for (size_t i = 0; i < job->archive->entries.count; i++) {
        if (job->entries[i].pass != pass)
            continue;
        HF_TRY(hf_stop_check(error));
        HF_TRY(hf_job_build_entry(job, session, i, error));
    }
    return HF_OK;
}

static void report_loaded(hf_job *job, size_t number)
{
    const hf_table *table = job->tables[number].table;
    pthread_mutex_lock(&job->mutex);
    hf_restored *object =
        hf_report_add(job->report, "TABLE DATA", table->schema, table->name, HF_OUTCOME_RESTORED, NULL);
    object->rows = table->total.rows;
    job->report->rows += table->total.rows;
    job->report->bytes += table->raw_bytes;
    pthread_mutex_unlock(&job->mutex);
}

static hf_status verify_part(hf_job *job, hf_restore_session *session, const hf_task *task, hf_error *error)
{
    HF_FAULT("restore.before_verify", error);
    hf_table_state *state = &job->tables[task->subject];
    hf_row_digest sum = {0};
    hf_table_part part = {.part = task->part, .parts = state->verify_parts};
    HF_TRY(hf_verify_read(session->pg, state->table, part, job->options->progress, &sum, error));
    pthread_mutex_lock(&job->mutex);
    hf_row_digest_merge(&state->seen, &sum);
    pthread_mutex_unlock(&job->mutex);
    return HF_OK;
}

/* The names of those that have pages, and so may have rows. */
static hf_status find_filled(const hf_job *job, hf_pg *pg, const hf_task *task, hf_rows **ret_rows,
                             hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(4u << 20);
    hf_buf_puts(&sql, "SELECT number FROM (VALUES ");
    for (size_t i = task->subject; i < task->subject + task->part; i++) {
        const hf_table *table = job->tables[job->empty.items[i]].table;
        HF_AUTO_BUF name = HF_BUF_MAX(1024);
        hf_sql_qualified(&name, table->schema, table->name);
        hf_buf_printf(&sql, "%s(%zu, ", i == task->subject ? "" : ", ", job->empty.items[i]);
        hf_sql_literal(&sql, hf_buf_text(&name));
        hf_buf_puts(&sql, ")");
    }
    hf_buf_puts(&sql, ") AS tables (number, name) "
                      "WHERE pg_catalog.pg_relation_size(name::pg_catalog.regclass) > 0");
    HF_TRY(hf_buf_check(&sql, "query", error));
    return hf_pg_query(pg, hf_buf_text(&sql), 0, NULL, ret_rows, error);
}

static hf_status verify_empty(hf_job *job, hf_restore_session *session, const hf_task *task, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    if (find_filled(job, session->pg, task, &rows, error) != HF_OK)
        return hf_prefix(error, "looking at tables without rows");
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        hf_table_state *state = &job->tables[hf_rows_int(rows, i, "number")];
        /* nobody else reads this table */
        HF_TRY(hf_verify_read(session->pg, state->table, (hf_table_part){.parts = 1}, job->options->progress,
                              &state->seen, error));
    }
    return HF_OK;
}

static hf_status read_large_objects(hf_job *job, hf_restore_session *session, size_t chunk, hf_error *error)
{
    hf_row_digest sum = {0};
    HF_TRY(hf_large_objects_read(job, session, chunk, &sum, error));
    pthread_mutex_lock(&job->mutex);
    hf_row_digest_merge(&job->pieces_seen, &sum);
    pthread_mutex_unlock(&job->mutex);
    return HF_OK;
}

static hf_status pass_barrier(const hf_task *task, hf_error *error)
{
    (void) error;
    if (task->subject == HF_BARRIER_LOADED)
        HF_FAULT("restore.after_load", error);
    return HF_OK;
}

static hf_status do_task(hf_job *job, hf_restore_session *session, const hf_task *task, bool is_alone,
                         hf_error *error)
{
    HF_FAULT("restore.before_task", error);
    switch ((hf_task_kind) task->kind) {
    case HF_TASK_BARRIER:
        return pass_barrier(task, error);
    case HF_TASK_LOAD:
        HF_TRY(hf_load_table(job, session, task->subject, error));
        report_loaded(job, task->subject);
        return HF_OK;
    case HF_TASK_CHUNK:
        return hf_load_chunk(job, session, task->subject, task->part, error);
    case HF_TASK_ENTRY:
        HF_TRY(hf_restore_session_set_serial(session, !is_alone, error));
        return hf_job_build_entry(job, session, task->subject, error);
    case HF_TASK_VERIFY:
        return verify_part(job, session, task, error);
    case HF_TASK_EMPTY:
        return verify_empty(job, session, task, error);
    case HF_TASK_LARGE:
        return hf_large_objects_load(job, session, task->subject, error);
    case HF_TASK_LARGE_READ:
        return read_large_objects(job, session, task->subject, error);
    case HF_TASK_SEQUENCES:
        return hf_set_sequences(job, session, error);
    case HF_TASK_ACL:
        return hf_job_build_pass(job, session, HF_PASS_ACL, error);
    case HF_TASK_REFRESH:
        return hf_refresh(job, session, task->subject, error);
    case HF_TASK_STATISTICS:
        return hf_take_statistics(job, session, task->subject, error);
    case HF_TASK_ANALYZE:
        return hf_analyze(job, session, task->subject, task->part, error);
    }
    return HF_OK;
}

/* Under the mutex. */
static void account(hf_job *job, const hf_task *task, int64_t took_ms)
{
    switch ((hf_task_kind) task->kind) {
    case HF_TASK_LOAD:
    case HF_TASK_CHUNK:
    case HF_TASK_LARGE:
        job->report->load_ms += took_ms;
        break;
    case HF_TASK_VERIFY:
    case HF_TASK_EMPTY:
    case HF_TASK_LARGE_READ:
        job->report->verify_ms += took_ms;
        break;
    default:
        job->report->build_ms += took_ms;
    }
}

/* Under the mutex: wait for a task; false when there will be none. */
static bool wait_for_task(hf_job *job, size_t *ret_task)
{
    for (;;) {
        if (job->status != HF_OK || hf_schedule_is_finished(&job->schedule))
            return false;
        hf_error stopped;
        if (hf_stop_check(&stopped) != HF_OK) {
            job->status = stopped.code;
            job->error = stopped;
            pthread_cond_broadcast(&job->changed);
            return false;
        }
        if (hf_schedule_take(&job->schedule, ret_task))
            return true;
        pthread_cond_wait(&job->changed, &job->mutex);
    }
}

static void fail_job(hf_job *job, hf_status status, const hf_error *error)
{
    if (job->status == HF_OK) {
        job->status = status;
        job->error = *error;
    }
    pthread_cond_broadcast(&job->changed);
}

/* NULL: the task has but one try. */
static hf_rounds *rounds_of(hf_job *job, const hf_task *task)
{
    if (task->kind == HF_TASK_REFRESH)
        return &job->refreshes;
    return hf_task_is_load(task) ? &job->loads : NULL;
}

/* What a function in a CHECK, a foreign key of an extension or a view may say for want of other rows. */
static bool may_pass_later(const hf_rounds *rounds, hf_status status, const hf_error *error)
{
    static const char *const CLASSES[] = {"22", "23", "42", "55", "P0"};
    if (status != HF_E_DATABASE || rounds->is_last || (rounds->open <= 1 && !rounds->progress))
        return false;
    for (size_t i = 0; i < sizeof(CLASSES) / sizeof(*CLASSES); i++)
        if (strncmp(error->sqlstate, CLASSES[i], 2) == 0)
            return true;
    return false;
}

/* Under the mutex: one was done, failed or parked; when it was the last one, the parked ones have their next try. */
static void begin_round(hf_job *job, hf_rounds *rounds)
{
    if (--rounds->open > 0)
        return;
    rounds->is_last = !rounds->progress;
    rounds->progress = false;
    rounds->open = rounds->parked.count;
    for (size_t i = 0; i < rounds->parked.count; i++)
        hf_schedule_resume(&job->schedule, rounds->parked.items[i]);
    rounds->parked.count = 0;
}

/* Under the mutex: what follows from a task's end.  HF_OK also for one that is to be tried again. */
static hf_status end_task(hf_job *job, hf_restore_session *session, size_t number, hf_status status,
                          const hf_error *error)
{
    const hf_task *task = &job->schedule.tasks.items[number];
    hf_rounds *rounds = rounds_of(job, task);
    hf_error ignored;
    if (rounds != NULL && may_pass_later(rounds, status, error) &&
        hf_restore_rollback(session, &ignored) == HF_OK) {
        hf_schedule_park(&job->schedule, number);
        HF_PUSH(&rounds->parked, number);
        begin_round(job, rounds);
        return HF_OK;
    }
    if (task->kind == HF_TASK_REFRESH && status != HF_OK && hf_is_refusal(status, error) &&
        !session->is_one_transaction) {
        hf_refresh_failed(job, task->subject, error);
        status = HF_OK;
    } else if (rounds != NULL && status == HF_OK) {
        rounds->progress = true;
    }
    hf_schedule_end(&job->schedule, number);
    if (rounds != NULL && status == HF_OK)
        begin_round(job, rounds);
    return status;
}

/* Tasks until there are no more, or one ends the restore. */
static void take_tasks(hf_job *job, hf_restore_session *session)
{
    hf_status status = HF_OK;
    hf_error error;
    size_t number;
    pthread_mutex_lock(&job->mutex);
    while (status == HF_OK && wait_for_task(job, &number)) {
        hf_task task = job->schedule.tasks.items[number];
        bool is_alone = job->schedule.running == 1 && job->schedule.ready.count == 0;
        pthread_mutex_unlock(&job->mutex);
        int64_t started = hf_monotonic_ms();
        status = do_task(job, session, &task, is_alone, &error);
        int64_t took_ms = hf_monotonic_ms() - started;
        pthread_mutex_lock(&job->mutex);
        account(job, &task, took_ms);
        status = end_task(job, session, number, status, &error);
        if (status != HF_OK)
            fail_job(job, status, &error);
        pthread_cond_broadcast(&job->changed);
    }
    pthread_mutex_unlock(&job->mutex);
}

static void *work(void *job_)
{
    hf_job *job = job_;
    HF_AUTO(hf_restore_session_done) hf_restore_session session = {0};
    hf_error error;
    hf_status status = hf_restore_session_open(job->options, "restore", job->jobs, &session, &error);
    if (status == HF_OK)
        status = hf_set_string_syntax(session.pg, job->archive, &error);
    if (status == HF_OK) {
        take_tasks(job, &session);
        return NULL;
    }
    pthread_mutex_lock(&job->mutex);
    fail_job(job, status, &error);
    pthread_mutex_unlock(&job->mutex);
    return NULL;
}

static void compare_tables(hf_job *job)
{
    hf_row_digest *seen = hf_alloc((job->manifest->tables.count + 1) * sizeof(*seen));
    bool *skipped = hf_alloc(job->manifest->tables.count + 1);
    for (size_t i = 0; i < job->manifest->tables.count; i++) {
        hf_table_state *state = &job->tables[i];
        const hf_table *table = state->table;
        skipped[i] = state->left_out;
        if (state->left_out) {
            hf_report_add(job->report, "TABLE DATA", table->schema, table->name, HF_OUTCOME_SKIPPED,
                          "its rows were excluded from the snapshot");
            continue;
        }
        if (state->loaded == HF_NO_TASK || !state->whole)
            report_loaded(job, i);
        seen[i] = state->seen;
    }
    hf_verify_compare_tables(job->manifest, seen, skipped, &job->report->differences);
    free(seen);
    free(skipped);
    job->report->verified = job->report->differences.count == 0;
}

static hf_status run_threads(hf_job *job, hf_error *error)
{
    pthread_t *threads = hf_alloc(job->jobs * sizeof(*threads));
    size_t started = 0;
    while (started < job->jobs && pthread_create(&threads[started], NULL, work, job) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    if (started == 0)
        return hf_fail(error, HF_E_SYSTEM, "a thread cannot be started");
    return HF_OK;
}

hf_status hf_job_run(hf_job *job, hf_restore_session *only, hf_error *error)
{
    if (only != NULL)
        take_tasks(job, only);
    else
        HF_TRY(run_threads(job, error));
    if (job->status != HF_OK) {
        if (error != NULL)
            *error = job->error;
        return job->status;
    }
    compare_tables(job);
    return HF_OK;
}
