-- The tables whose rows a snapshot holds: ordinary tables and partition leaves outside the system's own, and of the
-- extensions' own those that an extension calls configuration, with its condition.  Columns in COPY order, without
-- generated ones; those of a child by name, as a restored one may have them in another order.  The size is asked for only where $1 is true, as that waits for a table's lock.
SELECT c.oid,
       n.nspname AS schema,
       c.relname AS name,
       pg_catalog.pg_relation_filenode(c.oid) AS relfilenode,
       c.relkind AS relkind,
       c.relpersistence AS persistence,
       CASE WHEN $1::bool THEN pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint END
           AS pages,
       -- null for a table that is gone by now, which the LOCK finds out
       COALESCE(pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'), true)
           AS readable,
       c.relrowsecurity AND (c.relforcerowsecurity OR NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'))
           AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
           AS rows_hidden,
       (SELECT pg_catalog.json_agg(a.attname ORDER BY CASE WHEN inheriting.a_child THEN a.attname END, a.attnum)
          FROM pg_catalog.pg_attribute a
         CROSS JOIN (SELECT NOT c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)) AS inheriting (a_child)
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       binary_form.suits AS binary_suits,
       configuration.condition AS condition,
       through.schema AS root_schema,
       through.name AS root_name
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT e.extconfig[i] AS oid, COALESCE(e.extcondition[i], '') AS condition
               FROM pg_catalog.pg_extension e
              CROSS JOIN LATERAL pg_catalog.generate_subscripts(e.extconfig, 1) AS i) AS configuration
    ON configuration.oid = c.oid
 -- COPY's binary form suits a table if each column's type has one that is the same in every database and version
 -- (nothing in it refers to the catalogs), and it pays if one of them is slow to write or read as text.
 CROSS JOIN LATERAL (
       SELECT COALESCE(pg_catalog.bool_and(x.oid = ANY (stable.types) OR t.typtype = 'e')
                           AND pg_catalog.bool_or(x.oid = ANY (slow.types)), false) AS suits
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        CROSS JOIN LATERAL (SELECT CASE WHEN t.typcategory = 'A' AND t.oid < 16384 THEN t.typelem
                                        WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS oid) AS x
        CROSS JOIN (SELECT '{bool, int2, int4, int8, oid, text, varchar, bpchar, json, jsonb, inet, cidr, macaddr, bit, varbit, money, bytea, uuid, numeric, float4, float8, date, time, timetz, timestamp, timestamptz, interval}'::pg_catalog.regtype[]::pg_catalog.oid[] AS types) AS stable
        CROSS JOIN (SELECT '{bytea, uuid, numeric, float4, float8, date, time, timestamp, timestamptz, interval}'::pg_catalog.regtype[]::pg_catalog.oid[] AS types) AS slow
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS binary_form
  -- Which partition takes a row depends on the server where a hash is of an enum's OID, or by the rules of a collation.
  LEFT JOIN LATERAL (
       SELECT rn.nspname AS schema, r.relname AS name
         FROM pg_catalog.pg_class r
         JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
        WHERE r.oid = pg_catalog.pg_partition_root(c.oid)
          AND EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) AS above (oid)
                        JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = above.oid AND p.partstrat = 'h'
                       WHERE EXISTS (SELECT FROM pg_catalog.pg_opclass o
                                      WHERE o.oid = ANY (p.partclass) AND o.opcname = 'enum_ops')
                          OR EXISTS (SELECT FROM pg_catalog.pg_collation k
                                      WHERE k.oid = ANY (p.partcollation) AND NOT k.collisdeterministic))) AS through
    ON c.relispartition
 WHERE c.relkind = 'r'
   AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema'
   AND n.nspname NOT LIKE 'pg\_%'
   AND (configuration.oid IS NOT NULL
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                          AND d.objsubid = 0 AND d.deptype = 'e'))
 ORDER BY 2, 3
