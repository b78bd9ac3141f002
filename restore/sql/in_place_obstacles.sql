-- What a restore in place cannot do, or cannot do without harm to what it leaves alone; a line each.
-- A role that is no member of an object's owner is not in its way: such objects stay, unless they hang on one that goes.
WITH RECURSIVE member (classid, objid) AS (
         SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
         UNION
         SELECT d.classid, d.objid FROM member m
           JOIN pg_catalog.pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid AND d.deptype = 'i'),
     ours (classid, objid) AS (
         SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND c.relpersistence <> 't'
               AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
               AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
         UNION ALL
         SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid, p.oid FROM pg_catalog.pg_proc p
             JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
         UNION ALL
         SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, t.oid FROM pg_catalog.pg_type t
             JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
             WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND pg_catalog.pg_has_role(t.typowner, 'USAGE')),
     dependent (classid, objid, refclassid, refobjid) AS (
         SELECT DISTINCT CASE d.classid WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN 'pg_catalog.pg_class'::pg_catalog.regclass
                                 WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN 'pg_catalog.pg_class'::pg_catalog.regclass
                                 WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN 'pg_catalog.pg_class'::pg_catalog.regclass
                                 WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN 'pg_catalog.pg_class'::pg_catalog.regclass
                                 WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN 'pg_catalog.pg_class'::pg_catalog.regclass
                                 ELSE d.classid END,
                coalesce(r.ev_class, g.tgrelid, nullif(k.conrelid, 0), a.adrelid, y.polrelid, d.objid), d.refclassid, d.refobjid
           FROM pg_catalog.pg_depend d
           LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
           LEFT JOIN pg_catalog.pg_trigger g ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND g.oid = d.objid
           LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
           LEFT JOIN pg_catalog.pg_attrdef a ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.oid = d.objid
           LEFT JOIN pg_catalog.pg_policy y ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND y.oid = d.objid
          WHERE d.deptype IN ('n', 'a'))
SELECT 'subscription "' || s.subname || '": dropping one that has a slot is not possible in a transaction' AS why
  FROM pg_catalog.pg_subscription s
 WHERE s.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND (s.subslotname IS NOT NULL OR s.subenabled)
UNION ALL
SELECT 'large object ' || m.oid || ' belongs to role "' || pg_catalog.pg_get_userbyid(m.lomowner) || '", for which this one may not act'
  FROM pg_catalog.pg_largeobject_metadata m
 WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE')
UNION ALL
SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, 0) || ', which would have to stay, depends on '
       || pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM dependent d
  JOIN ours o ON o.classid = d.refclassid AND o.objid = d.refobjid
 WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = d.refclassid AND m.objid = d.refobjid)
   AND (EXISTS (SELECT FROM member m WHERE m.classid = d.classid AND m.objid = d.objid)
        OR d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
                      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'))
        OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = d.objid
                      AND NOT pg_catalog.pg_has_role(p.proowner, 'USAGE')))
UNION ALL
SELECT pg_catalog.format('it needs about %s locks at once, and the server has room for %s (max_locks_per_transaction)', needed, room)
  FROM (SELECT (SELECT pg_catalog.count(*) FROM (SELECT DISTINCT classid, objid FROM pg_catalog.pg_depend WHERE objid >= 16384) AS o)
               + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class WHERE oid >= 16384)
               + (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata) AS needed,
               pg_catalog.current_setting('max_locks_per_transaction')::int8
               * (pg_catalog.current_setting('max_connections')::int8 + pg_catalog.current_setting('max_prepared_transactions')::int8) AS room) AS l
 WHERE needed > room
 LIMIT 20
