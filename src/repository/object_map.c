#include "repository/object_map.h"

#include <stdlib.h>
#include <string.h>

static void add(hf_object_map *map, const hf_object_ref *object, const hf_table *table, size_t chunk)
{
    HF_PUSH(map, ((hf_mapped_object){.from = *object, .to = *object, .table = table, .chunk = chunk}));
}

static void add_table(hf_object_map *map, const hf_table *table)
{
    for (size_t i = 0; i < table->chunks.count; i++)
        add(map, &table->chunks.items[i].object, table, i);
}

/* By name, then by position. */
static int compare(const void *a, const void *b, void *items_)
{
    const hf_mapped_object *items = items_;
    size_t left = *(const size_t *) a, right = *(const size_t *) b;
    int order = strcmp(items[left].from.name, items[right].from.name);

    return order != 0 ? order : (left > right) - (left < right);
}

static void sort(hf_object_map *map)
{
    map->by_name = hf_realloc_array(map->by_name, map->count, sizeof(*map->by_name));
    for (size_t i = 0; i < map->count; i++)
        map->by_name[i] = i;
    qsort_r(map->by_name, map->count, sizeof(*map->by_name), compare, map->items);
}

/* Keep the first of each name. */
static hf_status make_distinct(hf_object_map *map, hf_error *error)
{
    size_t kept = 0;
    bool *again = hf_alloc(map->count);
    hf_status status = HF_OK;

    sort(map);
    for (size_t i = 1; i < map->count && status == HF_OK; i++) {
        const hf_object_ref *before = &map->items[map->by_name[i - 1]].from;
        const hf_object_ref *object = &map->items[map->by_name[i]].from;

        again[map->by_name[i]] = strcmp(before->name, object->name) == 0;
        if (again[map->by_name[i]] && before->raw_bytes != object->raw_bytes)
            status =
                hf_fail(error, HF_E_CORRUPT, "the manifest tells two sizes of object \"%s\"", object->name);
    }
    for (size_t i = 0; i < map->count; i++)
        if (!again[i])
            map->items[kept++] = map->items[i];
    free(again);
    map->count = kept;
    sort(map);
    return status;
}

hf_status hf_object_map_make(const hf_manifest *manifest, hf_object_map *ret_map, hf_error *error)
{
    HF_AUTO(hf_object_map_done) hf_object_map map = {0};

    add(&map, &manifest->schema, NULL, 0);
    for (size_t i = 0; i < manifest->tables.count; i++)
        add_table(&map, &manifest->tables.items[i]);
    add_table(&map, &manifest->large_objects.objects);
    add_table(&map, &manifest->large_objects.pieces);
    HF_TRY(make_distinct(&map, error));
    *ret_map = map;
    map = (hf_object_map){0};
    return HF_OK;
}

void hf_object_map_done(hf_object_map *map)
{
    free(map->items);
    free(map->by_name);
    *map = (hf_object_map){0};
}

const hf_mapped_object *hf_object_map_find(const hf_object_map *map, const char *name)
{
    size_t low = 0, high = map->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const hf_mapped_object *item = &map->items[map->by_name[middle]];
        int order = strcmp(item->from.name, name);

        if (order == 0)
            return item;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void apply_to_table(const hf_object_map *map, hf_table *table)
{
    table->stored_bytes = 0;
    for (size_t i = 0; i < table->chunks.count; i++) {
        hf_object_ref *object = &table->chunks.items[i].object;
        const hf_mapped_object *item = hf_object_map_find(map, object->name);

        if (item != NULL)
            *object = item->to;
        table->stored_bytes += object->stored_bytes;
    }
}

void hf_object_map_apply(const hf_object_map *map, hf_manifest *manifest)
{
    const hf_mapped_object *schema = hf_object_map_find(map, manifest->schema.name);

    if (schema != NULL)
        manifest->schema = schema->to;
    for (size_t i = 0; i < manifest->tables.count; i++)
        apply_to_table(map, &manifest->tables.items[i]);
    apply_to_table(map, &manifest->large_objects.objects);
    apply_to_table(map, &manifest->large_objects.pieces);
}
