-- Statements that take default privileges back to what they are without ALTER DEFAULT PRIVILEGES, for roles that this one may act for.
WITH d AS (
    SELECT a.oid, a.defaclacl AS acl, a.defaclrole AS role, a.defaclnamespace AS namespace,
           pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s', pg_catalog.pg_get_userbyid(a.defaclrole),
               CASE WHEN n.nspname IS NOT NULL THEN pg_catalog.format(' IN SCHEMA %I', n.nspname) END) AS head,
           CASE a.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                                WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END AS kind,
           CASE a.defaclobjtype WHEN 'S' THEN 's'::"char" ELSE a.defaclobjtype END AS type
      FROM pg_catalog.pg_default_acl a LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace
     WHERE pg_catalog.pg_has_role(a.defaclrole, 'USAGE'))
SELECT statement FROM (
    SELECT DISTINCT d.oid, 1 AS step, pg_catalog.format('%s REVOKE ALL ON %s FROM %s', d.head, d.kind,
               CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END) AS statement
      FROM d CROSS JOIN LATERAL pg_catalog.aclexplode(d.acl) AS x
    UNION ALL
    SELECT d.oid, 2, pg_catalog.format('%s GRANT %s ON %s TO %s', d.head, x.privilege_type, d.kind,
               CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END)
      FROM d CROSS JOIN LATERAL pg_catalog.aclexplode(pg_catalog.acldefault(d.type, d.role)) AS x
     WHERE d.namespace = 0) AS s
 ORDER BY oid, step, statement
