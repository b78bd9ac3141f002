-- Roles that objects of this database name: as owner, in an ACL, in a policy, in default privileges.
SELECT DISTINCT r.rolname AS name
  FROM pg_catalog.pg_shdepend d
  JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
 WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
   AND (d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
        OR d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass
           AND d.objid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
   AND r.rolname NOT LIKE 'pg\_%'
 ORDER BY 1
