-- As pg/sql/database_settings.sql, of the database $1.
SELECT r.rolname AS role, s.setting AS setting
  FROM pg_catalog.pg_db_role_setting x
  CROSS JOIN LATERAL pg_catalog.unnest(x.setconfig) WITH ORDINALITY AS s (setting, number)
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = x.setrole
 WHERE x.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = $1)
   AND (x.setrole = 0 OR r.oid IS NOT NULL)
 ORDER BY 1 NULLS FIRST, s.number
