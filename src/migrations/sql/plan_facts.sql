-- What a plan needs to know about the database: $1 the relations it names, [{"schema": text or null, "name": text}, ...]; $2 the
-- functions, $3 the types, as lists of names.  Sizes wait for whoever has locked a relation exclusively; the session's
-- lock_timeout bounds that.
WITH wanted AS (
    SELECT DISTINCT w ->> 'schema' AS schema, w ->> 'name' AS name FROM pg_catalog.jsonb_array_elements($1::jsonb) w
), found AS (
    SELECT DISTINCT COALESCE(i.indrelid, c.oid) AS oid
      FROM wanted w
      JOIN pg_catalog.pg_class c ON c.relname = w.name
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
     WHERE n.nspname = w.schema OR w.schema IS NULL AND n.nspname = ANY (pg_catalog.current_schemas(true))
), relations AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind,
           (SELECT pg_catalog.sum(CASE WHEN p.reltuples >= 0 THEN p.reltuples::bigint
                                       ELSE pg_catalog.pg_stat_get_live_tuples(p.oid) END)
              FROM pg_catalog.pg_class p
             WHERE p.relkind <> 'p' AND (p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))
           ) AS rows,
           (SELECT pg_catalog.sum(pg_catalog.pg_table_size(p.oid))
              FROM pg_catalog.pg_class p
             WHERE p.relkind <> 'p' AND (p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)))
           ) AS bytes
      FROM found f
      JOIN pg_catalog.pg_class c ON c.oid = f.oid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
)
SELECT pg_catalog.jsonb_build_object(
    'path', pg_catalog.to_jsonb(pg_catalog.current_schemas(false)),
    'utc', pg_catalog.current_setting('TimeZone') IN ('UTC', 'Etc/UTC', 'GMT', 'Etc/GMT'),
    'volatile', (SELECT pg_catalog.jsonb_object_agg(name, volatile)
                   FROM (SELECT p.proname AS name, pg_catalog.bool_or(p.provolatile = 'v') AS volatile
                           FROM pg_catalog.pg_proc p
                          WHERE p.proname IN (SELECT pg_catalog.jsonb_array_elements_text($2::jsonb))
                          GROUP BY 1) v),
    'opaque', (SELECT pg_catalog.jsonb_object_agg(name, opaque)
                 FROM (SELECT p.proname AS name,
                              pg_catalog.bool_or(p.provolatile = 'v' AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
                                                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                                                                   JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                                                                  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                                                                    AND d.objid = p.oid AND d.deptype = 'e'
                                                                    AND e.extname IN ('uuid-ossp', 'pgcrypto'))) AS opaque
                         FROM pg_catalog.pg_proc p
                        WHERE p.proname IN (SELECT pg_catalog.jsonb_array_elements_text($2::jsonb))
                        GROUP BY 1) o),
    'types', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                         'schema', n.nspname, 'name', t.typname, 'kind', t.typtype,
                         'checked', t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid)))
                FROM pg_catalog.pg_type t
                JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
               WHERE t.typname IN (SELECT pg_catalog.jsonb_array_elements_text($3::jsonb))),
    'relations', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'schema', r.nspname, 'name', r.relname, 'kind', r.relkind, 'rows', r.rows, 'bytes', r.bytes,
        'columns', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                               'name', a.attname, 'type', t.typname, 'typmod', a.atttypmod,
                               'shown', pg_catalog.format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull)
                           ORDER BY a.attnum)
                      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                     WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'constraints', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                                   'name', k.conname, 'kind', k.contype, 'valid', k.convalidated,
                                   'definition', pg_catalog.pg_get_constraintdef(k.oid),
                                   'columns', (SELECT pg_catalog.jsonb_object_agg(a.attname, true)
                                                 FROM pg_catalog.pg_attribute a
                                                WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))))
                          FROM pg_catalog.pg_constraint k WHERE k.conrelid = r.oid),
        'indexes', (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname, 'unique', i.indisunique))
                      FROM pg_catalog.pg_index i
                      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                     WHERE i.indrelid = r.oid)))
        FROM relations r))
