-- What others do in this database, and how far the standbys are behind; NULL where the role may not see it.
SELECT s.sessions,
       s.oldest_ms,
       s.hidden,
       (SELECT d.xact_commit + d.xact_rollback FROM pg_catalog.pg_stat_database d
         WHERE d.datname = pg_catalog.current_database()) AS transactions,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication) AS standbys,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication r WHERE r.state IS NULL) AS hidden_standbys,
       (SELECT (pg_catalog.max(EXTRACT(epoch FROM r.replay_lag)) * 1000)::bigint
          FROM pg_catalog.pg_stat_replication r) AS lag_ms
  FROM (SELECT pg_catalog.count(*) AS sessions,
               pg_catalog.count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden,
               (EXTRACT(epoch FROM pg_catalog.max(pg_catalog.clock_timestamp() - a.xact_start)) * 1000)::bigint
                   AS oldest_ms
          FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = pg_catalog.current_database()
           AND (a.backend_type = 'client backend' OR a.backend_type IS NULL)
           AND a.application_name NOT LIKE 'holdfast: %') AS s
