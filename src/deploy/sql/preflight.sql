-- What would stand in the way of exchanging the database, whichever way; run in the target database.
SELECT pg_catalog.pg_is_in_recovery() AS is_standby,
       pg_catalog.pg_database_size(d.oid) AS bytes,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts x WHERE x.database = d.datname) AS prepared,
       (SELECT pg_catalog.string_agg(s.slot_name, ', ') FROM pg_catalog.pg_replication_slots s
         WHERE s.database = d.datname AND NOT s.temporary) AS slots,
       (SELECT i.ssl FROM pg_catalog.pg_stat_ssl i WHERE i.pid = pg_catalog.pg_backend_pid()) AS is_encrypted,
       pg_catalog.inet_server_addr() IS NULL
           OR pg_catalog.inet_server_addr() <<= '127.0.0.0/8'
           OR pg_catalog.inet_server_addr() = '::1' AS is_local
  FROM pg_catalog.pg_database d
 WHERE d.datname = pg_catalog.current_database()
