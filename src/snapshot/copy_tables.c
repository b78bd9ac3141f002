/*
 * The unit of work is a range of heap pages of one table; ranges are handed out biggest table first, so that no worker is
 * left alone with a big one at the end.  A range becomes one chunk, or several where its text passes the chunk limit: the cut
 * is between rows, and "part" numbers the pieces.
 *
 * Unchanged pages give the same text, hence the same object name, hence nothing to store.  Memory is one chunk of text and
 * one of compressed bytes a worker.
 */
#include "snapshot/copy_tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/queue.h"
#include "base/signals.h"
#include "base/text.h"
#include "pg/catalog.h"
#include "pg/copy.h"
#include "snapshot/salvage.h"

#define SQL_MAX (1u << 20)

typedef struct range {
    hf_table *table;
    uint32_t first_page, end_page; /* end 0: the whole table; of large objects: OIDs */
    uint64_t pages;                /* its share of the progress */
    HF_VECTOR(hf_chunk) chunks;
    hf_lost_list lost;
} range;

typedef struct copy_job {
    const hf_snapshot_options *options;
    const char *exported;
    const hf_table *objects, *pieces; /* the two of large objects */
    hf_copy_totals *totals;
    uint32_t block_size;
    HF_VECTOR(range) ranges;
} copy_job;

typedef struct worker {
    copy_job *job;
    hf_pg *pg;
    hf_zstd *zstd;
    range *range; /* under way */
    hf_buf text;  /* of the chunk under way */
    hf_buf check; /* for reading back */
    hf_row_digest digest;
    uint64_t rows; /* of the range so far */
} worker;

/* ---- the plan ---- */

static int bigger_first(const void *a, const void *b)
{
    const hf_table *left = *(hf_table *const *) a, *right = *(hf_table *const *) b;

    if (left->pages != right->pages)
        return left->pages > right->pages ? -1 : 1;
    return left < right ? -1 : left > right;
}

static void plan_table(copy_job *job, hf_table *table)
{
    uint32_t step = job->options->range_pages;

    if (table->data_excluded || table->pages == 0) /* no page, no row */
        return;
    if (table->pages <= step || table->condition != NULL) {
        range *whole = HF_APPEND_NEW(&job->ranges);
        *whole = (range){.table = table, .pages = table->pages};
        return;
    }
    for (uint32_t first = 0; first < table->pages; first += step) {
        uint32_t end = table->pages - first > step ? first + step : table->pages;
        range *next = HF_APPEND_NEW(&job->ranges);

        *next = (range){.table = table, .first_page = first, .end_page = end, .pages = end - first};
    }
}

static void plan(copy_job *job, hf_manifest *manifest)
{
    hf_table **order = hf_alloc((manifest->tables.count + 1) * sizeof(*order));

    for (size_t i = 0; i < manifest->tables.count; i++)
        order[i] = &manifest->tables.items[i];
    qsort(order, manifest->tables.count, sizeof(*order), bigger_first);
    for (size_t i = 0; i < manifest->tables.count; i++)
        plan_table(job, order[i]);
    free(order);
}

static void plan_large_objects(copy_job *job, hf_manifest *manifest, const hf_pg_oid_ranges *oids)
{
    if (oids->count == 0)
        return;
    *HF_APPEND_NEW(&job->ranges) = (range){.table = &manifest->large_objects.objects, .pages = 1};
    for (size_t i = 0; i < oids->count; i++) {
        range *next = HF_APPEND_NEW(&job->ranges);

        *next = (range){.table = &manifest->large_objects.pieces,
                        .first_page = oids->items[i].first,
                        .end_page = oids->items[i].end,
                        .pages = 1};
    }
}

/* ---- a worker ---- */

static void worker_stop(void *context, void *state)
{
    worker *self = state;

    (void) context;
    if (self == NULL)
        return;
    hf_pg_free(self->pg);
    hf_zstd_free(self->zstd);
    hf_buf_done(&self->text);
    hf_buf_done(&self->check);
    free(self);
}

static void worker_freep(worker **self)
{
    worker_stop(NULL, *self);
}

static hf_status worker_start(void *context, size_t number, void **ret_state, hf_error *error)
{
    copy_job *job = context;
    HF_AUTO(worker_freep) worker *self = hf_alloc(sizeof(*self));

    (void) number;
    *self =
        (worker){.job = job, .text = HF_BUF_MAX(HF_OBJECT_RAW_MAX), .check = HF_BUF_MAX(HF_OBJECT_RAW_MAX)};
    self->zstd = hf_zstd_new();
    HF_TRY(
        hf_pg_connect(&(hf_pg_options){.url = job->options->url, .purpose = "snapshot", .exact_text = true},
                      &self->pg, error));
    HF_TRY(
        hf_pg_execf(self->pg, error, "SET lock_timeout = %lld", (long long) job->options->lock_timeout_ms));
    HF_TRY(hf_pg_exec(self->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
    HF_TRY(hf_pg_execf(self->pg, error, "SET TRANSACTION SNAPSHOT '%s'", job->exported));
    *ret_state = HF_TAKE(self);
    return HF_OK;
}

static bool is_binary(const worker *self)
{
    return hf_streq(self->range->table->format, "binary");
}

/* Store what is gathered as a chunk, and read it back if the snapshot asks for that. */
static hf_status store_chunk(worker *self, hf_error *error)
{
    const hf_snapshot_options *options = self->job->options;
    hf_object_ref object;
    bool new = false;

    if (is_binary(self))
        hf_buf_append(&self->text, hf_copy_binary_trailer, HF_COPY_BINARY_TRAILER);

    HF_FAULT("snapshot.before_chunk", error);
    HF_TRY(hf_repository_put_object(options->repository, self->zstd, options->compression,
                                    options->verify_full, self->text.data, self->text.len, &object, &new,
                                    error));
    if (new && options->verify_full)
        HF_TRY(hf_repository_get_object(options->repository, self->zstd, &object, &self->check, error));

    hf_chunk *chunk = HF_APPEND_NEW(&self->range->chunks);
    *chunk =
        (hf_chunk){.object = object,
                   .first_page = self->range->first_page,
                   .end_page = self->range->end_page > 0 ? self->range->end_page : self->range->table->pages,
                   .part = (uint32_t) (self->range->chunks.count - 1),
                   .digest = self->digest};
    if (new) {
        self->job->totals->chunks_new++;
        self->job->totals->bytes_written += object.stored_bytes;
    } else {
        self->job->totals->chunks_reused++;
    }
    if (options->progress != NULL) {
        options->progress->bytes += self->text.len;
        options->progress->rows += self->digest.rows;
    }
    hf_buf_clear(&self->text);
    self->digest = (hf_row_digest){0};
    return HF_OK;
}

static hf_status take_row(void *context, const char *row, size_t len, hf_error *error)
{
    worker *self = context;

    if (self->text.len > 0 && self->text.len + len > self->job->options->chunk_bytes)
        HF_TRY(store_chunk(self, error));
    if (self->text.len == 0 && is_binary(self)) /* each chunk is a whole input for COPY */
        hf_buf_append(&self->text, hf_copy_binary_header, HF_COPY_BINARY_HEADER);
    hf_buf_append(&self->text, row, len);
    if (self->text.overflowed)
        return hf_fail(error, HF_E_LIMIT, "a row of %zu bytes is longer than a chunk may be", len);
    hf_row_digest_add(&self->digest, row, is_binary(self) ? len : len - 1); /* without the newline */
    self->rows++;
    return HF_OK;
}

static void add_statement(const copy_job *job, const range *this, hf_buf *sql)
{
    const hf_table *table = this->table;

    if (table == job->objects)
        hf_pg_sql_large_objects(sql);
    else if (table == job->pieces)
        hf_pg_sql_large_object_pieces(sql,
                                      (hf_pg_oid_range){.first = this->first_page, .end = this->end_page});
    else
        hf_pg_sql_copy_out(sql, table->schema, table->name, &table->columns, table->condition, table->format,
                           this->first_page, this->end_page);
}

static bool can_be_salvaged(const copy_job *job, const range *this)
{
    return this->table != job->objects;
}

/* What was gathered or stored of the range before the damage was met is read again. */
static hf_status salvage_range(worker *self, range *this, hf_error *error)
{
    const copy_job *job = self->job;
    const hf_salvage salvage = {.pg = self->pg,
                                .exported = job->exported,
                                .table = this->table,
                                .block_size = job->block_size,
                                .on_row = take_row,
                                .context = self,
                                .lost = &this->lost};

    this->chunks.count = 0;
    self->digest = (hf_row_digest){0};
    hf_buf_clear(&self->text);
    if (this->table == job->pieces)
        return hf_salvage_objects(&salvage, this->first_page, this->end_page, error);
    return hf_salvage_pages(&salvage, this->first_page,
                            this->end_page > 0 ? this->end_page : this->table->pages, error);
}

static hf_status leave_row(void *context, const char *row, size_t len, hf_error *error)
{
    (void) context;
    (void) row;
    (void) len;
    return hf_stop_check(error);
}

/* The large objects among [first, end) that cannot be read. */
static hf_status list_damaged_objects(const worker *self, uint32_t first, uint32_t end, hf_buf *list,
                                      hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    hf_error why;

    HF_TRY(hf_pg_exec(self->pg, "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
    HF_TRY(hf_pg_execf(self->pg, error, "SET TRANSACTION SNAPSHOT '%s'", self->job->exported));
    hf_pg_sql_large_object_pieces(&sql, (hf_pg_oid_range){.first = first, .end = end});
    if (hf_pg_copy_out(self->pg, hf_buf_text(&sql), leave_row, NULL, &why) == HF_OK)
        return HF_OK;
    if (!hf_salvage_is_damage(&why)) {
        if (error != NULL)
            *error = why;
        return why.code;
    }
    if (end - first == 1) {
        hf_buf_printf(list, "%s%u", list->len > 0 ? ", " : "", first);
        return HF_OK;
    }
    uint32_t middle = first + (end - first) / 2;
    HF_TRY(list_damaged_objects(self, first, middle, list, error));
    return list_damaged_objects(self, middle, end, list, error);
}

/* Of large objects there are no pages to name. */
static hf_status name_damaged_objects(const worker *self, const range *this, hf_error *error)
{
    HF_AUTO_BUF list = HF_BUF_MAX(256); /* as much as a message holds */
    hf_error ignored;

    if (this->table == self->job->objects) {
        (void) hf_prefix(error, "the list of large objects is damaged on disk");
        return hf_hint(error, "no snapshot was taken, and --salvage does not reach that list; repair "
                              "pg_largeobject_metadata, or take the objects from an earlier snapshot");
    }
    (void) list_damaged_objects(self, this->first_page, this->end_page, &list, &ignored);
    (void) hf_prefix(error, "large objects are damaged on disk, of %u to %u: %s%s", this->first_page,
                     this->end_page - 1, hf_buf_text(&list), list.overflowed ? " and more" : "");
    return hf_hint(
        error,
        "no snapshot was taken; \"holdfast backup --salvage\" keeps what can be read of them, with zeros in "
        "the place of what is lost, and lists that; or put them back from an earlier snapshot");
}

static hf_status name_range(const worker *self, const range *this, hf_error *error)
{
    const copy_job *job = self->job;
    HF_AUTO_STR shown = hf_pg_table_shown(this->table->schema, this->table->name);

    if (hf_salvage_is_damage(error) && (this->table == job->objects || this->table == job->pieces))
        return name_damaged_objects(self, this, error);
    if (this->table == job->objects)
        return hf_prefix(error, "large objects");
    if (this->table == job->pieces)
        return hf_prefix(error, "large objects %u to %u", this->first_page, this->end_page);
    if (hf_salvage_is_damage(error)) {
        (void) hf_prefix(error, "table %s is damaged on disk, somewhere on pages %u to %u (SQLSTATE %s)",
                         shown, this->first_page,
                         (this->end_page > 0 ? this->end_page : this->table->pages) - 1, error->sqlstate);
        return hf_hint(error,
                       "no snapshot was taken; \"holdfast backup --salvage\" keeps every row that can be "
                       "read, and lists what is lost");
    }
    if (this->end_page > 0)
        return hf_prefix(error, "table %s, pages %u to %u", shown, this->first_page, this->end_page);
    return hf_prefix(error, "table %s", shown);
}

/* A row, or one of its values, passes 1 GB as COPY would write it; the server has its own words for that. */
static bool is_too_long(const hf_error *error)
{
    return error->code == HF_E_LIMIT ||
           (error->code == HF_E_DATABASE &&
            (hf_streq(error->sqlstate, "54000") ||
             strstr(error->message, "invalid memory alloc request size") != NULL));
}

/* Rows come in the order of their places, so it is the one behind those that came. */
static void name_row(worker *self, const range *this, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    HF_AUTO_STR ctid = NULL;
    hf_error ignored;

    hf_buf_puts(&sql, "SELECT ctid FROM ONLY ");
    hf_sql_qualified(&sql, this->table->schema, this->table->name);
    if (this->table->condition != NULL)
        hf_buf_printf(&sql, " %s", this->table->condition);
    else if (this->end_page > 0)
        hf_buf_printf(&sql, " WHERE ctid >= '(%u,0)' AND ctid < '(%u,0)'", this->first_page, this->end_page);
    hf_buf_printf(&sql, " OFFSET %llu LIMIT 1", (unsigned long long) self->rows);
    if (hf_pg_exec(self->pg, "ROLLBACK; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &ignored) ==
            HF_OK &&
        hf_pg_execf(self->pg, &ignored, "SET TRANSACTION SNAPSHOT '%s'", self->job->exported) == HF_OK &&
        hf_pg_query_text(self->pg, hf_buf_text(&sql), 0, NULL, &ctid, &ignored) == HF_OK && ctid != NULL)
        (void) hf_prefix(error, "the row at ctid %s is too long for COPY, whose limit is 1 GB", ctid);
    (void) hf_hint(
        error, self->job->options->text_only
                   ? "snapshot.format: auto takes COPY's binary form, in which bytes are half as long, where "
                     "it suits the table"
                   : "shorten the row, or leave the table's rows out with snapshot.exclude_data");
}

static hf_status copy_range(void *context, void *state, size_t item, hf_error *error)
{
    copy_job *job = context;
    worker *self = state;
    range *this = &job->ranges.items[item];
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);

    HF_TRY(hf_stop_check(error));
    self->range = this;
    self->digest = (hf_row_digest){0};
    self->rows = 0;
    hf_buf_clear(&self->text);
    add_statement(job, this, &sql);
    HF_TRY(hf_buf_check(&sql, "the COPY statement", error));

    hf_status status = hf_pg_copy_out(self->pg, hf_buf_text(&sql), take_row, self, error);
    if (status != HF_OK && job->options->salvage && hf_salvage_is_damage(error) && can_be_salvaged(job, this))
        status = salvage_range(self, this, error);
    if (status == HF_OK && self->text.len > 0)
        status = store_chunk(self, error);
    if (status != HF_OK && is_too_long(error) && this->table != job->objects && this->table != job->pieces) {
        HF_AUTO_STR shown = hf_pg_table_shown(this->table->schema, this->table->name);
        name_row(self, this, error);
        return hf_prefix(error, "table %s", shown);
    }
    if (status != HF_OK && status != HF_E_CANCELLED)
        return name_range(self, this, error);
    if (status == HF_OK && job->options->progress != NULL)
        job->options->progress->done_bytes += this->pages;
    return status;
}

/* ---- the result ---- */

/* Takes what the item owns. */
static void note_lost(const hf_lost *lost, hf_manifest *manifest)
{
    HF_AUTO_STR shown = hf_pg_table_shown(lost->schema, lost->name);
    HF_AUTO_STR what = hf_lost_is_large_object(lost) ? hf_format("of large object %u", lost->first_page)
                       : lost->ctids.count == 0
                           ? hf_format("all rows on pages %u to %u", lost->first_page, lost->end_page - 1)
                           : hf_format("%zu rows of page %u, such as that at %s", lost->ctids.count,
                                       lost->first_page, lost->ctids.items[0]);
    HF_AUTO_STR warning = hf_format("LOST: table %s, %s: %s", shown, what, lost->reason);

    hf_strings_add(&manifest->warnings, warning);
    HF_PUSH(&manifest->degraded, *lost);
}

/* The ranges of a table are in page order among themselves, whatever came between. */
static void hand_over(copy_job *job, hf_manifest *manifest)
{
    for (size_t i = 0; i < job->ranges.count; i++) {
        range *this = &job->ranges.items[i];

        for (size_t n = 0; n < this->chunks.count; n++) {
            const hf_chunk *chunk = &this->chunks.items[n];

            HF_PUSH(&this->table->chunks, *chunk);
            hf_row_digest_merge(&this->table->total, &chunk->digest);
            this->table->raw_bytes += chunk->object.raw_bytes;
            this->table->stored_bytes += chunk->object.stored_bytes;
        }
        for (size_t n = 0; n < this->lost.count; n++)
            note_lost(&this->lost.items[n], manifest);
        this->lost.count = 0;
    }
}

hf_status hf_copy_tables(const hf_snapshot_options *options, const char *exported,
                         const hf_pg_oid_ranges *large_objects, hf_manifest *manifest, hf_copy_totals *totals,
                         hf_error *error)
{
    static const hf_pool_ops ops = {.start = worker_start, .work = copy_range, .stop = worker_stop};
    copy_job job = {.options = options,
                    .exported = exported,
                    .objects = &manifest->large_objects.objects,
                    .pieces = &manifest->large_objects.pieces,
                    .totals = totals,
                    .block_size = manifest->server.block_size};

    plan(&job, manifest);
    plan_large_objects(&job, manifest, large_objects);
    if (options->progress != NULL) {
        uint64_t pages = 0;

        for (size_t i = 0; i < job.ranges.count; i++)
            pages += job.ranges.items[i].pages;
        options->progress->total_bytes = pages;
    }

    hf_status status = hf_pool_run(&ops, &job, options->jobs, job.ranges.count, error);
    if (status == HF_OK)
        hand_over(&job, manifest);
    for (size_t i = 0; i < job.ranges.count; i++) {
        free(job.ranges.items[i].chunks.items);
        hf_lost_list_done(&job.ranges.items[i].lost);
    }
    free(job.ranges.items);
    return status;
}
