-- {OID: {relation, node, bytes}} of the tables and materialized views: a rewrite gives a table another file.
SELECT pg_catalog.json_object_agg(c.oid::text, pg_catalog.json_build_object('relation', c.oid::pg_catalog.regclass::text,
           'node', pg_catalog.pg_relation_filenode(c.oid), 'bytes', pg_catalog.pg_table_size(c.oid)))
  FROM pg_catalog.pg_class c
 WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384
