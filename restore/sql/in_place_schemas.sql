-- Statements that take the privileges of the schemas that stay, and of this role, back to what they were born with: pg_dump tells only what differs.
WITH n AS (
    SELECT s.oid, s.nspname AS name, s.nspacl AS acl,
           coalesce((SELECT i.initprivs FROM pg_catalog.pg_init_privs i
                      WHERE i.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND i.objoid = s.oid AND i.objsubid = 0),
                    pg_catalog.acldefault('n', s.nspowner)) AS born
      FROM pg_catalog.pg_namespace s
     WHERE s.nspname <> 'information_schema' AND s.nspname NOT LIKE 'pg\_%' AND pg_catalog.pg_has_role(s.nspowner, 'USAGE')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = s.oid AND d.deptype = 'e'))
SELECT statement FROM (
    SELECT DISTINCT n.oid, 1 AS step, pg_catalog.format('REVOKE ALL ON SCHEMA %I FROM %s CASCADE', n.name,
               CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END) AS statement
      FROM n CROSS JOIN LATERAL pg_catalog.aclexplode(n.acl) AS x
     WHERE n.acl IS DISTINCT FROM n.born
    UNION ALL
    SELECT n.oid, 2, pg_catalog.format('GRANT %s ON SCHEMA %I TO %s', x.privilege_type, n.name,
               CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END)
      FROM n CROSS JOIN LATERAL pg_catalog.aclexplode(n.born) AS x
     WHERE n.acl IS DISTINCT FROM n.born
    UNION ALL
    SELECT n.oid, 3, pg_catalog.format('COMMENT ON SCHEMA %I IS %s', n.name,
               CASE WHEN n.name = 'public' THEN '''standard public schema''' ELSE 'NULL' END)
      FROM n
     WHERE pg_catalog.obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM CASE WHEN n.name = 'public' THEN 'standard public schema' END) AS s
 ORDER BY oid, step, statement
