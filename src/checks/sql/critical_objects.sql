-- What is wrong with each wanted object; objects that are as wanted give no row.
-- $1: [{"n", "kind", "name", "schema"?, "table"?, "values"?}]
WITH wanted AS (
    SELECT w.n, w.kind, w.name, w."table", w."values",
           CASE WHEN w.schema IS NULL THEN pg_catalog.current_schemas(false) ELSE ARRAY[w.schema] END AS schemas
    FROM pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb)
         AS w(n int, kind text, name text, schema name, "table" text, "values" pg_catalog.jsonb)
), judged AS (
    SELECT w.n,
           CASE WHEN NOT EXISTS (
                    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
                    WHERE c.relname = w.name AND s.nspname = ANY (w.schemas) AND c.relkind IN ('r', 'p', 'f', 'v', 'm'))
                THEN 'is missing' END AS problem
    FROM wanted w WHERE w.kind = 'table'
    UNION ALL
    SELECT w.n,
           CASE WHEN count(i.indexrelid) = 0 THEN 'is missing'
                WHEN NOT bool_and(i.indisvalid AND i.indisready) THEN 'is not valid' END
    FROM wanted w
    LEFT JOIN (pg_catalog.pg_index i
               JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
               JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
               JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace)
           ON c.relname = w.name AND s.nspname = ANY (w.schemas) AND (w."table" IS NULL OR t.relname = w."table")
    WHERE w.kind = 'index'
    GROUP BY w.n
    UNION ALL
    -- a unique index does what a constraint does, and is what Prisma makes of @unique
    SELECT w.n,
           CASE WHEN count(f.good) = 0 THEN 'is missing' WHEN NOT bool_and(f.good) THEN 'is not validated' END
    FROM wanted w
    LEFT JOIN (SELECT k.conname AS name, k.connamespace AS namespace, t.relname AS "table", k.convalidated AS good
               FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class t ON t.oid = k.conrelid
               UNION ALL
               SELECT c.relname, c.relnamespace, t.relname, i.indisvalid AND i.indisready
               FROM pg_catalog.pg_index i
               JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
               JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
               WHERE i.indisunique) f
           ON f.name = w.name AND (w."table" IS NULL OR f."table" = w."table")
              AND EXISTS (SELECT FROM pg_catalog.pg_namespace s WHERE s.oid = f.namespace AND s.nspname = ANY (w.schemas))
    WHERE w.kind = 'constraint'
    GROUP BY w.n
    UNION ALL
    SELECT w.n,
           CASE WHEN count(y.oid) = 0 THEN 'is missing'
                ELSE (SELECT 'lacks ' || pg_catalog.string_agg(pg_catalog.quote_literal(v.label), ', ' ORDER BY v.place)
                      FROM pg_catalog.jsonb_array_elements_text(COALESCE(w."values", '[]')) WITH ORDINALITY v(label, place)
                      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_enum e
                                        WHERE e.enumtypid = ANY (array_agg(y.oid)) AND e.enumlabel = v.label)) END
    FROM wanted w
    LEFT JOIN (pg_catalog.pg_type y JOIN pg_catalog.pg_namespace s ON s.oid = y.typnamespace)
           ON y.typname = w.name AND y.typtype = 'e' AND s.nspname = ANY (w.schemas)
    WHERE w.kind = 'enum'
    GROUP BY w.n, w."values"
)
SELECT n, problem FROM judged WHERE problem IS NOT NULL ORDER BY n
