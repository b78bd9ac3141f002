-- Security labels that pg_dump of the schema alone does not tell: of the current database (OID 0) and of large objects.
SELECT 0 AS oid, l.provider, l.label
  FROM pg_catalog.pg_shseclabel l
 WHERE l.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
   AND l.objoid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
UNION ALL
SELECT l.objoid, l.provider, l.label
  FROM pg_catalog.pg_seclabel l
 WHERE l.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass
 ORDER BY 1, 2
