-- Relations, what else may change with their rows (by number in this list), and the functions that somebody may have written.
WITH r AS (
    SELECT c.oid, n.nspname, c.relname,
           EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
             OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type <> '1') AS is_active
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'),
e (source, target) AS (
    SELECT confrelid, conrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'
    UNION SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits
    UNION SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits
    UNION SELECT w.ev_class, d.refobjid
            FROM pg_catalog.pg_rewrite w
            JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
             AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> w.ev_class)
SELECT r.nspname AS schema, r.relname AS name, r.is_active AS is_active, r.oid AS oid,
       (SELECT pg_catalog.string_agg(e.target::text, ',') FROM e WHERE e.source = r.oid) AS targets
  FROM r
UNION ALL
SELECT NULL, p.proname, false, NULL, NULL
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND p.provolatile = 'v'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
