-- Indexes that are not valid and constraints that are not validated, outside of the system's schemas.
SELECT 'index ' || pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname) || ' is not valid' AS problem
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready) AND s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
UNION ALL
SELECT 'constraint ' || pg_catalog.quote_ident(k.conname) || ' on ' || k.conrelid::pg_catalog.regclass::text || ' is not validated'
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_namespace s ON s.oid = k.connamespace
WHERE NOT k.convalidated AND s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
ORDER BY 1
LIMIT 100
