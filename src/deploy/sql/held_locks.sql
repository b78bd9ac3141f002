-- The locks on tables and views that sessions of this database hold, but for holdfast's own bookkeeping.
SELECT l.relation::pg_catalog.regclass::text AS relation, l.mode
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'm', 'v') AND c.oid >= 16384
  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.granted
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND a.application_name NOT IN ('holdfast: rehearse', 'holdfast: migrations ledger')
