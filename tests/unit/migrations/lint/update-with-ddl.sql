-- bad
ALTER TABLE orders ADD COLUMN x int;
UPDATE orders SET x = n WHERE x IS NULL;
-- bad
UPDATE orders SET n = 1 WHERE n = 0;
ALTER TABLE customers ADD COLUMN x int;
-- good
UPDATE orders SET n = 1 WHERE n = 0;
-- good
ALTER TABLE orders ADD COLUMN x int;
-- next migration
UPDATE orders SET x = n WHERE x IS NULL;
-- good
ALTER TABLE orders ADD COLUMN x int;
UPDATE customers SET name = 'x' WHERE name IS NULL;
-- good
CREATE TABLE x (a int);
UPDATE orders SET n = 1 WHERE n = 0;
