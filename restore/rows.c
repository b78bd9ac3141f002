/*
 *   1. each page range of the snapshot is read from the database, and its digest compared: equal ones are done
 *   2. the snapshot's rows of the others go into a map, key -> row, as digests
 *   3. the database's rows of the same ranges, and of pages beyond them, are looked up in it
 *   4. for a caller who wants rows, the snapshot's are gone through again, for those that were not found or changed
 *
 * 2 to 4 are done for a part of the keys at a time, chosen by their digest, so that the map stays small.
 */
#include "restore/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/signals.h"
#include "base/text.h"
#include "pg/catalog.h"
#include "pg/copy.h"
#include "restore/sql.h"
#include "stream/row_digest.h"

#define ROWS_A_PASS (1u << 20)
#define PASSES_MAX 64
#define KEYS_MAX 32
#define SQL_MAX (4u << 20)

typedef struct digest {
    uint64_t low, high;
} digest;

typedef enum slot_state { SLOT_EMPTY, SLOT_SNAPSHOT, SLOT_SAME, SLOT_CHANGED } slot_state;

typedef struct slot {
    digest key, row;
    uint64_t left; /* without a key: how many such rows the database has not shown */
    slot_state state;
} slot;

typedef struct range {
    uint32_t first, end; /* end 0: the whole table */
    size_t chunk, chunks;
    bool differs;
} range;

typedef struct comparison {
    const hf_rows_options *options;
    hf_row_changes *changes;
    bool binary;
    size_t keys[KEYS_MAX]; /* places of the key's columns among the table's; none: the whole row */
    size_t key_count;
    hf_buf key; /* of the row under way */
    HF_VECTOR(range) ranges;
    hf_zstd *zstd;
    hf_buf chunk;
    slot *slots;
    size_t capacity, used; /* capacity is a power of two */
    uint64_t pass, passes;
} comparison;

static void comparison_done(comparison *self)
{
    hf_buf_done(&self->key);
    hf_buf_done(&self->chunk);
    hf_zstd_free(self->zstd);
    free(self->ranges.items);
    free(self->slots);
}

static digest digest_of(const void *data, size_t len)
{
    hf_row_digest sum = {0};

    hf_row_digest_add(&sum, data, len);
    return (digest){sum.low, sum.high};
}

static bool same(digest a, digest b)
{
    return a.low == b.low && a.high == b.high;
}

/* ---- rows and their fields ---- */

static hf_status malformed(hf_error *error)
{
    return hf_fail(error, HF_E_CORRUPT, "a row is not in COPY's format");
}

static uint32_t big_endian(const char *bytes, size_t count)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | (unsigned char) bytes[i];
    return value;
}

/* The field at *at; *at is moved behind it.  NULL: there is none. */
static const char *next_field(const comparison *self, const char **at, const char *end, size_t *ret_len)
{
    const char *field = *at;

    if (self->binary) {
        if (end - field < 4)
            return NULL;
        const uint32_t len = big_endian(field, 4);
        *ret_len = 4 + (len == UINT32_MAX ? 0 : len); /* its length belongs to it, for NULL is -1 */
        if (*ret_len > (size_t) (end - field))
            return NULL;
        *at = field + *ret_len;
        return field;
    }
    if (field > end)
        return NULL;
    const char *tab = memchr(field, '\t', (size_t) (end - field));
    *ret_len = (size_t) ((tab != NULL ? tab : end) - field);
    *at = field + *ret_len + 1;
    return field;
}

/* Key and row as digests. */
static hf_status digest_row(comparison *self, const char *row, size_t len, digest *ret_key, digest *ret_row,
                            hf_error *error)
{
    const char *at = row + (self->binary ? 2 : 0), *end = row + len;
    const char *fields[KEYS_MAX];
    size_t lens[KEYS_MAX], found = 0;

    *ret_row = *ret_key = digest_of(row, len);
    if (self->key_count == 0)
        return HF_OK;
    for (size_t i = 0; found < self->key_count; i++) {
        size_t field_len = 0;
        const char *field = next_field(self, &at, end, &field_len);

        if (field == NULL)
            return malformed(error);
        for (size_t k = 0; k < self->key_count; k++)
            if (self->keys[k] == i) {
                fields[k] = field;
                lens[k] = field_len;
                found++;
            }
    }
    hf_buf_clear(&self->key);
    for (size_t k = 0; k < self->key_count; k++) {
        hf_buf_append(&self->key, fields[k], lens[k]);
        hf_buf_putc(&self->key, '\t');
    }
    HF_TRY(hf_buf_check(&self->key, "key", error));
    *ret_key = digest_of(hf_buf_text(&self->key), self->key.len);
    return HF_OK;
}

/* ---- the map ---- */

/* The slot of a key, or the empty one where it would go. */
static slot *find_slot(const comparison *self, digest key)
{
    size_t at = (size_t) key.high & (self->capacity - 1);

    while (self->slots[at].state != SLOT_EMPTY && !same(self->slots[at].key, key))
        at = (at + 1) & (self->capacity - 1);
    return &self->slots[at];
}

static hf_status make_map(comparison *self, uint64_t rows, hf_error *error)
{
    self->passes = rows / ROWS_A_PASS + 1;
    if (self->passes > PASSES_MAX)
        return hf_fail(error, HF_E_LIMIT, "%llu rows are too many to be told apart",
                       (unsigned long long) rows);
    self->capacity = 1024;
    while (self->capacity < 2 * (rows / self->passes))
        self->capacity *= 2;
    self->slots = hf_alloc(self->capacity * sizeof(*self->slots));
    return HF_OK;
}

static hf_status tell(const comparison *self, hf_row_change change, const char *row, size_t len,
                      hf_error *error)
{
    const hf_rows_options *options = self->options;

    return options->on_row == NULL ? HF_OK : options->on_row(options->context, change, row, len, error);
}

static hf_status add_snapshot_row(comparison *self, const char *row, size_t len, hf_error *error)
{
    digest key, value;

    HF_TRY(digest_row(self, row, len, &key, &value, error));
    if (key.low % self->passes != self->pass)
        return HF_OK;
    slot *found = find_slot(self, key);
    if (found->state == SLOT_EMPTY && ++self->used > self->capacity / 8 * 7)
        return hf_fail(error, HF_E_LIMIT, "too many rows to be told apart");
    if (found->state == SLOT_EMPTY)
        *found = (slot){.key = key, .row = value, .state = SLOT_SNAPSHOT};
    found->left++;
    return HF_OK;
}

static hf_status look_at_database_row(void *context, const char *row, size_t len, hf_error *error)
{
    comparison *self = context;
    digest key, value;

    if (!self->binary)
        len--; /* the newline */
    HF_TRY(digest_row(self, row, len, &key, &value, error));
    if (key.low % self->passes != self->pass)
        return HF_OK;
    slot *found = find_slot(self, key);
    if (found->state == SLOT_EMPTY || found->left == 0) {
        self->changes->added++;
        return tell(self, HF_ROW_ADDED, row, len, error);
    }
    found->left--;
    if (same(found->row, value)) {
        found->state = SLOT_SAME;
        return HF_OK;
    }
    found->state = SLOT_CHANGED;
    self->changes->changed++;
    return tell(self, HF_ROW_CHANGED, row, len, error);
}

/* What the database did not show, or showed otherwise. */
static hf_status look_again(comparison *self, const char *row, size_t len, hf_error *error)
{
    digest key, value;

    HF_TRY(digest_row(self, row, len, &key, &value, error));
    if (key.low % self->passes != self->pass)
        return HF_OK;
    slot *found = find_slot(self, key);
    if (found->left > 0) {
        found->left--;
        return tell(self, HF_ROW_REMOVED, row, len, error);
    }
    return found->state == SLOT_CHANGED ? tell(self, HF_ROW_BEFORE, row, len, error) : HF_OK;
}

/* ---- both sides ---- */

typedef hf_status row_taker(comparison *self, const char *row, size_t len, hf_error *error);

static hf_status each_text_row(comparison *self, row_taker *take, hf_error *error)
{
    const char *at = self->chunk.data, *end = at + self->chunk.len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t) (end - at));

        if (newline == NULL)
            return malformed(error);
        HF_TRY(take(self, at, (size_t) (newline - at), error));
        at = newline + 1;
    }
    return HF_OK;
}

static hf_status each_binary_row(comparison *self, row_taker *take, hf_error *error)
{
    const char *at = self->chunk.data + HF_COPY_BINARY_HEADER, *end = self->chunk.data + self->chunk.len;

    if (self->chunk.len < HF_COPY_BINARY_HEADER + HF_COPY_BINARY_TRAILER)
        return malformed(error);
    for (end -= HF_COPY_BINARY_TRAILER; at < end;) {
        const char *row = at;
        const uint32_t count = end - at < 2 ? UINT32_MAX : big_endian(at, 2);

        if (count > INT16_MAX)
            return malformed(error);
        at += 2;
        for (uint32_t i = 0; i < count; i++) {
            size_t len;

            if (next_field(self, &at, end, &len) == NULL)
                return malformed(error);
        }
        HF_TRY(take(self, row, (size_t) (at - row), error));
    }
    return HF_OK;
}

/* The snapshot's rows of the ranges that differ. */
static hf_status each_snapshot_row(comparison *self, row_taker *take, hf_error *error)
{
    const hf_table *table = self->options->table;

    for (size_t i = 0; i < self->ranges.count; i++)
        for (size_t n = 0; self->ranges.items[i].differs && n < self->ranges.items[i].chunks; n++) {
            const hf_chunk *chunk = &table->chunks.items[self->ranges.items[i].chunk + n];

            HF_TRY(hf_stop_check(error));
            HF_TRY(hf_repository_get_object(self->options->repository, self->zstd, &chunk->object,
                                            &self->chunk, error));
            HF_TRY(self->binary ? each_binary_row(self, take, error) : each_text_row(self, take, error));
        }
    return HF_OK;
}

static hf_status copy_range(const comparison *self, const range *of,
                            hf_status (*take)(void *context, const char *row, size_t len, hf_error *error),
                            void *context, hf_error *error)
{
    const hf_table *table = self->options->table;
    HF_AUTO_BUF sql = HF_BUF_MAX(SQL_MAX);

    hf_pg_sql_copy_out(&sql, table->schema, table->name, &table->columns, table->condition, table->format,
                       of->first, of->end);
    HF_TRY(hf_buf_check(&sql, "query", error));
    return hf_pg_copy_out(self->options->pg, hf_buf_text(&sql), take, context, error);
}

static void plan_ranges(comparison *self)
{
    const hf_table *table = self->options->table;
    uint32_t end = 0;

    for (size_t i = 0; i < table->chunks.count; i++) {
        const hf_chunk *chunk = &table->chunks.items[i];
        range *last = self->ranges.count > 0 ? &self->ranges.items[self->ranges.count - 1] : NULL;

        if (last == NULL || last->first != chunk->first_page || last->end != chunk->end_page) {
            if (chunk->first_page > end) /* no row was there, so no chunk is; one may have come */
                *HF_APPEND_NEW(&self->ranges) = (range){.first = end, .end = chunk->first_page};
            last = HF_APPEND_NEW(&self->ranges);
            *last = (range){.first = chunk->first_page, .end = chunk->end_page, .chunk = i};
        }
        last->chunks++;
        end = chunk->end_page;
    }
    if (table->chunks.count == 0 || end != 0) { /* what has grown since; there is no row in no chunk */
        range *rest = HF_APPEND_NEW(&self->ranges);

        *rest = (range){.first = end, .end = end != 0 ? UINT32_MAX : 0};
    }
}

typedef struct range_sum {
    hf_row_digest sum;
    bool binary;
} range_sum;

static hf_status add_to_sum(void *context, const char *row, size_t len, hf_error *error)
{
    range_sum *self = context;

    (void) error;
    hf_row_digest_add(&self->sum, row, self->binary ? len : len - 1);
    return HF_OK;
}

/* *ret_rows: of the snapshot, in the ranges that differ. */
static hf_status find_different_ranges(comparison *self, uint64_t *ret_rows, hf_error *error)
{
    const hf_table *table = self->options->table;

    for (size_t i = 0; i < self->ranges.count; i++) {
        range *of = &self->ranges.items[i];
        hf_row_digest expected = {0};
        range_sum seen = {.binary = self->binary};

        for (size_t n = 0; n < of->chunks; n++)
            hf_row_digest_merge(&expected, &table->chunks.items[of->chunk + n].digest);
        if (self->ranges.count > 1 && of->chunks > 0)
            HF_TRY(copy_range(self, of, add_to_sum, &seen, error));
        of->differs =
            self->ranges.count == 1 || of->chunks == 0 || !hf_row_digest_equal(&seen.sum, &expected);
        *ret_rows += of->differs ? expected.rows : 0;
    }
    return HF_OK;
}

static hf_status compare_pass(comparison *self, hf_error *error)
{
    memset(self->slots, 0, self->capacity * sizeof(*self->slots));
    self->used = 0;
    HF_TRY(each_snapshot_row(self, add_snapshot_row, error));
    for (size_t i = 0; i < self->ranges.count; i++)
        if (self->ranges.items[i].differs)
            HF_TRY(copy_range(self, &self->ranges.items[i], look_at_database_row, self, error));
    for (size_t i = 0; i < self->capacity; i++)
        self->changes->removed += self->slots[i].left;
    return self->options->on_row != NULL ? each_snapshot_row(self, look_again, error) : HF_OK;
}

hf_status hf_rows_key(hf_pg *pg, const hf_table *table, hf_strings *ret_columns, hf_error *error)
{
    HF_AUTO_BUF name = HF_BUF_MAX(1024);
    HF_AUTO_ROWS rows = NULL;

    hf_sql_qualified(&name, table->schema, table->name);
    const char *params[] = {hf_buf_text(&name)};
    HF_TRY(hf_pg_query(pg, hf_sql_rows_key, 1, params, &rows, error));
    for (size_t i = 0; i < hf_rows_count(rows); i++)
        if (!hf_strings_has(&table->columns, hf_rows_get(rows, i, 0)))
            return HF_OK; /* a generated column: its values are not stored */
    for (size_t i = 0; i < hf_rows_count(rows) && hf_rows_count(rows) <= KEYS_MAX; i++)
        hf_strings_add(ret_columns, hf_rows_get(rows, i, 0));
    return HF_OK;
}

static hf_status compare(comparison *self, hf_error *error)
{
    const hf_table *table = self->options->table;
    HF_AUTO(hf_strings_done) hf_strings key = {0};
    uint64_t rows = 0;

    HF_TRY(hf_rows_key(self->options->pg, table, &key, error));
    for (size_t k = 0; k < key.count; k++)
        for (size_t i = 0; i < table->columns.count; i++)
            if (hf_streq(table->columns.items[i], key.items[k]))
                self->keys[self->key_count++] = i;
    self->changes->has_key = key.count > 0;
    plan_ranges(self);
    HF_TRY(find_different_ranges(self, &rows, error));
    HF_TRY(make_map(self, rows, error));
    for (; self->pass < self->passes; self->pass++)
        HF_TRY(compare_pass(self, error));
    return HF_OK;
}

hf_status hf_rows_compare(const hf_rows_options *options, hf_row_changes *ret_changes, hf_error *error)
{
    HF_AUTO(comparison_done)
    comparison self = {.options = options,
                       .changes = ret_changes,
                       .binary = hf_streq(options->table->format, "binary"),
                       .key = HF_BUF_MAX(HF_OBJECT_RAW_MAX),
                       .zstd = hf_zstd_new(),
                       .chunk = HF_BUF_MAX(HF_OBJECT_RAW_MAX)};

    *ret_changes = (hf_row_changes){0};
    if (compare(&self, error) == HF_OK)
        return HF_OK;
    HF_AUTO_STR shown = hf_pg_table_shown(options->table->schema, options->table->name);
    return hf_prefix(error, "comparing the rows of table %s", shown);
}
