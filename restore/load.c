/*
 * Rows, chunk by chunk: fetched, checked and unpacked by the repository, sent by COPY, counted by the server.
 *
 * Partitions whose rows other partitions may have to take are loaded through the table above them.
 *
 * A load may fail for want of another table's rows, and is then tried again (run.c).
 *
 * A table that one worker loads is truncated first in the same transaction, which lets COPY write its rows frozen: nobody
 * has to set their hint bits later, and reading them back is cheaper.  Several workers in one table cannot do that.  A
 * configuration table of an extension holds rows that the extension brought: those that its condition covers, or all of
 * them where it has none, are the user's to change, and the snapshot's take their place.
 */
#include "base/fault.h"
#include "pg/catalog.h"
#include "pg/copy.h"
#include "restore/job.h"

#define STATEMENT_MAX (1u << 20)

void hf_load_sql_rows(hf_buf *sql, const hf_table *table)
{
    if (table->root_name != NULL)
        hf_sql_qualified(sql, table->root_schema, table->root_name);
    else
        hf_sql_qualified(sql, table->schema, table->name);
    for (size_t i = 0; i < table->columns.count; i++) {
        hf_buf_puts(sql, i == 0 ? " (" : ", ");
        hf_sql_name(sql, table->columns.items[i]);
    }
    hf_buf_puts(sql, table->columns.count > 0 ? ")" : "");
}

static void add_copy(hf_buf *sql, const hf_table *table, bool freeze)
{
    hf_buf_puts(sql, "COPY ");
    hf_load_sql_rows(sql, table);
    hf_buf_puts(sql, " FROM STDIN");
    hf_pg_sql_copy_options(sql, table->format, freeze);
}

void hf_load_sql_delete(hf_buf *sql, const hf_table *table)
{
    hf_buf_puts(sql, "DELETE FROM ONLY ");
    hf_sql_qualified(sql, table->schema, table->name);
    hf_buf_printf(sql, " %s", table->condition);
}

static hf_status load(hf_job *job, hf_restore_session *session, const hf_chunk *chunk, const char *sql,
                      hf_error *error)
{
    HF_TRY(hf_repository_get_object(job->options->repository, session->zstd, &chunk->object, &session->chunk,
                                    error));
    uint64_t rows;
    HF_TRY(hf_pg_copy_in(session->pg, sql, session->chunk.data, session->chunk.len, &rows, error));
    if (rows != chunk->digest.rows)
        return hf_fail(error, HF_E_MISMATCH, "the server took %llu rows from object \"%s\", which has %llu",
                       (unsigned long long) rows, chunk->object.name,
                       (unsigned long long) chunk->digest.rows);
    hf_progress *progress = job->options->progress;
    if (progress != NULL) {
        atomic_fetch_add(&progress->bytes, chunk->object.raw_bytes);
        atomic_fetch_add(&progress->done_bytes, chunk->object.raw_bytes);
        atomic_fetch_add(&progress->rows, rows);
    }
    return HF_OK;
}

/* The transaction that loaded the first `count` chunks is undone, and may be tried again. */
static void take_back_progress(const hf_job *job, const hf_table *table, size_t count)
{
    hf_progress *progress = job->options->progress;
    for (size_t i = 0; progress != NULL && i < count; i++) {
        atomic_fetch_sub(&progress->bytes, table->chunks.items[i].object.raw_bytes);
        atomic_fetch_sub(&progress->done_bytes, table->chunks.items[i].object.raw_bytes);
        atomic_fetch_sub(&progress->rows, table->chunks.items[i].digest.rows);
    }
}

static hf_status name_table(const hf_table *table, hf_error *error)
{
    HF_AUTO_STR shown = hf_pg_table_shown(table->schema, table->name);
    return hf_prefix(error, "loading table %s", shown);
}

static hf_status load_whole(hf_job *job, hf_restore_session *session, const hf_table_state *state,
                            size_t *ret_loaded, hf_error *error)
{
    const hf_table *table = state->table;
    bool freeze = state->entry != NULL && table->condition == NULL && table->root_name == NULL;
    HF_AUTO_BUF copy = HF_BUF_MAX(STATEMENT_MAX);
    add_copy(&copy, table, freeze);
    HF_TRY(hf_buf_check(&copy, "statement", error));
    HF_AUTO_BUF empty = HF_BUF_MAX(STATEMENT_MAX);
    if (freeze) {
        hf_buf_puts(&empty, "TRUNCATE ONLY ");
        hf_sql_qualified(&empty, table->schema, table->name);
    }
    if (table->condition != NULL)
        hf_load_sql_delete(&empty, table);
    HF_TRY(hf_buf_check(&empty, "statement", error));
    HF_TRY(hf_restore_begin(session, error));
    if (empty.len > 0)
        HF_TRY(hf_pg_exec(session->pg, hf_buf_text(&empty), error));
    for (; *ret_loaded < table->chunks.count; (*ret_loaded)++)
        HF_TRY(load(job, session, &table->chunks.items[*ret_loaded], hf_buf_text(&copy), error));
    HF_FAULT("restore.before_commit", error);
    return hf_restore_commit(session, error);
}

hf_status hf_load_table(hf_job *job, hf_restore_session *session, size_t table, hf_error *error)
{
    size_t loaded = 0;
    if (load_whole(job, session, &job->tables[table], &loaded, error) == HF_OK)
        return HF_OK;
    take_back_progress(job, job->tables[table].table, loaded);
    return name_table(job->tables[table].table, error);
}

hf_status hf_load_chunk(hf_job *job, hf_restore_session *session, size_t number, size_t chunk,
                        hf_error *error)
{
    const hf_table *table = job->tables[number].table;
    HF_AUTO_BUF copy = HF_BUF_MAX(STATEMENT_MAX);
    add_copy(&copy, table, false);
    HF_TRY(hf_buf_check(&copy, "statement", error));
    if (load(job, session, &table->chunks.items[chunk], hf_buf_text(&copy), error) != HF_OK)
        return name_table(table, error);
    return HF_OK;
}
