/* What follows the rows: sequences, materialized views, statistics. */
#include "base/text.h"
#include "pg/catalog.h"
#include "restore/job.h"
#include "restore/report.h"

#define BATCH 500
#define STATEMENT_MAX (4u << 20)

void hf_finish_sql_setval(hf_buf *sql, const hf_sequence *sequence)
{
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    hf_sql_qualified(&name, sequence->schema, sequence->name);
    hf_buf_puts(sql, "pg_catalog.setval(");
    hf_sql_literal(sql, hf_buf_text(&name));
    hf_buf_printf(sql, "::pg_catalog.regclass, %lld, %s)", (long long) sequence->last_value,
                  sequence->is_called ? "true" : "false");
}

static void report(hf_job *job, const char *kind, const char *schema, const char *name, hf_status status,
                   const hf_error *error)
{
    pthread_mutex_lock(&job->mutex);
    hf_report_add(job->report, kind, schema, name, status == HF_OK ? HF_OUTCOME_RESTORED : HF_OUTCOME_FAILED,
                  status == HF_OK ? NULL : error->message);
    pthread_mutex_unlock(&job->mutex);
}

/* One statement for a batch of sequences; only when the server refuses it, one each, to find which. */
static hf_status set_batch(hf_job *job, hf_restore_session *session, size_t first, size_t end,
                           hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);
    for (size_t i = first; i < end; i++) {
        hf_buf_puts(&sql, i == first ? "SELECT " : ", ");
        hf_finish_sql_setval(&sql, &job->manifest->sequences.items[i]);
    }
    HF_TRY(hf_buf_check(&sql, "statement", error));
    hf_status status = hf_pg_exec(session->pg, hf_buf_text(&sql), error);
    if (status != HF_OK && (!hf_is_refusal(status, error) || session->is_one_transaction))
        return status;
    if (status != HF_OK && end - first > 1) {
        for (size_t i = first; i < end; i++)
            HF_TRY(set_batch(job, session, i, i + 1, error));
        return HF_OK;
    }
    for (size_t i = first; i < end; i++)
        report(job, "SEQUENCE SET", job->manifest->sequences.items[i].schema,
               job->manifest->sequences.items[i].name, status, error);
    return HF_OK;
}

hf_status hf_set_sequences(hf_job *job, hf_restore_session *session, hf_error *error)
{
    size_t count = job->manifest->sequences.count;
    for (size_t first = 0; first < count; first += BATCH)
        HF_TRY(set_batch(job, session, first, first + BATCH < count ? first + BATCH : count, error));
    return HF_OK;
}

hf_status hf_refresh(hf_job *job, hf_restore_session *session, size_t number, hf_error *error)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    hf_buf_puts(&sql, "REFRESH MATERIALIZED VIEW ");
    hf_sql_qualified(&sql, entry->schema, entry->tag);
    HF_TRY(hf_restore_begin_one(session, error));
    HF_TRY(hf_pg_exec(session->pg, hf_buf_text(&sql), error));
    HF_TRY(hf_restore_end_one(session, true, error));
    report(job, "MATERIALIZED VIEW DATA", entry->schema, entry->tag, HF_OK, NULL);
    return HF_OK;
}

void hf_refresh_failed(hf_job *job, size_t number, const hf_error *error)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    hf_report_add(job->report, "MATERIALIZED VIEW DATA", entry->schema, entry->tag, HF_OUTCOME_FAILED,
                  error->message);
}

static void warn(hf_job *job, const char *message)
{
    pthread_mutex_lock(&job->mutex);
    hf_strings_add(&job->report->warnings, message);
    pthread_mutex_unlock(&job->mutex);
}

/* A statement that may be refused without harm, which is then in *ret_refused; anything else that fails is an error. */
static hf_status try_statement(hf_restore_session *session, const char *sql, hf_error *ret_refused,
                               hf_error *error)
{
    hf_error ignored;

    HF_TRY(hf_restore_begin_one(session, error));
    hf_status status = hf_pg_exec(session->pg, sql, ret_refused);
    if (status == HF_OK) {
        *ret_refused = (hf_error){0};
        return hf_restore_end_one(session, true, error);
    }
    if (hf_is_of_statement(status) && hf_restore_end_one(session, false, &ignored) == HF_OK)
        return HF_OK;
    if (error != NULL)
        *error = *ret_refused;
    return status;
}

hf_status hf_take_statistics(hf_job *job, hf_restore_session *session, size_t number, hf_error *error)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);
    hf_error refused = {0};

    HF_TRY(try_statement(session, entry->definition, &refused, error));
    if (refused.code == HF_OK)
        return HF_OK;
    HF_AUTO_STR shown = hf_pg_table_shown(entry->schema, entry->tag);
    HF_AUTO_STR warning = hf_format("the statistics of %s are gathered anew: %s", shown, refused.message);
    warn(job, warning);
    hf_buf_puts(&sql, "ANALYZE ");
    hf_sql_qualified(&sql, entry->schema, entry->tag); /* of an index the server says that it is skipped */
    return try_statement(session, hf_buf_text(&sql), &refused, error);
}

/* Statistics that cannot be had are a warning: the data is there. */
hf_status hf_analyze(hf_job *job, hf_restore_session *session, size_t first, size_t count, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENT_MAX);
    for (size_t i = first; i < first + count; i++) {
        const hf_table_state *state = &job->tables[i];
        if (state->left_out || state->has_statistics)
            continue;
        hf_buf_puts(&sql, sql.len == 0 ? "ANALYZE " : ", ");
        hf_sql_qualified(&sql, state->table->schema, state->table->name);
    }
    HF_TRY(hf_buf_check(&sql, "statement", error));
    if (sql.len == 0)
        return HF_OK;
    hf_error refused = {0};
    HF_TRY(try_statement(session, hf_buf_text(&sql), &refused, error));
    if (refused.code != HF_OK)
        warn(job, refused.message);
    return HF_OK;
}
