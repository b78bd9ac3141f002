-- Sequences that give a column its values, by ownership (serial, identity) or by its default.
SELECT DISTINCT s.nspname AS schema, c.relname AS name, ts.nspname AS table_schema, t.relname AS table_name,
       a.attname AS column_name, q.seqincrement AS step, q.seqmin AS lowest, q.seqmax AS highest
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
JOIN (SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS attribute
      FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
      UNION
      SELECT d.refobjid, f.adrelid, f.adnum
      FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
      WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) u ON u.sequence = c.oid
JOIN pg_catalog.pg_class t ON t.oid = u.relation AND t.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace ts ON ts.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.attribute AND NOT a.attisdropped
WHERE c.relkind = 'S' AND NOT q.seqcycle
  AND a.atttypid IN ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype,
                     'pg_catalog.int8'::pg_catalog.regtype, 'pg_catalog.numeric'::pg_catalog.regtype)
ORDER BY 3, 4, 5
