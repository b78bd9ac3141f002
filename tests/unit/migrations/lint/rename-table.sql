-- bad
ALTER TABLE orders RENAME TO sales;
-- bad
ALTER VIEW v RENAME TO w;
-- bad
ALTER TABLE orders SET SCHEMA audit;
-- bad
ALTER SCHEMA audit RENAME TO old;
-- good
CREATE TABLE x (a int);
ALTER TABLE x RENAME TO y;
-- good
ALTER INDEX orders_status_idx RENAME TO x;
-- good
ALTER TABLE orders RENAME CONSTRAINT orders_total_check TO x;
