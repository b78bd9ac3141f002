-- bad
TRUNCATE orders;
-- bad
TRUNCATE TABLE customers, orders RESTART IDENTITY;
-- good
CREATE TABLE x (a int);
TRUNCATE x;
-- good
DELETE FROM orders WHERE id = 1;
