-- One line that changes with every definition: the count of each catalog's rows and the sum of the transactions that
-- wrote them.  Temporary objects do not count.
WITH temporary AS (SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't'),
     temporary_schema AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname LIKE 'pg\_temp\_%' OR nspname LIKE 'pg\_toast\_temp\_%'),
     seen (catalog, xmin) AS (
         SELECT 1, xmin FROM pg_catalog.pg_class WHERE relpersistence <> 't'
         UNION ALL SELECT 2, xmin FROM pg_catalog.pg_attribute WHERE attrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 3, xmin FROM pg_catalog.pg_attrdef WHERE adrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 4, xmin FROM pg_catalog.pg_constraint WHERE conrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 5, xmin FROM pg_catalog.pg_index WHERE indrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 6, xmin FROM pg_catalog.pg_type WHERE typnamespace NOT IN (SELECT oid FROM temporary_schema)
         UNION ALL SELECT 7, xmin FROM pg_catalog.pg_proc WHERE pronamespace NOT IN (SELECT oid FROM temporary_schema)
         UNION ALL SELECT 8, xmin FROM pg_catalog.pg_namespace WHERE oid NOT IN (SELECT oid FROM temporary_schema)
         UNION ALL SELECT 9, xmin FROM pg_catalog.pg_rewrite WHERE ev_class NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 10, xmin FROM pg_catalog.pg_trigger WHERE tgrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 11, xmin FROM pg_catalog.pg_inherits WHERE inhrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 12, xmin FROM pg_catalog.pg_sequence WHERE seqrelid NOT IN (SELECT oid FROM temporary)
         UNION ALL SELECT 13, xmin FROM pg_catalog.pg_description
         UNION ALL SELECT 14, xmin FROM pg_catalog.pg_policy
         UNION ALL SELECT 15, xmin FROM pg_catalog.pg_enum
         UNION ALL SELECT 16, xmin FROM pg_catalog.pg_range
         UNION ALL SELECT 17, xmin FROM pg_catalog.pg_operator
         UNION ALL SELECT 18, xmin FROM pg_catalog.pg_opclass
         UNION ALL SELECT 19, xmin FROM pg_catalog.pg_opfamily
         UNION ALL SELECT 20, xmin FROM pg_catalog.pg_amop
         UNION ALL SELECT 21, xmin FROM pg_catalog.pg_amproc
         UNION ALL SELECT 22, xmin FROM pg_catalog.pg_cast
         UNION ALL SELECT 23, xmin FROM pg_catalog.pg_aggregate
         UNION ALL SELECT 24, xmin FROM pg_catalog.pg_collation
         UNION ALL SELECT 25, xmin FROM pg_catalog.pg_conversion
         UNION ALL SELECT 26, xmin FROM pg_catalog.pg_extension
         UNION ALL SELECT 27, xmin FROM pg_catalog.pg_event_trigger
         UNION ALL SELECT 28, xmin FROM pg_catalog.pg_default_acl
         UNION ALL SELECT 29, xmin FROM pg_catalog.pg_statistic_ext
         UNION ALL SELECT 30, xmin FROM pg_catalog.pg_publication
         UNION ALL SELECT 31, xmin FROM pg_catalog.pg_publication_rel
         UNION ALL SELECT 33, xmin FROM pg_catalog.pg_foreign_table
         UNION ALL SELECT 34, xmin FROM pg_catalog.pg_foreign_server
         UNION ALL SELECT 35, xmin FROM pg_catalog.pg_foreign_data_wrapper
         UNION ALL SELECT 36, xmin FROM pg_catalog.pg_ts_config
         UNION ALL SELECT 37, xmin FROM pg_catalog.pg_ts_dict
         UNION ALL SELECT 38, xmin FROM pg_catalog.pg_partitioned_table
         UNION ALL SELECT 39, xmin FROM pg_catalog.pg_language
         UNION ALL SELECT 40, xmin FROM pg_catalog.pg_transform
         UNION ALL SELECT 41, xmin FROM pg_catalog.pg_seclabel)
SELECT pg_catalog.string_agg(s.catalog || ':' || s.rows || ':' || s.written, ' ' ORDER BY s.catalog) AS digest
  FROM (SELECT catalog, pg_catalog.count(*) AS rows, pg_catalog.sum(xmin::text::int8) AS written
          FROM seen GROUP BY catalog) AS s
