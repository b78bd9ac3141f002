/*
 * Rows are gathered until their COPY has ended well, and only then handed on: a COPY that meets damage has sent rows before.  Each
 * try is undone by a savepoint, so that the snapshot stays.
 */
#include "snapshot/salvage.h"

#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "base/text.h"
#include "pg/catalog.h"
#include "pg/copy.h"

#define SQL_MAX (1u << 20)
#define GATHERED_MAX (1024u << 20) /* a single row may be nearly this long */
#define ROW_LEAST 28               /* bytes of a page that a row takes: line pointer and header */
#define POINTER_BYTES 4

typedef struct gathered {
    hf_buf rows;
    HF_VECTOR(size_t) lengths;
    size_t max;
} gathered;

static void gathered_done(gathered *rows)
{
    hf_buf_done(&rows->rows);
    free(rows->lengths.items);
}

void hf_lost_list_done(hf_lost_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].schema);
        free(list->items[i].name);
        free(list->items[i].reason);
        hf_strings_done(&list->items[i].ctids);
    }
    free(list->items);
    *list = (hf_lost_list){0};
}

bool hf_salvage_is_damage(const hf_error *error)
{
    /* data corrupted, index corrupted, internal error, a file that is not there, an I/O error */
    static const char *const STATES[] = {"XX001", "XX002", "XX000", "58P01", "58030"};

    for (size_t i = 0; i < sizeof(STATES) / sizeof(*STATES); i++)
        if (error->code == HF_E_DATABASE && strcmp(error->sqlstate, STATES[i]) == 0)
            return true;
    return false;
}

static hf_status gather(void *context, const char *row, size_t len, hf_error *error)
{
    gathered *rows = context;

    if (rows->rows.len + len > rows->max)
        return hf_fail(error, HF_E_LIMIT, "too many rows to gather");
    hf_buf_append(&rows->rows, row, len);
    HF_PUSH(&rows->lengths, len);
    return rows->rows.overflowed ? hf_fail(error, HF_E_LIMIT, "too many rows to gather") : HF_OK;
}

hf_status hf_salvage_begin(const hf_salvage *self, hf_error *error)
{
    if (hf_pg_in_transaction(self->pg))
        HF_TRY(hf_pg_exec(self->pg, "ROLLBACK", error));
    HF_TRY(hf_pg_exec(self->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error));
    HF_TRY(hf_pg_execf(self->pg, error, "SET TRANSACTION SNAPSHOT '%s'", self->exported));
    return hf_pg_exec(self->pg, "SAVEPOINT salvage", error);
}

hf_status hf_salvage_undo(const hf_salvage *self, const hf_error *why, hf_error *error)
{
    if (!hf_salvage_is_damage(why) && why->code != HF_E_LIMIT) {
        if (error != NULL)
            *error = *why;
        return why->code;
    }
    return hf_pg_exec(self->pg, "ROLLBACK TO SAVEPOINT salvage", error);
}

hf_status hf_salvage_copy(const hf_salvage *self, const hf_buf *sql, size_t max, hf_error *ret_why,
                          hf_error *error)
{
    HF_AUTO(gathered_done) gathered rows = {.rows = HF_BUF_MAX(GATHERED_MAX), .max = max};
    size_t at = 0;

    HF_TRY(hf_stop_check(error));
    HF_TRY(hf_buf_check(sql, "the COPY statement", error));
    *ret_why = (hf_error){0};
    if (hf_pg_copy_out(self->pg, hf_buf_text(sql), gather, &rows, ret_why) != HF_OK)
        return hf_salvage_undo(self, ret_why, error);
    *ret_why = (hf_error){0};
    for (size_t i = 0; i < rows.lengths.count; i++) {
        HF_TRY(self->on_row(self->context, rows.rows.data + at, rows.lengths.items[i], error));
        at += rows.lengths.items[i];
    }
    return HF_OK;
}

/* The rows of a range, or the one at a place. */
static hf_status try_copy(const hf_salvage *self, const char *ctid, uint32_t first, uint32_t end,
                          hf_error *ret_why, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    HF_AUTO_BUF condition = HF_BUF_MAX(SQL_MAX);

    if (ctid != NULL)
        hf_buf_printf(&condition, "WHERE ctid = '%s'", ctid);
    hf_pg_sql_condition(&condition, self->table->condition, ctid != NULL);
    HF_TRY(hf_buf_check(&condition, "the condition", error));
    hf_pg_sql_copy_out(&sql, self->table->schema, self->table->name, &self->table->columns,
                       hf_buf_text(&condition), self->table->format, first, end);
    return hf_salvage_copy(self, &sql, ctid != NULL ? GATHERED_MAX : HF_SALVAGE_PART, ret_why, error);
}

static hf_lost *add_lost(const hf_salvage *self, uint32_t page, const hf_error *why)
{
    hf_lost *lost = HF_APPEND_NEW(self->lost);

    *lost = (hf_lost){
        .schema = hf_strdup(self->table->schema),
        .name = hf_strdup(self->table->name),
        .first_page = page,
        .end_page = page + 1,
        .reason = hf_format("%s: %s", why->code == HF_E_LIMIT ? "too long" : why->sqlstate, why->message)};
    return lost;
}

/* A whole page; neighbours become one item. */
static void lose_page(const hf_salvage *self, uint32_t page, const hf_error *why)
{
    hf_lost *last = self->lost->count > 0 ? &self->lost->items[self->lost->count - 1] : NULL;

    if (last != NULL && last->ctids.count == 0 && last->end_page == page)
        last->end_page = page + 1;
    else
        (void) add_lost(self, page, why);
}

static hf_status salvage_row(const hf_salvage *self, uint32_t page, const char *ctid, hf_lost **lost,
                             hf_error *error)
{
    hf_error why;

    HF_TRY(try_copy(self, ctid, 0, 0, &why, error));
    if (why.code == HF_OK)
        return HF_OK;
    if (*lost == NULL)
        *lost = add_lost(self, page, &why);
    hf_strings_add(&(*lost)->ctids, ctid);
    return HF_OK;
}

/* A query for which damage is an answer: *ret_why says so. */
static hf_status try_query(const hf_salvage *self, const char *condition, hf_rows **ret_rows,
                           hf_error *ret_why, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(4096);

    hf_buf_puts(&sql, "SELECT ctid FROM ONLY ");
    hf_sql_qualified(&sql, self->table->schema, self->table->name);
    hf_buf_printf(&sql, " WHERE %s", condition);
    HF_TRY(hf_buf_check(&sql, "the query of rows", error));
    *ret_why = (hf_error){0};
    if (hf_pg_query(self->pg, hf_buf_text(&sql), 0, NULL, ret_rows, ret_why) != HF_OK)
        return hf_salvage_undo(self, ret_why, error);
    *ret_why = (hf_error){0};
    return HF_OK;
}

/* Where the rows of a page cannot even be listed: can the page be read at all, and then each place that a row may have. */
static hf_status salvage_places(const hf_salvage *self, uint32_t page, hf_lost **lost, hf_error *error)
{
    HF_AUTO_STR nowhere = hf_format("ctid = '(%u,%u)'", page, self->block_size / POINTER_BYTES - 1);
    HF_AUTO_ROWS rows = NULL;
    hf_error why;

    HF_TRY(try_query(self, nowhere, &rows, &why, error));
    if (why.code != HF_OK) {
        lose_page(self, page, &why);
        return HF_OK;
    }
    for (uint32_t place = 1; place <= self->block_size / ROW_LEAST; place++) {
        HF_AUTO_STR ctid = hf_format("(%u,%u)", page, place);

        HF_TRY(salvage_row(self, page, ctid, lost, error));
    }
    return HF_OK;
}

static hf_status salvage_page(const hf_salvage *self, uint32_t page, hf_error *error)
{
    HF_AUTO_STR on_page = hf_format("ctid >= '(%u,0)' AND ctid < '(%u,0)'", page, page + 1);
    HF_AUTO_ROWS rows = NULL;
    hf_lost *lost = NULL;
    hf_error why;

    HF_TRY(try_query(self, on_page, &rows, &why, error));
    if (why.code != HF_OK)
        return salvage_places(self, page, &lost, error);
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        HF_TRY(salvage_row(self, page, hf_rows_text(rows, i, "ctid"), &lost, error));
    return HF_OK;
}

static hf_status salvage(const hf_salvage *self, uint32_t first, uint32_t end, hf_error *error)
{
    hf_error why;

    HF_TRY(try_copy(self, NULL, first, end, &why, error));
    if (why.code == HF_OK)
        return HF_OK;
    if (end - first == 1)
        return salvage_page(self, first, error);
    uint32_t middle = first + (end - first) / 2;
    HF_TRY(salvage(self, first, middle, error));
    return salvage(self, middle, end, error);
}

hf_status hf_salvage_pages(const hf_salvage *self, uint32_t first, uint32_t end, hf_error *error)
{
    HF_TRY(hf_salvage_begin(self, error));
    HF_TRY(salvage(self, first, end, error));
    return hf_pg_exec(self->pg, "RELEASE SAVEPOINT salvage", error);
}
