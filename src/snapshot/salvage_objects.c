/*
 * Salvage of large objects.  What is handed on has the form that a sound object has (pieces of one size, the last one shorter), so that
 * what a restore makes of it compares equal.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "base/text.h"
#include "pg/large_objects.h"
#include "snapshot/salvage.h"

#define SQL_MAX 4096
#define LOST_SHOWN 600 /* bytes of a list of what is lost */

typedef struct object {
    const hf_salvage *salvage;
    uint32_t oid;
    int64_t size;       /* -1: not known, because its last page cannot be read */
    bool ended;         /* nothing comes any more */
    hf_buf bytes;       /* of the piece under way, in hexadecimal digits */
    int64_t lost_first; /* of what is lost and not yet listed: [first, end) */
    int64_t lost_end;
    hf_buf lost; /* the list */
    char *reason;
} object;

static void object_done(object *self)
{
    hf_buf_done(&self->bytes);
    hf_buf_done(&self->lost);
    free(self->reason);
}

static void list_lost(object *self)
{
    if (self->lost_end == self->lost_first)
        return;
    hf_buf_printf(&self->lost, "%s%" PRId64 " ", self->lost.len > 0 ? ", " : "", self->lost_first);
    if (self->lost_end < 0)
        hf_buf_puts(&self->lost, "to its end");
    else
        hf_buf_printf(&self->lost, "to %" PRId64, self->lost_end - 1);
    self->lost_first = self->lost_end = 0;
}

/* End -1: all that follows. */
static void lose(object *self, int64_t first, int64_t end, const hf_error *why)
{
    if (self->reason == NULL)
        self->reason = hf_format("%s: %s", why->sqlstate, why->message);
    if (self->lost_end != first || self->lost_first == self->lost_end) {
        list_lost(self);
        self->lost_first = first;
    }
    self->lost_end = end;
}

/* A query of one text for which damage is an answer: *ret_why says so. */
static hf_status ask(const object *self, const char *sql, char **ret_text, hf_error *ret_why, hf_error *error)
{
    HF_TRY(hf_stop_check(error));
    *ret_why = (hf_error){0};
    if (hf_pg_query_text(self->salvage->pg, sql, 0, NULL, ret_text, ret_why) != HF_OK)
        return hf_salvage_undo(self->salvage, ret_why, error);
    *ret_why = (hf_error){0};
    return HF_OK;
}

/* Append the bytes [at, at + count), fewer at the end. */
static hf_status read_bytes(object *self, int64_t at, uint32_t count, hf_error *ret_why, hf_error *error)
{
    HF_AUTO_STR sql = hf_format("SELECT pg_catalog.encode(pg_catalog.lo_get('%u', %" PRId64 ", %u), 'hex')",
                                self->oid, at, count);
    HF_AUTO_STR digits = NULL;

    HF_TRY(ask(self, sql, &digits, ret_why, error));
    if (ret_why->code != HF_OK)
        return HF_OK;
    hf_buf_puts(&self->bytes, digits != NULL ? digits : "");
    self->ended |= digits == NULL || strlen(digits) < 2 * (size_t) count;
    return HF_OK;
}

/* Zeros take the place of what cannot be read, so that the rest stays where it was. */
static hf_status read_page(object *self, int64_t at, uint32_t page, hf_error *error)
{
    hf_error why;

    HF_TRY(read_bytes(self, at, page, &why, error));
    if (why.code == HF_OK)
        return HF_OK;
    if (self->size < 0) {
        lose(self, at, -1, &why);
        self->ended = true;
        return HF_OK;
    }
    const int64_t end = self->size - at < page ? self->size : at + page;

    lose(self, at, end, &why);
    for (int64_t i = at; i < end; i++)
        hf_buf_puts(&self->bytes, "00");
    return HF_OK;
}

static hf_status read_piece(object *self, int64_t position, hf_error *error)
{
    const uint32_t page = self->salvage->block_size / 4; /* LOBLKSIZE */
    HF_AUTO_BUF row = HF_BUF_MAX(2 * HF_PG_LARGE_OBJECT_PIECE + 64);
    hf_error why;

    hf_buf_clear(&self->bytes);
    HF_TRY(read_bytes(self, position, HF_PG_LARGE_OBJECT_PIECE, &why, error));
    for (int64_t at = position;
         why.code != HF_OK && !self->ended && at < position + HF_PG_LARGE_OBJECT_PIECE &&
         (self->size < 0 || at < self->size);
         at += page)
        HF_TRY(read_page(self, at, page, error));
    if (self->bytes.len == 0)
        return HF_OK;
    hf_buf_printf(&row, "%u\t%" PRId64 "\t\\\\x%s\n", self->oid, position, hf_buf_text(&self->bytes));
    HF_TRY(hf_buf_check(&row, "a piece of a large object", error));
    return self->salvage->on_row(self->salvage->context, row.data, row.len, error);
}

static hf_status find_size(object *self, hf_error *error)
{
    /* 262144 is INV_READ; a descriptor that is open when a try fails is closed by going back. */
    HF_AUTO_STR sql =
        hf_format("WITH opened AS MATERIALIZED (SELECT pg_catalog.lo_open('%u', 262144) AS fd), "
                  "measured AS MATERIALIZED (SELECT fd, pg_catalog.lo_lseek64(fd, 0, 2) AS size FROM "
                  "opened) SELECT size + pg_catalog.lo_close(fd) FROM measured",
                  self->oid);
    HF_AUTO_STR size = NULL;
    hf_error why;

    HF_TRY(ask(self, sql, &size, &why, error));
    self->size = why.code == HF_OK && size != NULL ? strtoll(size, NULL, 10) : -1;
    return HF_OK;
}

static hf_status salvage_object(const hf_salvage *salvage, uint32_t oid, hf_error *error)
{
    HF_AUTO(object_done)
    object self = {.salvage = salvage,
                   .oid = oid,
                   .bytes = HF_BUF_MAX(2 * HF_PG_LARGE_OBJECT_PIECE),
                   .lost = HF_BUF_MAX(LOST_SHOWN)};

    HF_TRY(find_size(&self, error));
    for (int64_t position = 0; !self.ended && (self.size < 0 || position < self.size);
         position += HF_PG_LARGE_OBJECT_PIECE)
        HF_TRY(read_piece(&self, position, error));
    list_lost(&self);
    if (self.reason == NULL)
        return HF_OK; /* it was only too long to be gathered */
    HF_PUSH(salvage->lost,
            ((hf_lost){.schema = hf_strdup("pg_catalog"),
                       .name = hf_strdup("pg_largeobject"),
                       .first_page = oid,
                       .end_page = oid < UINT32_MAX ? oid + 1 : oid,
                       .reason = hf_format("bytes %s%s: %s", hf_buf_text(&self.lost),
                                           self.lost.overflowed ? ", ..." : "", self.reason)}));
    return HF_OK;
}

static hf_status salvage(const hf_salvage *self, uint32_t first, uint32_t end, hf_error *error)
{
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);
    hf_error why;

    hf_pg_sql_large_object_pieces(&sql, (hf_pg_oid_range){.first = first, .end = end});
    HF_TRY(hf_salvage_copy(self, &sql, HF_SALVAGE_PART, &why, error));
    if (why.code == HF_OK)
        return HF_OK;
    if (end - first <= 1)
        return salvage_object(self, first, error);
    const uint32_t middle = first + (end - first) / 2;

    HF_TRY(salvage(self, first, middle, error));
    return salvage(self, middle, end, error);
}

hf_status hf_salvage_objects(const hf_salvage *self, uint32_t first, uint32_t end, hf_error *error)
{
    HF_TRY(hf_salvage_begin(self, error));
    HF_TRY(salvage(self, first, end, error));
    return hf_pg_exec(self->pg, "RELEASE SAVEPOINT salvage", error);
}
