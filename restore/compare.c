#include "restore/compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pg/catalog.h"
#include "pg/connection.h"
#include "pg/pg_dump.h"
#include "stream/digest.h"

typedef struct keyed_entry {
    char *key;
    char digest[HF_SHA256_HEX];
    const hf_entry *entry;
} keyed_entry;

typedef struct keyed_entries {
    keyed_entry *items;
    size_t count;
} keyed_entries;

static int by_key(const void *left, const void *right)
{
    const keyed_entry *a = left, *b = right;
    int order = strcmp(a->key, b->key);

    return order != 0 ? order : strcmp(a->digest, b->digest);
}

static keyed_entries keyed(const hf_archive *archive)
{
    keyed_entries list = {.items = hf_alloc((archive->entries.count + 1) * sizeof(*list.items))};

    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];

        if (!hf_entry_is_schema(entry))
            continue;
        keyed_entry *item = &list.items[list.count++];
        /* The unit separator keeps "a", "bc" apart from "ab", "c". */
        item->key =
            hf_format("%s\x1f%s\x1f%s", entry->schema == NULL ? "" : entry->schema, entry->tag, entry->kind);
        item->entry = entry;
        hf_entry_digest(entry, item->digest);
    }
    if (list.count > 1)
        qsort(list.items, list.count, sizeof(*list.items), by_key);
    return list;
}

static void keyed_done(keyed_entries *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].key);
    free(list->items);
}

static void add_schema(hf_schema_differences *list, hf_schema_change change, const hf_entry *entry,
                       const hf_entry *before)
{
    const hf_schema_difference item = {.change = change, .entry = entry, .before = before};

    HF_PUSH(list, item);
}

void hf_compare_schemas(const hf_archive *a, const hf_archive *b, hf_schema_differences *ret_list)
{
    HF_AUTO(keyed_done) keyed_entries left = keyed(a);
    HF_AUTO(keyed_done) keyed_entries right = keyed(b);
    size_t i = 0, j = 0;

    while (i < left.count || j < right.count) {
        int order = i == left.count    ? 1
                    : j == right.count ? -1
                                       : strcmp(left.items[i].key, right.items[j].key);

        if (order < 0) {
            add_schema(ret_list, HF_SCHEMA_REMOVED, left.items[i++].entry, NULL);
        } else if (order > 0) {
            add_schema(ret_list, HF_SCHEMA_ADDED, right.items[j++].entry, NULL);
        } else {
            if (!hf_streq(left.items[i].digest, right.items[j].digest))
                add_schema(ret_list, HF_SCHEMA_CHANGED, right.items[j].entry, left.items[i].entry);
            i++;
            j++;
        }
    }
}

static bool same_columns(const hf_table *a, const hf_table *b)
{
    if (a->columns.count != b->columns.count)
        return false;
    for (size_t i = 0; i < a->columns.count; i++)
        if (!hf_streq(a->columns.items[i], b->columns.items[i]))
            return false;
    return true;
}

static void add_table(hf_difference_list *list, const hf_table *table, hf_difference_kind kind,
                      const char *why)
{
    hf_difference *item = HF_APPEND_NEW(list);

    item->schema = hf_strdup(table->schema);
    item->table = hf_strdup(table->name);
    item->kind = kind;
    item->why = hf_strdup(why);
    if (kind == HF_TABLE_EXTRA)
        item->rows_seen = table->total.rows;
    else
        item->rows_expected = table->total.rows;
}

/* In the words for two snapshots. */
static void say_rows(hf_difference *item, bool same_format)
{
    char expected[32], seen[32];

    free(item->why);
    if (item->rows_expected == item->rows_seen && !same_format)
        item->why = hf_format("%s rows in both; their content cannot be compared, as one snapshot holds text "
                              "and the other COPY's binary form",
                              hf_show_count(item->rows_seen, seen));
    else if (item->rows_expected == item->rows_seen)
        item->why = hf_format("%s rows in both, with other content", hf_show_count(item->rows_seen, seen));
    else
        item->why = hf_format("%s rows, then %s", hf_show_count(item->rows_expected, expected),
                              hf_show_count(item->rows_seen, seen));
}

/* Of tables that both have, with the same columns and their rows. */
static void compare_rows(const hf_table *a, const hf_table *b, hf_difference_list *list)
{
    size_t before = list->count;

    hf_verify_compare(a, &b->total, list);
    if (list->count > before)
        say_rows(&list->items[before], hf_streq(a->format, b->format));
}

static bool same_root(const hf_table *a, const hf_table *b)
{
    return a->root_name != NULL && b->root_name != NULL && hf_streq(a->root_name, b->root_name) &&
           hf_streq(a->root_schema, b->root_schema);
}

/* All partitions of the first one's root, as if they were one table.  false: not all of them have rows. */
static bool sum_of_root(const hf_manifest *manifest, const hf_table *first, hf_table *ret_root)
{
    bool all = true;

    *ret_root = (hf_table){.schema = first->root_schema, .name = first->root_name, .format = first->format};
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];

        if (!same_root(table, first))
            continue;
        all = all && !table->data_excluded;
        hf_row_digest_merge(&ret_root->total, &table->total);
        if (!hf_streq(table->format, ret_root->format))
            ret_root->format = (char *) "both";
    }
    return all;
}

/* Which partition takes a row may differ from server to server, so only the sum counts; once for each root. */
static void compare_partitions(const hf_manifest *a, size_t number, const hf_manifest *b,
                               hf_difference_list *list)
{
    const hf_table *first = &a->tables.items[number];
    hf_table sum_a, sum_b;

    for (size_t i = 0; i < number; i++)
        if (same_root(&a->tables.items[i], first))
            return;
    bool both = sum_of_root(a, first, &sum_a);
    if (sum_of_root(b, first, &sum_b) && both)
        compare_rows(&sum_a, &sum_b, list);
}

void hf_compare_tables(const hf_manifest *a, const hf_manifest *b, hf_difference_list *ret_list)
{
    for (size_t i = 0; i < a->tables.count; i++) {
        const hf_table *table = &a->tables.items[i];
        const hf_table *other = hf_manifest_find_table(b, table->schema, table->name);

        if (other == NULL) {
            add_table(ret_list, table, HF_TABLE_MISSING, "only the first snapshot has it");
        } else if (!same_columns(table, other)) {
            add_table(ret_list, table, HF_DIFFERENT_COLUMNS, "it has other columns");
            ret_list->items[ret_list->count - 1].rows_seen = other->total.rows;
        } else if (same_root(table, other)) {
            compare_partitions(a, i, b, ret_list);
        } else if (!table->data_excluded && !other->data_excluded) {
            compare_rows(table, other, ret_list);
        }
    }
    for (size_t i = 0; i < b->tables.count; i++) {
        const hf_table *table = &b->tables.items[i];

        if (hf_manifest_find_table(a, table->schema, table->name) == NULL)
            add_table(ret_list, table, HF_TABLE_EXTRA, "only the second snapshot has it");
    }
    compare_rows(&a->large_objects.objects, &b->large_objects.objects, ret_list);
    compare_rows(&a->large_objects.pieces, &b->large_objects.pieces, ret_list);
}

static const hf_sequence *find_sequence(hf_sequence_list list, const hf_sequence *like)
{
    for (size_t i = 0; i < list.count; i++)
        if (hf_streq(list.items[i].name, like->name) && hf_streq(list.items[i].schema, like->schema))
            return &list.items[i];
    return NULL;
}

void hf_compare_sequences(hf_sequence_list a, hf_sequence_list b, hf_sequence_differences *ret_list)
{
    for (size_t i = 0; i < a.count; i++) {
        const hf_sequence_difference item = {.a = &a.items[i], .b = find_sequence(b, &a.items[i])};

        if (item.b == NULL || item.a->last_value != item.b->last_value ||
            item.a->is_called != item.b->is_called)
            HF_PUSH(ret_list, item);
    }
    for (size_t i = 0; i < b.count; i++) {
        const hf_sequence_difference item = {.b = &b.items[i]};

        if (find_sequence(a, &b.items[i]) == NULL)
            HF_PUSH(ret_list, item);
    }
}

static void decref(json_t **json)
{
    json_decref(*json);
}

hf_status hf_compare_load_archive(hf_repository *repository, const hf_manifest *manifest,
                                  hf_archive **ret_archive, hf_error *error)
{
    HF_AUTO(hf_zstd_freep) hf_zstd *zstd = hf_zstd_new();
    HF_AUTO_BUF text = HF_BUF_MAX(HF_OBJECT_RAW_MAX);
    json_error_t where;

    hf_status status = hf_repository_get_object(repository, zstd, &manifest->schema, &text, error);
    if (status != HF_OK)
        return hf_prefix(error, "schema");
    HF_AUTO(decref) json_t *json = json_loadb(hf_buf_text(&text), text.len, JSON_REJECT_DUPLICATES, &where);
    if (json == NULL)
        return hf_fail(error, HF_E_CORRUPT, "the schema of snapshot \"%s\" is not JSON: %s", manifest->id,
                       where.text);
    return hf_archive_from_json(json, ret_archive, error);
}

static hf_status connect(const hf_compare_options *options, hf_pg **ret_pg, hf_error *error)
{
    return hf_pg_connect(
        &(hf_pg_options){
            .url = options->url, .database = options->database, .purpose = "compare", .exact_text = true},
        ret_pg, error);
}

static void free_items(hf_schema_differences *list)
{
    free(list->items);
}

static void free_pairs(hf_sequence_differences *list)
{
    free(list->items);
}

hf_status hf_compare_database_schema(const hf_compare_options *options, hf_proof_differences *list,
                                     hf_error *error)
{
    static const char *const whys[] = {[HF_SCHEMA_REMOVED] = "the database lacks it",
                                       [HF_SCHEMA_ADDED] = "the snapshot lacks it",
                                       [HF_SCHEMA_CHANGED] = "it is defined differently"};
    const hf_strings *configured = options->pg_dump;
    HF_AUTO(hf_pg_dump_done) hf_pg_dump dump = {0};
    HF_AUTO(hf_archive_freep) hf_archive *expected = NULL;
    HF_AUTO(hf_archive_freep) hf_archive *seen = NULL;
    HF_AUTO(free_items) hf_schema_differences found = {0};
    HF_AUTO_PG pg = NULL;
    char digest[HF_SHA256_HEX];

    HF_TRY(connect(options, &pg, error));
    HF_TRY(hf_pg_dump_find(configured != NULL && configured->count > 0 ? configured : NULL, hf_pg_version(pg),
                           &dump, error));
    HF_TRY(hf_pg_dump_schema(&dump, options->url, options->database, NULL, &seen, error));
    hf_archive_digest(seen, digest);
    if (hf_streq(digest, options->manifest->schema_digest))
        return HF_OK;

    size_t before = list->count;
    HF_TRY(hf_compare_load_archive(options->repository, options->manifest, &expected, error));
    hf_compare_schemas(expected, seen, &found);
    for (size_t i = 0; i < found.count; i++)
        hf_proof_differences_add(list, found.items[i].entry->kind, found.items[i].entry->schema,
                                 found.items[i].entry->tag, whys[found.items[i].change]);
    if (list->count == before)
        hf_proof_differences_add(list, "DATABASE", NULL, hf_pg_database(pg),
                                 "the digest of its schema is another one");
    return HF_OK;
}

static char *sequence_text(const hf_sequence *sequence)
{
    return sequence == NULL ? hf_strdup("none")
                            : hf_format("%lld%s", (long long) sequence->last_value,
                                        sequence->is_called ? "" : " (not called)");
}

hf_status hf_compare_database_sequences(const hf_compare_options *options, hf_proof_differences *list,
                                        hf_error *error)
{
    HF_AUTO(hf_pg_sequences_done) hf_pg_sequences seen = {0};
    HF_AUTO(free_pairs) hf_sequence_differences found = {0};
    HF_AUTO_PG pg = NULL;

    HF_TRY(connect(options, &pg, error));
    HF_TRY(hf_pg_list_sequences(pg, &seen, error));

    HF_AUTO(hf_freep) hf_sequence *live = hf_alloc((seen.count + 1) * sizeof(*live));
    for (size_t i = 0; i < seen.count; i++)
        live[i] = (hf_sequence){seen.items[i].schema, seen.items[i].name, seen.items[i].last_value,
                                seen.items[i].is_called};
    hf_compare_sequences(
        (hf_sequence_list){options->manifest->sequences.items, options->manifest->sequences.count},
        (hf_sequence_list){live, seen.count}, &found);
    for (size_t i = 0; i < found.count; i++) {
        const hf_sequence *named = found.items[i].a != NULL ? found.items[i].a : found.items[i].b;
        HF_AUTO_STR expected = sequence_text(found.items[i].a);
        HF_AUTO_STR has = sequence_text(found.items[i].b);
        HF_AUTO_STR why = hf_format("%s, the snapshot has %s", has, expected);

        hf_proof_differences_add(list, "SEQUENCE SET", named->schema, named->name, why);
    }
    return HF_OK;
}
