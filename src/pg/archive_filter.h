/*
 * Leaving relations out of a schema archive by pattern.
 *
 *   include       only these tables, views, materialized views and foreign tables; sequences that belong to no table stay
 *   exclude       not these, nor sequences of such a name
 *   exclude_data  the definition, but no rows
 *
 * A partition goes with the table above it, whichever way that goes.  With a relation goes what belongs to it: indexes, constraints,
 * triggers, policies, its sequences, grants and comments.  What belongs to something else but needs it (a foreign key of a kept table, a
 * view, a function) is left out too, and named.  A kept table that cannot be made without it is an error: its rows would
 * be lost.  What is no relation stays (functions, types, schemas), as far as it needs nothing that is left out.
 *
 * A foreign key to a table whose rows are not all there becomes NOT VALID, so that it can be restored, and is enforced from
 * then on; on a partitioned table, which cannot have that, it is left out and named.
 */
#ifndef HF_PG_ARCHIVE_FILTER_H
#define HF_PG_ARCHIVE_FILTER_H

#include "pg/archive.h"

typedef struct hf_filter {
    const hf_strings *include, *exclude, *exclude_data; /* NULL: none */
} hf_filter;

bool hf_filter_is_empty(const hf_filter *filter);

/* HF_E_USAGE names the first pattern that is none. */
HF_MUST_CHECK hf_status hf_filter_check(const hf_filter *filter, hf_error *error);

typedef struct hf_filtered_object {
    char *kind;
    char *schema; /* NULL: none */
    char *name;
    char *why; /* NULL: by a pattern */
} hf_filtered_object;

typedef HF_VECTOR(hf_filtered_object) hf_filtered_objects;

typedef struct hf_filtered {
    hf_filtered_objects left_out;     /* relations by pattern or with their table, and what is named */
    hf_filtered_objects without_data; /* kept, but without rows */
    hf_strings unmatched;             /* patterns that fit nothing */
} hf_filtered;
void hf_filtered_done(hf_filtered *filtered);

/* A relation, as pg_dump and the catalogs name them. */
typedef struct hf_filter_name {
    const char *schema, *name;
} hf_filter_name;

/*
 * Take entries out of the archive.  `members` are tables that have no entry (of extensions), for which patterns hold too.  HF_E_REFUSED: a kept
 * table needs what is left out.  ret_filtered is zeroed by the caller and freed by it in every case.
 */
HF_MUST_CHECK hf_status hf_archive_filter(hf_archive *archive, const hf_filter *filter,
                                          const hf_filter_name *members, size_t member_count,
                                          hf_filtered *ret_filtered, hf_error *error);

/*
 * Loosen the foreign keys to tables whose rows are not all there.  `empty` tells of each whether it has none at all: its own keys hold then.
 * Notes ("foreign key ...") are added to `ret_notes`, which may be NULL.
 */
void hf_archive_loosen_keys(hf_archive *archive, const hf_filter_name *incomplete, const bool *empty,
                            size_t count, hf_strings *ret_notes);

/* Is it a relation to which patterns apply? */
bool hf_entry_is_relation(const hf_entry *entry);

#endif
