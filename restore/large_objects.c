/*
 * The chunks are COPY text: they go to a temporary table, and SQL functions take them from there.  So no byte of them is
 * read here, and every statement about owners and grants is put together by the server's own quoting.
 */
#include "restore/large_objects.h"

#include "base/text.h"
#include "pg/copy.h"
#include "pg/large_objects.h"
#include "restore/database.h"
#include "restore/report.h"

#define BATCH 500 /* objects are locked until the end of their transaction */
#define STATEMENTS_MAX (64u << 20)
#define OBJECTS HF_LARGE_OBJECTS
#define PIECES HF_LARGE_OBJECT_PIECES

const char hf_large_objects_make_table[] =
    "CREATE TEMPORARY TABLE " OBJECTS " (oid pg_catalog.oid, owner pg_catalog.text, "
    "acl pg_catalog.text, comment pg_catalog.text)";

const char hf_large_objects_make_pieces[] =
    "CREATE TEMPORARY TABLE " PIECES
    " (oid pg_catalog.oid, position pg_catalog.int8, bytes pg_catalog.bytea)";

const char hf_large_objects_statements[] =
    "WITH o AS (SELECT oid, owner, acl, comment FROM " OBJECTS "), "
    "g AS (SELECT o.oid, o.owner, x.number, pg_catalog.pg_get_userbyid(x.grantor) AS grantor, "
    "CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE "
    "pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) "
    "END AS grantee, x.privilege_type, x.is_grantable "
    "FROM o CROSS JOIN LATERAL pg_catalog.aclexplode(CASE WHEN $2::boolean THEN o.acl::pg_catalog.aclitem[] "
    "END) "
    "WITH ORDINALITY AS x (grantor, grantee, privilege_type, is_grantable, number)) "
    "SELECT oid, sql FROM ("
    "SELECT oid, 1 AS step, 0 AS number, "
    "pg_catalog.format('ALTER LARGE OBJECT %s OWNER TO %I', oid, owner) AS sql "
    "FROM o WHERE $1::boolean AND owner <> current_user "
    "UNION ALL SELECT oid, 2, 0, pg_catalog.format('COMMENT ON LARGE OBJECT %s IS %L', oid, comment) "
    "FROM o WHERE comment IS NOT NULL "
    "UNION ALL SELECT oid, 3, 0, pg_catalog.format('REVOKE ALL ON LARGE OBJECT %s FROM %I', oid, "
    "CASE WHEN $1::boolean THEN owner ELSE current_user END) "
    "FROM o WHERE $2::boolean AND acl IS NOT NULL "
    "UNION ALL SELECT oid, 4, number, pg_catalog.concat("
    "CASE WHEN grantor <> owner THEN pg_catalog.format('SET ROLE %I; ', grantor) END, "
    "pg_catalog.format('GRANT %s ON LARGE OBJECT %s TO %s', privilege_type, oid, grantee), "
    "CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END, "
    "CASE WHEN grantor <> owner THEN '; RESET ROLE' END) FROM g"
    ") AS s ORDER BY oid, step, number";

static hf_status fetch(hf_job *job, hf_restore_session *session, const hf_chunk *chunk, const char *copy,
                       hf_error *error)
{
    uint64_t rows;
    HF_TRY(hf_repository_get_object(job->options->repository, session->zstd, &chunk->object, &session->chunk,
                                    error));
    HF_TRY(hf_pg_copy_in(session->pg, copy, session->chunk.data, session->chunk.len, &rows, error));
    if (rows != chunk->digest.rows)
        return hf_fail(error, HF_E_MISMATCH, "the server took %llu rows from object \"%s\", which has %llu",
                       (unsigned long long) rows, chunk->object.name,
                       (unsigned long long) chunk->digest.rows);
    if (job->options->progress != NULL)
        atomic_fetch_add(&job->options->progress->done_bytes, session->chunk.len);
    return HF_OK;
}

hf_status hf_large_objects_create(hf_job *job, hf_restore_session *session, hf_error *error)
{
    const hf_table *objects = &job->manifest->large_objects.objects;
    if (objects->chunks.count == 0)
        return HF_OK;
    HF_TRY(hf_pg_exec(session->pg, hf_large_objects_make_table, error));
    for (size_t i = 0; i < objects->chunks.count; i++)
        HF_TRY(fetch(job, session, &objects->chunks.items[i], "COPY " OBJECTS " FROM STDIN", error));
    hf_status status =
        hf_pg_exec(session->pg, "SELECT pg_catalog.lo_create(oid) FROM " OBJECTS " ORDER BY oid", error);
    return status == HF_OK ? HF_OK : hf_prefix(error, "making large objects");
}

hf_status hf_large_objects_load(hf_job *job, hf_restore_session *session, size_t number, hf_error *error)
{
    const hf_chunk *chunk = &job->manifest->large_objects.pieces.chunks.items[number];
    HF_TRY(hf_restore_begin(session, error));
    HF_TRY(hf_pg_exec(session->pg, hf_large_objects_make_pieces, error));
    hf_status status = fetch(job, session, chunk, "COPY " PIECES " FROM STDIN", error);
    if (status == HF_OK)
        status = hf_pg_exec(
            session->pg, "SELECT pg_catalog.lo_put(oid, position, bytes) FROM " PIECES "; DROP TABLE " PIECES,
            error);
    if (status == HF_OK)
        status = hf_restore_commit(session, error);
    if (status != HF_OK)
        return hf_prefix(error, "loading large objects %u to %u", chunk->first_page, chunk->end_page);
    return HF_OK;
}

static hf_status add_row(void *sum, const char *row, size_t len, hf_error *error)
{
    (void) error;
    hf_row_digest_add(sum, row, len - 1); /* without the newline */
    return HF_OK;
}

hf_status hf_large_objects_read(hf_job *job, hf_restore_session *session, size_t number, hf_row_digest *sum,
                                hf_error *error)
{
    const hf_chunk *chunk = &job->manifest->large_objects.pieces.chunks.items[number];
    HF_AUTO_BUF sql = HF_BUF_MAX(1u << 16);
    hf_pg_sql_large_object_pieces(&sql,
                                  (hf_pg_oid_range){.first = chunk->first_page, .end = chunk->end_page});
    HF_TRY(hf_buf_check(&sql, "query", error));
    hf_row_digest seen = {0};
    if (hf_pg_copy_out(session->pg, hf_buf_text(&sql), add_row, &seen, error) != HF_OK)
        return hf_prefix(error, "reading large objects %u to %u", chunk->first_page, chunk->end_page);
    hf_row_digest_merge(sum, &seen);
    return HF_OK;
}

/* The statements of some objects as one transaction; only when the server refuses it, one each, to find which. */
static hf_status run_batch(hf_job *job, hf_restore_session *session, const hf_rows *rows, size_t first,
                           size_t end, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENTS_MAX);
    for (size_t i = first; i < end; i++)
        hf_buf_printf(&sql, "%s;\n", hf_rows_text(rows, i, "sql"));
    HF_TRY(hf_buf_check(&sql, "statements", error));
    hf_status status = hf_pg_exec(session->pg, hf_buf_text(&sql), error);
    if (status == HF_OK || !hf_is_refusal(status, error) || session->is_one_transaction)
        return status;
    if (end - first > 1) {
        for (size_t i = first; i < end; i++)
            HF_TRY(run_batch(job, session, rows, i, i + 1, error));
        return HF_OK;
    }
    hf_report_add(job->report, "LARGE OBJECT", NULL, hf_rows_text(rows, first, "oid"), HF_OUTCOME_FAILED,
                  error->message);
    return HF_OK;
}

static bool is_mapped(const hf_job *job)
{
    return job->options->role_map != NULL && job->options->role_map->count > 0;
}

/* Each pair of owner and grants once. */
static hf_status map_roles(const hf_role_map *map, hf_restore_session *session, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_TRY(hf_pg_exec(session->pg, "ALTER TABLE " OBJECTS " ADD done pg_catalog.bool NOT NULL DEFAULT false",
                      error));
    HF_TRY(hf_pg_query(session->pg, "SELECT DISTINCT owner, acl FROM " OBJECTS, 0, NULL, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        const char *owner = hf_rows_text(rows, i, "owner"), *acl = hf_rows_text(rows, i, "acl");
        HF_AUTO_STR mapped_acl = hf_role_map_acl(map, acl);
        const char *params[] = {owner, acl, hf_role_map_find(map, owner), mapped_acl};
        HF_AUTO_ROWS none = NULL;
        HF_TRY(hf_pg_query(session->pg,
                           "UPDATE " OBJECTS " SET owner = $3, acl = $4, done = true WHERE owner = $1 AND "
                           "acl IS NOT DISTINCT FROM $2 AND NOT done",
                           4, params, &none, error));
    }
    return HF_OK;
}

static hf_status set_labels(hf_job *job, hf_restore_session *session, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(STATEMENTS_MAX);
    for (size_t i = 0; i < job->manifest->labels.count; i++) {
        const hf_label *label = &job->manifest->labels.items[i];
        if (label->oid == 0)
            continue;
        HF_AUTO_STR object = hf_format("LARGE OBJECT %u", label->oid);
        hf_buf_clear(&sql);
        hf_sql_security_label(&sql, label, object);
        HF_TRY(hf_buf_check(&sql, "statement", error));
        HF_TRY(hf_pg_exec(session->pg, hf_buf_text(&sql), error));
    }
    return HF_OK;
}

static hf_status set_properties(hf_job *job, hf_restore_session *session, hf_error *error)
{
    const char *params[] = {job->options->no_owner ? "false" : "true",
                            job->options->no_acl ? "false" : "true"};
    HF_AUTO_ROWS rows = NULL;
    if (is_mapped(job))
        HF_TRY(map_roles(job->options->role_map, session, error));
    HF_TRY(hf_pg_query(session->pg, hf_large_objects_statements, 2, params, &rows, error));
    for (size_t first = 0; first < hf_rows_count(rows); first += BATCH) {
        size_t end = hf_rows_count(rows) - first < BATCH ? hf_rows_count(rows) : first + BATCH;
        HF_TRY(run_batch(job, session, rows, first, end, error));
    }
    return HF_OK;
}

hf_status hf_large_objects_finish(hf_job *job, hf_restore_session *session, hf_error *error)
{
    const hf_table *objects = &job->manifest->large_objects.objects;
    const hf_table *pieces = &job->manifest->large_objects.pieces;
    if (objects->chunks.count == 0)
        return HF_OK;
    HF_TRY(set_properties(job, session, error));
    HF_TRY(set_labels(job, session, error));
    hf_verify_compare(pieces, &job->pieces_seen, &job->report->differences);
    if (!job->options->no_owner && !job->options->no_acl &&
        !is_mapped(job)) { /* else they differ, as was asked for */
        HF_AUTO_BUF sql = HF_BUF_MAX(1u << 16);
        hf_row_digest seen = {0};
        hf_pg_sql_large_objects(&sql);
        HF_TRY(hf_pg_copy_out(session->pg, hf_buf_text(&sql), add_row, &seen, error));
        hf_verify_compare(objects, &seen, &job->report->differences);
    }
    job->report->verified = job->report->differences.count == 0;
    HF_AUTO_STR shown = hf_format("%llu of them", (unsigned long long) objects->total.rows);
    hf_report_add(job->report, "LARGE OBJECTS", NULL, shown, HF_OUTCOME_RESTORED, NULL);
    job->report->bytes += pieces->raw_bytes;
    return hf_pg_exec(session->pg, "DROP TABLE " OBJECTS, error);
}
