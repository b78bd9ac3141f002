-- The largest tables with rows of their own, and how many those are by the statistics, scaled to the pages that there are now.
SELECT n.nspname AS schema,
       c.relname AS name,
       pg_catalog.pg_relation_size(c.oid) AS bytes,
       CASE WHEN c.reltuples >= 0 AND c.relpages > 0
            THEN pg_catalog.round(c.reltuples::numeric / c.relpages
                                  * (pg_catalog.pg_relation_size(c.oid)
                                     / pg_catalog.current_setting('block_size')::bigint))::bigint END AS estimate,
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND NOT pg_catalog.row_security_active(c.oid) AS readable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
 ORDER BY 3 DESC NULLS LAST, 1, 2
 LIMIT 500
