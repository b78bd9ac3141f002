-- Tables that are there, and about how many rows they have; null where the server knows nothing of it.  Sorted by byte.
SELECT c.relname AS name, s.nspname AS schema, c.relkind = 'p' AS partitioned,
       CASE WHEN pg_catalog.pg_stat_get_live_tuples(c.oid) > 0 THEN pg_catalog.pg_stat_get_live_tuples(c.oid)
            WHEN c.reltuples > 0 THEN c.reltuples::pg_catalog.int8 END AS rows
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND s.nspname <> 'pg_catalog'
ORDER BY 1, 2
