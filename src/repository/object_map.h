/*
 * The distinct objects of a manifest, and what each becomes in another repository.
 *
 * An object's name and stored size are a repository's own affair: what moves between repositories is the content.  So a
 * snapshot is moved by making a map of its manifest, filling in `to` for each object, and applying the map:
 *
 *     HF_AUTO(hf_object_map_done) hf_object_map map = {0};
 *     HF_TRY(hf_object_map_make(manifest, &map, error));
 *     for (size_t i = 0; i < map.count; i++)
 *         ... map.items[i].from -> map.items[i].to
 *     hf_object_map_apply(&map, manifest);
 */
#ifndef HF_REPOSITORY_OBJECT_MAP_H
#define HF_REPOSITORY_OBJECT_MAP_H

#include "repository/manifest.h"

typedef struct hf_mapped_object {
    hf_object_ref from;
    hf_object_ref to;      /* at first the same */
    const hf_table *table; /* which names it first; NULL: it is the schema archive; borrowed */
    size_t chunk;          /* of that table */
} hf_mapped_object;

typedef struct hf_object_map {
    hf_mapped_object *items; /* in the order in which the manifest names them first */
    size_t count, capacity;
    size_t *by_name; /* positions in items */
} hf_object_map;

/* HF_E_CORRUPT if the manifest names one object with two sizes.  The manifest must outlive the map. */
HF_MUST_CHECK hf_status hf_object_map_make(const hf_manifest *manifest, hf_object_map *ret_map,
                                           hf_error *error);
void hf_object_map_done(hf_object_map *map);

/* The one that is called so in `from`, borrowed; NULL if there is none. */
const hf_mapped_object *hf_object_map_find(const hf_object_map *map, const char *name);

/* Replace each object of the manifest that the map was made of, and add up the tables' stored bytes anew. */
void hf_object_map_apply(const hf_object_map *map, hf_manifest *manifest);

#endif
