-- What the database holds and a snapshot does not carry, and pg_dump neither.
SELECT CASE c.relkind WHEN 'r' THEN 'the rows of an unlogged table, which a standby does not have'
                      ELSE 'the value of an unlogged sequence, which a standby does not have' END AS what,
       c.oid::pg_catalog.regclass::text AS detail
  FROM pg_catalog.pg_class c
 WHERE c.relkind IN ('r', 'S') AND c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()
UNION ALL
SELECT 'a foreign table, whose rows live elsewhere' AS what, c.oid::pg_catalog.regclass::text AS detail
  FROM pg_catalog.pg_class c
 WHERE c.relkind = 'f'
UNION ALL
SELECT 'an invalid index, which a failed CREATE INDEX CONCURRENTLY left', x.indexrelid::pg_catalog.regclass::text
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid AND c.relkind = 'i'
 WHERE NOT (x.indisvalid AND x.indisready)
UNION ALL
SELECT 'that the triggers of a foreign key are not enabled as usual',
       pg_catalog.quote_ident(k.conname) || ' of ' || k.conrelid::pg_catalog.regclass::text
  FROM pg_catalog.pg_constraint k
 WHERE EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgisinternal AND g.tgenabled <> 'O')
UNION ALL
SELECT 'a subscription, which is restored disabled', s.subname
  FROM pg_catalog.pg_subscription s
 WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
UNION ALL
SELECT 'a replication slot of this database', s.slot_name
  FROM pg_catalog.pg_replication_slots s
 WHERE s.database = pg_catalog.current_database() AND NOT s.temporary
