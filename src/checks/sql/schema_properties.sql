-- What is seen of each property that is not as wanted.  A table, column or enum that is missing is one finding, not one a property.
-- $1: [{"n", "aspect", "name", "table", "schema"?, "role"?, "want"}]; what has no aspect is left out.
WITH wanted AS (
    SELECT w.n, w.aspect, w.name, w."table", w.role, w.want, w.want #>> '{}' AS text,
           CASE WHEN w.schema IS NULL THEN pg_catalog.current_schemas(false) ELSE ARRAY[w.schema] END AS schemas
    FROM pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)
         AS w(n int, aspect text, name text, "table" text, schema name, role text, want pg_catalog.jsonb)
    WHERE w.aspect IS NOT NULL
), related AS (
    SELECT w.*, t.*
    FROM wanted w, LATERAL (
        SELECT c.oid, c.relowner, c.relacl,
               CASE WHEN NOT c.relrowsecurity THEN 'off' WHEN c.relforcerowsecurity THEN 'forced' ELSE 'enabled' END AS security
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
        WHERE c.relname = w."table" AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND s.nspname = ANY (w.schemas)
        ORDER BY pg_catalog.array_position(w.schemas, s.nspname) LIMIT 1) t
    WHERE w.aspect NOT LIKE 'labels%'
), judged AS (
    SELECT w.n, 'none' AS seen
    FROM related w
    WHERE w.aspect = 'column' AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
                                              WHERE a.attrelid = w.oid AND a.attname = w.name AND NOT a.attisdropped)
    UNION ALL
    SELECT w.n,
           CASE w.aspect
           WHEN 'type' THEN
               -- what reads as a type is compared as one: int is integer, varchar(9) is character varying(9)
               CASE WHEN w.text = a.type THEN NULL
                    WHEN w.text !~ '^(\w+\.|"[^"]+"\.)?([A-Za-z_]\w*|"[^"]+")( [A-Za-z]+)*(\([0-9]+( *, *[0-9]+)?\))?( [A-Za-z]+)*(\[\])*$' THEN 'type ' || a.type
                    WHEN pg_catalog.to_regtype(w.text)::oid = a.atttypid
                         AND pg_catalog.translate(substring(w.text FROM '\(.*\)'), ' ', '')
                             IS NOT DISTINCT FROM substring(a.type FROM '\(.*\)') THEN NULL
                    ELSE 'type ' || a.type END
           WHEN 'nullable' THEN
               CASE WHEN a.attnotnull = (w.text = 'nullable') THEN CASE WHEN a.attnotnull THEN 'not nullable' ELSE 'nullable' END END
           WHEN 'default' THEN CASE WHEN a."default" <> w.text THEN 'default ' || a."default" END
           END
    FROM related w
    JOIN LATERAL (
        SELECT a.atttypid, a.attnotnull, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
               CASE WHEN a.attidentity <> '' THEN 'identity'
                    ELSE COALESCE(pg_catalog.pg_get_expr(d.adbin, d.adrelid), 'none') END AS "default"
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = w.oid AND a.attname = w.name AND NOT a.attisdropped) a ON true
    UNION ALL
    SELECT w.n, w.security FROM related w WHERE w.aspect = 'row_security' AND w.security <> w.text
    UNION ALL
    SELECT w.n, COALESCE((SELECT pg_catalog.string_agg(x, ', ') FROM pg_catalog.jsonb_array_elements_text(g.has) x), 'none')
    FROM related w, LATERAL (
        SELECT COALESCE(pg_catalog.jsonb_agg(DISTINCT p.privilege_type), '[]') AS has
        FROM pg_catalog.aclexplode(COALESCE(w.relacl, pg_catalog.acldefault('r', w.relowner))) p
        WHERE p.grantee = CASE WHEN w.role = 'PUBLIC' THEN 0
                               ELSE (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = w.role) END) g
    WHERE w.aspect LIKE 'grants%' AND NOT (w.want <@ g.has AND (w.aspect = 'grants_at_least' OR g.has <@ w.want))
    UNION ALL
    SELECT w.n, COALESCE((SELECT pg_catalog.string_agg(x, ', ') FROM pg_catalog.jsonb_array_elements_text(e.has) x), 'none')
    FROM wanted w, LATERAL (
        SELECT y.oid FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace s ON s.oid = y.typnamespace
        WHERE y.typname = w."table" AND y.typtype = 'e' AND s.nspname = ANY (w.schemas)
        ORDER BY pg_catalog.array_position(w.schemas, s.nspname) LIMIT 1) y, LATERAL (
        SELECT COALESCE(pg_catalog.jsonb_agg(l.enumlabel ORDER BY l.enumsortorder), '[]') AS has
        FROM pg_catalog.pg_enum l WHERE l.enumtypid = y.oid) e
    WHERE w.aspect = 'labels' AND e.has <> w.want OR w.aspect = 'labels_at_least' AND NOT w.want <@ e.has
)
SELECT n, seen FROM judged WHERE seen IS NOT NULL ORDER BY n
