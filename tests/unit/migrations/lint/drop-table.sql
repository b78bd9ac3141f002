-- bad
DROP TABLE orders;
-- bad
DROP TABLE IF EXISTS customers, public.orders;
-- bad
DROP TABLE not_known;
-- bad
SET search_path = audit;
CREATE TABLE IF NOT EXISTS x (a int);
DROP TABLE x;
-- bad
SET LOCAL search_path = audit;
DROP TABLE IF EXISTS not_known;
-- good
CREATE TABLE x (a int);
DROP TABLE x;
-- good
DROP TABLE IF EXISTS not_known;
-- good
CREATE TEMP TABLE x AS SELECT 1;
DROP TABLE x;
