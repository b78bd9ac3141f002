-- What a restore in place drops, in order, and what it leaves alone (statement NULL): what extensions that stay brought, and what belongs to
-- roles that this one may not act for.  $1: names of the extensions that the snapshot has, which stay.  What goes with
-- something else (indexes, triggers, a table's own sequences and types) is not listed.
WITH member (classid, objid, goes) AS (
         SELECT d.classid, d.objid, NOT x.extname = ANY ($1::pg_catalog.text[]) AND pg_catalog.pg_has_role(x.extowner, 'USAGE')
           FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
          WHERE d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass),
     part (classid, objid) AS (SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'i' AND objsubid = 0),
     listed (step, classid, objid, namespace, owner) AS (
         SELECT 1, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid, 0::oid, evtowner FROM pg_catalog.pg_event_trigger
         UNION ALL SELECT 2, 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, 0, pubowner FROM pg_catalog.pg_publication
         UNION ALL SELECT 2, 'pg_catalog.pg_subscription'::pg_catalog.regclass, oid, 0, subowner FROM pg_catalog.pg_subscription
             WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
         UNION ALL SELECT 3, 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, 0, extowner FROM pg_catalog.pg_extension
             WHERE NOT extname = ANY ($1::pg_catalog.text[])
         UNION ALL SELECT 4, 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relnamespace, relowner FROM pg_catalog.pg_class
             WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
         UNION ALL SELECT 5, 'pg_catalog.pg_cast'::pg_catalog.regclass, c.oid, 0,
                CASE WHEN pg_catalog.pg_has_role(s.typowner, 'USAGE') THEN s.typowner ELSE t.typowner END
             FROM pg_catalog.pg_cast c JOIN pg_catalog.pg_type s ON s.oid = c.castsource JOIN pg_catalog.pg_type t ON t.oid = c.casttarget
             WHERE c.oid >= 16384
         UNION ALL SELECT 5, 'pg_catalog.pg_transform'::pg_catalog.regclass, f.oid, 0,
                CASE WHEN pg_catalog.pg_has_role(t.typowner, 'USAGE') THEN t.typowner ELSE l.lanowner END
             FROM pg_catalog.pg_transform f JOIN pg_catalog.pg_type t ON t.oid = f.trftype JOIN pg_catalog.pg_language l ON l.oid = f.trflang
         UNION ALL SELECT 6, 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, pronamespace, proowner FROM pg_catalog.pg_proc
         UNION ALL SELECT 7, 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcnamespace, opcowner FROM pg_catalog.pg_opclass
         UNION ALL SELECT 8, 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfnamespace, opfowner FROM pg_catalog.pg_opfamily
         UNION ALL SELECT 9, 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprnamespace, oprowner FROM pg_catalog.pg_operator
         UNION ALL SELECT 10, 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typnamespace, typowner FROM pg_catalog.pg_type
         UNION ALL SELECT 11, 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collnamespace, collowner FROM pg_catalog.pg_collation
         UNION ALL SELECT 12, 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, connamespace, conowner FROM pg_catalog.pg_conversion
         UNION ALL SELECT 13, 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgnamespace, cfgowner FROM pg_catalog.pg_ts_config
         UNION ALL SELECT 14, 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictnamespace, dictowner FROM pg_catalog.pg_ts_dict
         UNION ALL SELECT 15, 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, 0, srvowner FROM pg_catalog.pg_foreign_server
         UNION ALL SELECT 16, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, 0, fdwowner
             FROM pg_catalog.pg_foreign_data_wrapper
         UNION ALL SELECT 17, 'pg_catalog.pg_language'::pg_catalog.regclass, oid, 0, lanowner FROM pg_catalog.pg_language
             WHERE oid >= 16384
         UNION ALL SELECT 17, 'pg_catalog.pg_am'::pg_catalog.regclass, oid, 0, 10 FROM pg_catalog.pg_am WHERE oid >= 16384
         UNION ALL SELECT 17, 'pg_catalog.pg_ts_parser'::pg_catalog.regclass, oid, prsnamespace, 10 FROM pg_catalog.pg_ts_parser
         UNION ALL SELECT 17, 'pg_catalog.pg_ts_template'::pg_catalog.regclass, oid, tmplnamespace, 10 FROM pg_catalog.pg_ts_template),
     object AS (
         SELECT l.*, pg_catalog.pg_has_role(l.owner, 'USAGE') AND NOT EXISTS (SELECT FROM member m
                     WHERE m.classid = l.classid AND m.objid = l.objid) AS is_ours
           FROM listed l LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.namespace
          WHERE (n.nspname IS NULL OR n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%')
            AND NOT EXISTS (SELECT FROM part p WHERE p.classid = l.classid AND p.objid = l.objid)
            AND NOT EXISTS (SELECT FROM member m WHERE m.classid = l.classid AND m.objid = l.objid AND m.goes)),
     staying (namespace) AS (
         SELECT namespace FROM object WHERE NOT is_ours
         UNION SELECT extnamespace FROM pg_catalog.pg_extension WHERE extname = ANY ($1::pg_catalog.text[])
         UNION SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'public'),
     everything AS (
         SELECT step, classid, objid, owner, is_ours FROM object
         UNION ALL
         SELECT 18, 'pg_catalog.pg_namespace'::pg_catalog.regclass, n.oid, n.nspowner,
                pg_catalog.pg_has_role(n.nspowner, 'USAGE')
                AND NOT EXISTS (SELECT FROM staying s WHERE s.namespace = n.oid)
                AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND m.objid = n.oid)
           FROM pg_catalog.pg_namespace n
          WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%')
SELECT CASE WHEN e.is_ours THEN
           pg_catalog.format('DROP %s IF EXISTS %s CASCADE',
               CASE i.type WHEN 'function' THEN 'ROUTINE' WHEN 'procedure' THEN 'ROUTINE' WHEN 'aggregate' THEN 'ROUTINE'
                   WHEN 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER' ELSE pg_catalog.upper(i.type) END,
               CASE WHEN i.type = 'transform' THEN pg_catalog.replace(i.identity, ' on language ', ' language ') ELSE i.identity END) END AS statement,
       i.type || ' ' || i.identity AS what,
       pg_catalog.pg_get_userbyid(e.owner) AS owner,
       e.classid::pg_catalog.oid AS classid,
       e.objid
  FROM everything e
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(e.classid, e.objid, 0) AS i
 ORDER BY e.step, i.identity
