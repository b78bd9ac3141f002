#include "pg/large_objects.h"

#include <stdlib.h>

#include "base/text.h"

#define RANGE_OBJECTS 2048u /* at most */
#define RANGE_MASK 0xffu    /* a range ends, on average, after so many objects */

void hf_pg_oid_ranges_done(hf_pg_oid_ranges *ranges)
{
    free(ranges->items);
    *ranges = (hf_pg_oid_ranges){0};
}

/* Spreads neighbours; only the same on every run matters. */
static bool is_last_of_range(uint32_t oid)
{
    return ((oid * 2654435761u) >> 16 & RANGE_MASK) == 0;
}

hf_status hf_pg_list_large_objects(hf_pg *pg, hf_pg_oid_ranges *ret_ranges, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;
    HF_AUTO(hf_pg_oid_ranges_done) hf_pg_oid_ranges ranges = {0};
    uint32_t objects = 0;

    HF_TRY(hf_pg_query(pg, "SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid", 0, NULL, &rows,
                       error));
    for (size_t i = 0; i < hf_rows_count(rows); i++) {
        uint32_t oid = (uint32_t) strtoul(hf_rows_get(rows, i, 0), NULL, 10);

        if (objects == 0)
            HF_PUSH(&ranges, ((hf_pg_oid_range){.first = oid}));
        ranges.items[ranges.count - 1].end = oid < UINT32_MAX ? oid + 1 : oid;
        objects++;
        if (objects == RANGE_OBJECTS || is_last_of_range(oid))
            objects = 0;
    }
    *ret_ranges = ranges;
    ranges = (hf_pg_oid_ranges){0};
    return HF_OK;
}

void hf_pg_sql_large_objects(hf_buf *sql)
{
    hf_buf_puts(sql, "COPY (SELECT oid, pg_catalog.pg_get_userbyid(lomowner), lomacl::pg_catalog.text, "
                     "pg_catalog.obj_description(oid, 'pg_largeobject') "
                     "FROM pg_catalog.pg_largeobject_metadata ORDER BY oid) TO STDOUT");
}

/* The size is where seeking to the end leads; 262144 is INV_READ. */
void hf_pg_sql_large_object_pieces(hf_buf *sql, hf_pg_oid_range range)
{
    hf_buf_printf(sql,
                  "COPY (WITH opened AS MATERIALIZED (SELECT oid, pg_catalog.lo_open(oid, 262144) AS fd "
                  "FROM pg_catalog.pg_largeobject_metadata WHERE oid >= '%u'",
                  range.first);
    if (range.end < UINT32_MAX)
        hf_buf_printf(sql, " AND oid < '%u'", range.end);
    hf_buf_printf(
        sql,
        " ORDER BY oid), "
        "measured AS MATERIALIZED (SELECT oid, fd, pg_catalog.lo_lseek64(fd, 0, 2) AS size FROM opened), "
        "closed AS MATERIALIZED (SELECT oid, size, pg_catalog.lo_close(fd) AS result FROM measured) "
        "SELECT oid, position, pg_catalog.lo_get(oid, position, %u) FROM closed "
        "CROSS JOIN LATERAL pg_catalog.generate_series(0, size - 1, %u) AS pieces (position) "
        "WHERE result = 0) TO STDOUT",
        HF_PG_LARGE_OBJECT_PIECE, HF_PG_LARGE_OBJECT_PIECE);
}
