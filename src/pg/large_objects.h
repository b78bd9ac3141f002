/*
 * Large objects as two tables in COPY's text form: one row an object (oid, owner, acl, comment), and one row a piece of its
 * data (oid, position, bytes).
 *
 * pg_largeobject is for superusers only, so data are read by functions that ask for SELECT on the object alone.  Ranges of
 * OIDs are the unit of work; where one ends depends on the OIDs in it and not on their number, so that a new object changes
 * one range and leaves the text of the others as it was.
 */
#ifndef HF_PG_LARGE_OBJECTS_H
#define HF_PG_LARGE_OBJECTS_H

#include "base/buffer.h"
#include "pg/connection.h"

#define HF_PG_LARGE_OBJECT_PIECE (256u << 10) /* bytes; a multiple of those that its pages have */

typedef struct hf_pg_oid_range {
    uint32_t first, end; /* [first, end); UINT32_MAX: no end */
} hf_pg_oid_range;

typedef HF_VECTOR(hf_pg_oid_range) hf_pg_oid_ranges;
void hf_pg_oid_ranges_done(hf_pg_oid_ranges *ranges);

/* Ranges that cover all large objects; none if there are none. */
HF_MUST_CHECK hf_status hf_pg_list_large_objects(hf_pg *pg, hf_pg_oid_ranges *ret_ranges, hf_error *error);

/* Append the COPY ... TO STDOUT of all objects, and of the data of those in a range. */
void hf_pg_sql_large_objects(hf_buf *sql);
void hf_pg_sql_large_object_pieces(hf_buf *sql, hf_pg_oid_range range);

#endif
