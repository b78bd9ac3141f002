-- How long the longest chain of foreign keys from the table $1 is: whoever has less comes first.
WITH RECURSIVE up (oid, depth, path) AS (
    SELECT t.oid, 0, ARRAY[t.oid] FROM (SELECT $1::pg_catalog.regclass::pg_catalog.oid AS oid) t
    UNION ALL
    SELECT c.confrelid, up.depth + 1, up.path || c.confrelid
      FROM up
      JOIN pg_catalog.pg_constraint c ON c.conrelid = up.oid AND c.contype = 'f' AND c.confrelid <> ALL (up.path)
     WHERE up.depth < 12)
SELECT pg_catalog.max(depth) FROM up
