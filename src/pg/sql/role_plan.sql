-- The roles of $1 (a JSON array of names) and those that they are members of, directly or not, as CREATE ROLE would need
-- them; never a password.  The server's own (pg_...) need not be made.
WITH RECURSIVE needed AS (
    SELECT r.oid FROM pg_catalog.pg_roles r
      JOIN pg_catalog.json_array_elements_text($1::json) AS wanted (name) ON wanted.name = r.rolname
     UNION
    SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN needed ON needed.oid = m.member)
SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolinherit AS inherit, r.rolcreaterole AS create_role,
       r.rolcreatedb AS create_database, r.rolcanlogin AS login, r.rolreplication AS replication,
       r.rolbypassrls AS bypass_rls, r.rolconnlimit AS connection_limit, r.rolvaliduntil::text AS valid_until,
       pg_catalog.array_to_json(r.rolconfig)::text AS settings
  FROM pg_catalog.pg_roles r
  JOIN needed ON needed.oid = r.oid
 WHERE r.rolname NOT LIKE 'pg\_%'
 ORDER BY 1
