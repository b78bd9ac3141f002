#include "repository/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repository/manifest_additions.h"

static void init_table(hf_table *table, const char *name, const char *const *columns)
{
    table->schema = hf_strdup("pg_catalog");
    table->name = hf_strdup(name);
    table->relkind = 'r';
    table->persistence = 'p';
    table->format = hf_strdup("text");
    for (; *columns != NULL; columns++)
        hf_strings_add(&table->columns, *columns);
}

static void init_large_objects(hf_manifest *manifest)
{
    static const char *const OBJECT[] = {"oid", "owner", "acl", "comment", NULL};
    static const char *const PIECE[] = {"oid", "position", "bytes", NULL};

    init_table(&manifest->large_objects.objects, "pg_largeobject_metadata", OBJECT);
    init_table(&manifest->large_objects.pieces, "pg_largeobject", PIECE);
}

hf_manifest *hf_manifest_new(void)
{
    hf_manifest *manifest = hf_alloc(sizeof(*manifest));

    manifest->format = 1;
    init_large_objects(manifest);
    return manifest;
}

void hf_table_done(hf_table *table)
{
    free(table->schema);
    free(table->name);
    hf_strings_done(&table->columns);
    free(table->condition);
    free(table->root_schema);
    free(table->root_name);
    free(table->format);
    free(table->chunks.items);
}

static void server_and_database_done(hf_manifest *manifest)
{
    free(manifest->server.version);
    free(manifest->server.system_identifier);

    free(manifest->database.name);
    free(manifest->database.owner);
    free(manifest->database.encoding);
    free(manifest->database.collate);
    free(manifest->database.ctype);
    free(manifest->database.locale_provider);
    free(manifest->database.icu_locale);
    free(manifest->database.icu_rules);
    free(manifest->database.collation_version);
    free(manifest->database.tablespace);
    free(manifest->database.acl);
    free(manifest->database.comment);

    for (size_t i = 0; i < manifest->database.settings.count; i++) {
        free(manifest->database.settings.items[i].role);
        free(manifest->database.settings.items[i].setting);
    }
    free(manifest->database.settings.items);

    free(manifest->visibility.lsn);
    free(manifest->visibility.xmin);
    free(manifest->visibility.xmax);
    free(manifest->visibility.xip);
}

void hf_manifest_free(hf_manifest *manifest)
{
    if (manifest == NULL)
        return;

    free(manifest->id);
    free(manifest->target);
    free(manifest->holdfast_version);
    free(manifest->label);
    free(manifest->cycle);
    free(manifest->pg_dump_version);
    free(manifest->schema_digest);
    server_and_database_done(manifest);

    for (size_t i = 0; i < manifest->tables.count; i++)
        hf_table_done(&manifest->tables.items[i]);
    free(manifest->tables.items);
    hf_table_done(&manifest->large_objects.objects);
    hf_table_done(&manifest->large_objects.pieces);

    for (size_t i = 0; i < manifest->sequences.count; i++) {
        free(manifest->sequences.items[i].schema);
        free(manifest->sequences.items[i].name);
    }
    free(manifest->sequences.items);

    for (size_t i = 0; i < manifest->populated_matviews.count; i++) {
        free(manifest->populated_matviews.items[i].schema);
        free(manifest->populated_matviews.items[i].name);
    }
    free(manifest->populated_matviews.items);

    for (size_t i = 0; i < manifest->extensions.count; i++) {
        free(manifest->extensions.items[i].name);
        free(manifest->extensions.items[i].version);
        free(manifest->extensions.items[i].schema);
    }
    free(manifest->extensions.items);

    hf_manifest_additions_done(manifest);
    hf_strings_done(&manifest->roles);
    hf_strings_done(&manifest->warnings);
    free(manifest);
}

void hf_manifest_freep(hf_manifest **manifest)
{
    hf_manifest_free(*manifest);
    *manifest = NULL;
}

uint64_t hf_manifest_rows(const hf_manifest *manifest)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < manifest->tables.count; i++)
        sum += manifest->tables.items[i].total.rows;

    return sum;
}

uint64_t hf_manifest_raw_bytes(const hf_manifest *manifest)
{
    uint64_t sum = manifest->large_objects.objects.raw_bytes + manifest->large_objects.pieces.raw_bytes;

    for (size_t i = 0; i < manifest->tables.count; i++)
        sum += manifest->tables.items[i].raw_bytes;

    return sum;
}

typedef HF_VECTOR(const hf_object_ref *) object_list;

static hf_status collect_object(void *context, const hf_object_ref *object, const char *what, hf_error *error)
{
    object_list *list = context;

    (void) what;
    (void) error;
    HF_PUSH(list, object);
    return HF_OK;
}

static int compare_objects(const void *a, const void *b)
{
    return strcmp((*(const hf_object_ref *const *) a)->name, (*(const hf_object_ref *const *) b)->name);
}

uint64_t hf_manifest_stored_bytes(const hf_manifest *manifest)
{
    object_list list = {0};
    uint64_t sum = 0;

    if (hf_manifest_each_object(manifest, collect_object, &list, NULL) != HF_OK)
        list.count = 0; /* collecting cannot fail */

    qsort(list.items, list.count, sizeof(*list.items), compare_objects);

    for (size_t i = 0; i < list.count; i++) {
        if (i == 0 || compare_objects(&list.items[i - 1], &list.items[i]) != 0)
            sum += list.items[i]->stored_bytes;
    }

    free(list.items);
    return sum;
}

const hf_table *hf_manifest_find_table(const hf_manifest *manifest, const char *schema, const char *name)
{
    for (size_t i = 0; i < manifest->tables.count; i++) {
        const hf_table *table = &manifest->tables.items[i];

        if (hf_streq(table->schema, schema) && hf_streq(table->name, name))
            return table;
    }

    return NULL;
}

typedef hf_status object_visitor(void *context, const hf_object_ref *object, const char *what,
                                 hf_error *error);

static hf_status each_chunk(const hf_table *table, const char *unit, object_visitor *each, void *context,
                            hf_error *error)
{
    /* Two identifiers of 63 bytes; longer ones come only from a server built otherwise, and are cut in the message. */
    char what[256];

    for (size_t c = 0; c < table->chunks.count; c++) {
        const hf_chunk *chunk = &table->chunks.items[c];
        int used = snprintf(what, sizeof(what), "table \"%s\".\"%s\", %s %u-%u", table->schema, table->name,
                            unit, chunk->first_page, chunk->end_page);

        if (chunk->part > 0 && used > 0 && (size_t) used < sizeof(what))
            (void) snprintf(what + used, sizeof(what) - (size_t) used, ", part %u", chunk->part);
        HF_TRY(each(context, &chunk->object, what, error));
    }
    return HF_OK;
}

hf_status hf_manifest_each_object(const hf_manifest *manifest, object_visitor *each, void *context,
                                  hf_error *error)
{
    HF_TRY(each(context, &manifest->schema, "schema archive", error));
    for (size_t t = 0; t < manifest->tables.count; t++)
        HF_TRY(each_chunk(&manifest->tables.items[t], "pages", each, context, error));
    HF_TRY(each_chunk(&manifest->large_objects.objects, "OIDs", each, context, error));
    return each_chunk(&manifest->large_objects.pieces, "OIDs", each, context, error);
}
