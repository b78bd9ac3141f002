-- Sequences outside the system's own; of the extensions' own those that an extension calls configuration.
-- Their values are read in a second step; a standby has none of unlogged ones.
SELECT n.nspname AS schema, c.relname AS name,
       COALESCE(pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), true) AS readable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S'
   AND c.relpersistence <> 't'
   AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
   AND n.nspname <> 'information_schema'
   AND n.nspname NOT LIKE 'pg\_%'
   AND (c.oid IN (SELECT pg_catalog.unnest(e.extconfig) FROM pg_catalog.pg_extension e)
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND d.objsubid = 0 AND d.deptype = 'e'))
 ORDER BY 1, 2
