-- What the choice of a way back hangs on; run in the target database.
SELECT r.rolsuper AS is_superuser,
       r.rolcreatedb AS may_create,
       pg_catalog.pg_has_role(d.datdba, 'USAGE') AS is_owner,
       o.rolname AS owner,
       pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') AS may_signal,
       pg_catalog.has_database_privilege(d.oid, 'CREATE') AS may_make_schemas,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
           AND pg_catalog.pg_has_role(c.relowner, 'USAGE')) AS own_relations,
       pg_catalog.pg_database_size(d.oid) AS bytes,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = d.datname AND a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type = 'client backend'
           AND a.application_name NOT LIKE 'holdfast: %') AS other_sessions,
       (SELECT pg_catalog.count(DISTINCT a.usename) FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = d.datname AND a.usename <> current_user
           AND NOT pg_catalog.pg_has_role(a.usename, 'USAGE')) AS foreign_sessions,
       CASE WHEN pg_catalog.inet_server_addr() IS NULL AND pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')
                 AND t.spcname = 'pg_default' THEN pg_catalog.current_setting('data_directory') END AS folder,
       CASE WHEN t.spcname <> 'pg_default' AND NOT pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')
            THEN pg_catalog.quote_ident(t.spcname) END AS barred_home,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(b.spcname), ', ' ORDER BY b.spcname) FROM pg_catalog.pg_tablespace b
         WHERE b.spcname <> 'pg_global' AND NOT pg_catalog.has_tablespace_privilege(b.oid, 'CREATE')
           AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.reltablespace = b.oid)) AS barred,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s.subname), ', ') FROM pg_catalog.pg_subscription s
         WHERE s.subdbid = d.oid) AS subscriptions,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(p.pubname), ', ') FROM pg_catalog.pg_publication p) AS publications
  FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_roles r ON r.rolname = current_user
  JOIN pg_catalog.pg_roles o ON o.oid = d.datdba
  JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
 WHERE d.datname = pg_catalog.current_database()
