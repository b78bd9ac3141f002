-- What the role may do, and what would stand in the way of exchanging the database; run in the target database.
SELECT r.rolsuper AS is_superuser,
       r.rolcreatedb AS may_create,
       pg_catalog.pg_has_role(d.datdba, 'USAGE') AS is_owner,
       o.rolname AS owner,
       pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') AS may_signal,
       pg_catalog.pg_is_in_recovery() AS is_standby,
       pg_catalog.pg_database_size(d.oid) AS bytes,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts x WHERE x.database = d.datname) AS prepared,
       (SELECT pg_catalog.string_agg(s.slot_name, ', ') FROM pg_catalog.pg_replication_slots s
         WHERE s.database = d.datname AND NOT s.temporary) AS slots,
       (SELECT pg_catalog.count(DISTINCT a.usename) FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = d.datname AND a.usename <> current_user
           AND NOT pg_catalog.pg_has_role(a.usename, 'USAGE')) AS foreign_sessions,
       (SELECT i.ssl FROM pg_catalog.pg_stat_ssl i WHERE i.pid = pg_catalog.pg_backend_pid()) AS is_encrypted,
       pg_catalog.inet_server_addr() IS NULL
           OR pg_catalog.inet_server_addr() <<= '127.0.0.0/8'
           OR pg_catalog.inet_server_addr() = '::1' AS is_local
  FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_roles r ON r.rolname = current_user
  JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
 WHERE d.datname = pg_catalog.current_database()
