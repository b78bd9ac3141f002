-- Roles that large objects name: as owner or in an ACL.
SELECT DISTINCT r.rolname AS name
  FROM pg_catalog.pg_shdepend d
  JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
 WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
   AND d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND d.classid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass
   AND r.rolname NOT LIKE 'pg\_%'
 ORDER BY 1
