-- Whom the backend $1 waits for, and whom those wait for: a tree, each before what hangs on it.  Of what they run only the part before the
-- first literal is told.  No row: it does not wait for anybody.
WITH RECURSIVE tree AS (
    SELECT $1::int AS pid, 0 AS depth, ARRAY[$1::int] AS path
     UNION ALL
    SELECT b.pid, t.depth + 1, t.path || b.pid
      FROM tree t CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(t.pid)) b(pid)
     WHERE t.depth < 6 AND b.pid <> ALL (t.path)
), few AS (
    SELECT DISTINCT ON (path) pid, depth, path FROM tree ORDER BY path LIMIT 50
), told AS (
    SELECT f.path, f.depth, f.pid, -- 0: a prepared transaction
           a.usename AS "user",
           NULLIF(a.application_name, '') AS application,
           a.state,
           (EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - a.xact_start) * 1000)::bigint AS age_ms, -- of its transaction
           pg_catalog.left(pg_catalog.regexp_replace(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), '(''|\$[^$ ]*\$).*$', '…'), 80) AS query,
           (SELECT pg_catalog.concat_ws(' on ', l.mode, COALESCE(l.relation::pg_catalog.regclass::text, l.locktype))
              FROM pg_catalog.pg_locks l
             WHERE l.pid = f.pid AND NOT l.granted
             LIMIT 1) AS awaits
      FROM few f
      LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = f.pid
     WHERE (SELECT pg_catalog.count(*) FROM few) > 1
)
SELECT pg_catalog.json_agg(pg_catalog.json_build_object('depth', depth, 'pid', pid, 'user', "user", 'application', application,
           'state', state, 'age_ms', age_ms, 'query', query, 'awaits', awaits) ORDER BY path)
  FROM told
