-- The tables whose rows a snapshot holds: ordinary tables and partition leaves outside the system's own, and of the
-- extensions' own those that an extension calls configuration, with its condition.  Columns in COPY order, without
-- generated ones.
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       pg_catalog.pg_relation_filenode(c.oid) AS relfilenode,
       c.relkind AS relkind,
       c.relpersistence AS persistence,
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint AS pages,
       pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS readable,
       c.relrowsecurity AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'))
           AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
           AS rows_hidden,
       (SELECT pg_catalog.json_agg(a.attname ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       configuration.condition AS condition
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT e.extconfig[i] AS oid, COALESCE(e.extcondition[i], '') AS condition
               FROM pg_catalog.pg_extension e
              CROSS JOIN LATERAL pg_catalog.generate_subscripts(e.extconfig, 1) AS i) AS configuration
    ON configuration.oid = c.oid
 WHERE c.relkind = 'r'
   AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema'
   AND n.nspname NOT LIKE 'pg\_%'
   AND (configuration.oid IS NOT NULL
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND d.objsubid = 0 AND d.deptype = 'e'))
 ORDER BY 2, 3
