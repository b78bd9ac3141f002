-- bad
CREATE INDEX x ON orders (n);
-- bad
CREATE UNIQUE INDEX ON public.orders (n);
-- bad
CREATE INDEX x ON totals (n);
-- good
CREATE INDEX CONCURRENTLY x ON orders (n);
-- good
CREATE TABLE x (a int);
CREATE INDEX ON x (a);
-- good
CREATE TABLE x (a int);
-- next migration
CREATE INDEX ON public.x (a);
-- good
CREATE MATERIALIZED VIEW x AS SELECT 1 AS a;
CREATE UNIQUE INDEX ON x (a);
