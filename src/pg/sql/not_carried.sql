-- What the database holds and a snapshot does not carry, and pg_dump neither.
SELECT 'a foreign table, whose rows live elsewhere' AS what, c.oid::pg_catalog.regclass::text AS detail
  FROM pg_catalog.pg_class c
 WHERE c.relkind = 'f'
UNION ALL
SELECT 'a subscription, which is restored disabled', s.subname
  FROM pg_catalog.pg_stat_subscription s
UNION ALL
SELECT 'a replication slot of this database', s.slot_name
  FROM pg_catalog.pg_replication_slots s
 WHERE s.database = pg_catalog.current_database() AND NOT s.temporary
