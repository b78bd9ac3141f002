-- What the database holds and a snapshot does not carry.  `fatal`: rows would be lost.
SELECT 'large objects' AS what, pg_catalog.count(*)::text || ' of them' AS detail, true AS fatal
  FROM pg_catalog.pg_largeobject_metadata
HAVING pg_catalog.count(*) > 0
UNION ALL
SELECT 'a configuration table of an extension', c.oid::pg_catalog.regclass::text || ' of ' || e.extname,
       pg_catalog.pg_relation_size(c.oid) > 0 AND e.extname NOT LIKE 'postgis%'
  FROM pg_catalog.pg_extension e
  CROSS JOIN LATERAL pg_catalog.unnest(e.extconfig) AS x (oid)
  JOIN pg_catalog.pg_class c ON c.oid = x.oid AND c.relkind = 'r'
UNION ALL
SELECT 'a foreign table, whose rows live elsewhere', c.oid::pg_catalog.regclass::text, false
  FROM pg_catalog.pg_class c
 WHERE c.relkind = 'f'
UNION ALL
SELECT 'a subscription, which is restored disabled', s.subname, false
  FROM pg_catalog.pg_stat_subscription s
UNION ALL
SELECT 'a replication slot of this database', s.slot_name, false
  FROM pg_catalog.pg_replication_slots s
 WHERE s.database = pg_catalog.current_database() AND NOT s.temporary
