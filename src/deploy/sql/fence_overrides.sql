-- Who has a setting ($2) that goes before one of the database ($1): a role's own, everywhere or there.  $3 is the fence's own.
SELECT pg_catalog.string_agg(DISTINCT COALESCE('role "' || r.rolname || '"', 'the database'), ', ')
  FROM pg_catalog.pg_db_role_setting x
  CROSS JOIN LATERAL pg_catalog.unnest(x.setconfig) AS s (setting)
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.setrole
 WHERE x.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = $1))
   AND pg_catalog.starts_with(s.setting, $2 || '=') AND s.setting <> $3
   AND (r.oid IS NOT NULL OR x.setdatabase <> 0 AND $2 = 'local_preload_libraries')
