-- bad
SET search_path = audit;
-- bad
SELECT pg_catalog.set_config('search_path', '', false);
-- good
SET LOCAL search_path = audit;
-- good
SELECT set_config('search_path', 'audit', true);
