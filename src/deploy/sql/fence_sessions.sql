-- Sessions of the database $1, of those in the array $2 alone unless that is NULL.  One that is beginning has read its settings
-- maybe, and is not in pg_stat_activity yet, but holds a lock on the database; such are looked for first, so that none has begun between the
-- two looks.  Of others' sessions a role without pg_read_all_stats sees neither type nor age.
SELECT l.pid AS pid, true AS is_beginning, l.pid || ' (beginning)' AS who
  FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass
   AND l.objid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = $1)
   AND l.mode = 'RowExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
   AND ($2::int4[] IS NULL OR l.pid = ANY ($2::int4[]))
UNION ALL
SELECT a.pid, false, a.pid || ' (' || a.usename || COALESCE(', ' || NULLIF(a.application_name, ''), '') || ')'
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = $1 AND a.usename IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
   AND COALESCE(a.backend_type, 'client backend') = 'client backend'
   AND ($2::int4[] IS NULL OR a.pid = ANY ($2::int4[]))
