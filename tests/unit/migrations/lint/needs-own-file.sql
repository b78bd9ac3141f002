-- bad
CREATE INDEX CONCURRENTLY x ON orders (n);
SELECT 1;
-- bad
VACUUM orders;
ANALYZE;
-- bad
DROP INDEX CONCURRENTLY orders_status_idx;
CREATE TABLE x (a int);
-- bad
CREATE DATABASE x;
SELECT 1;
-- bad
ALTER SYSTEM SET work_mem = '1GB';
SELECT 1;
-- good
CREATE INDEX CONCURRENTLY x ON orders (n);
-- a comment is no company
-- good
VACUUM orders;
-- good
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
SELECT 1;
