-- Who is a member of what: for the roles of $1 (a JSON array of names) as members, and as what others are members of.
-- Before version 16 a membership is inherited as its member says; from then on as each grant does.
SELECT r.rolname AS role, u.rolname AS member, pg_catalog.bool_or(m.admin_option) AS admin,
       pg_catalog.bool_or(COALESCE((pg_catalog.to_jsonb(m) ->> 'inherit_option')::bool, u.rolinherit)) AS inherit,
       pg_catalog.bool_or(COALESCE((pg_catalog.to_jsonb(m) ->> 'set_option')::bool, true)) AS set
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
  JOIN pg_catalog.pg_roles u ON u.oid = m.member
 WHERE u.rolname NOT LIKE 'pg\_%'
   AND (r.rolname IN (SELECT name FROM pg_catalog.json_array_elements_text($1::json) AS wanted (name))
        OR u.rolname IN (SELECT name FROM pg_catalog.json_array_elements_text($1::json) AS wanted (name)))
 GROUP BY 1, 2
 ORDER BY 1, 2
