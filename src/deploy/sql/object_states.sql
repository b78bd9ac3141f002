-- Each object of the schema that a migration may make, as pg_dump calls it, with a digest of what it is. search_path must be empty.
WITH user_schema AS (
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_(toast|temp)' AND nspname NOT IN ('pg_catalog', 'information_schema')
), member AS (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), relation AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c JOIN user_schema n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid)
), object AS (
    SELECT 'relation' AS class, nspname, relname::text AS name, relkind::text || ':' || CASE
        WHEN relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(oid)
        WHEN relkind IN ('i', 'I') THEN pg_catalog.pg_get_indexdef(oid)
        WHEN relkind = 'S' THEN ''
        ELSE coalesce((SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
                                                               pg_catalog.pg_get_expr(d.adbin, d.adrelid)), ',' ORDER BY a.attname)
                       FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                       WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped), '')
          || coalesce((SELECT pg_catalog.string_agg(k.conname || pg_catalog.pg_get_constraintdef(k.oid), ',' ORDER BY k.conname)
                       FROM pg_catalog.pg_constraint k WHERE k.conrelid = r.oid AND k.contype = 'c'), '')
        END AS text
    FROM relation r WHERE relkind IN ('r', 'p', 'v', 'm', 'i', 'I', 'S', 'f')
    UNION ALL
    SELECT 'constraint', r.nspname, r.relname || ' ' || k.conname, pg_catalog.pg_get_constraintdef(k.oid)
    FROM pg_catalog.pg_constraint k JOIN relation r ON r.oid = k.conrelid
    UNION ALL
    SELECT 'trigger', r.nspname, r.relname || ' ' || t.tgname, pg_catalog.pg_get_triggerdef(t.oid)
    FROM pg_catalog.pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'policy', r.nspname, r.relname || ' ' || p.polname,
           pg_catalog.concat_ws(' ', p.polcmd, p.polpermissive, pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_catalog.pg_policy p JOIN relation r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'function', n.nspname, p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
           pg_catalog.concat_ws(' ', p.prokind, CASE WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid) END)
    FROM pg_catalog.pg_proc p JOIN user_schema n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'type', n.nspname, t.typname::text, pg_catalog.concat_ws(' ', t.typtype, pg_catalog.format_type(t.typbasetype, t.typtypmod),
           (SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_catalog.pg_type t JOIN user_schema n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r')
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND m.objid = t.oid)
)
SELECT class, nspname AS schema, name, pg_catalog.md5(coalesce(text, '')) AS state FROM object
