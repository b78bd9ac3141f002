-- The facts of the server and of the current database that belong to a snapshot.  On a standby the timeline is the
-- one of its last restart point.
SELECT pg_catalog.current_setting('server_version') AS version,
       pg_catalog.current_setting('block_size') AS block_size,
       d.datname AS name,
       d.oid AS oid,
       r.rolname AS owner,
       pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
       d.datcollate AS "collate",
       d.datctype AS ctype,
       COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') AS locale_provider,
       COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocale', pg_catalog.to_jsonb(d) ->> 'daticulocale') AS icu_locale,
       pg_catalog.to_jsonb(d) ->> 'daticurules' AS icu_rules,
       d.datistemplate AS is_template,
       pg_catalog.to_jsonb(d) ->> 'datcollversion' AS collation_version,
       t.spcname AS tablespace,
       d.datacl::text AS acl,
       pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
       d.datconnlimit AS connection_limit,
       pg_catalog.pg_database_size(d.oid) AS bytes
  FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
  JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
 WHERE d.datname = pg_catalog.current_database()
