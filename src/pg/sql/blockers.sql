-- Who holds or awaits a lock on a relation ($1, as regclass text) that keeps ACCESS SHARE away.
SELECT a.pid::text || ' (' || COALESCE(a.usename, '?') || ', ' || COALESCE(NULLIF(a.application_name, ''), 'no name')
       || ', for ' || COALESCE(EXTRACT(EPOCH FROM now() - a.xact_start)::int::text, '?') || ' s): '
       || pg_catalog.left(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 80) AS who
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.relation = pg_catalog.to_regclass($1) AND l.mode = 'AccessExclusiveLock'
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND l.pid <> pg_catalog.pg_backend_pid()
 ORDER BY l.granted DESC, a.xact_start
