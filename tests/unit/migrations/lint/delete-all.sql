-- bad
DELETE FROM orders;
-- bad
WITH d AS (DELETE FROM orders RETURNING id) SELECT * FROM d;
-- good
DELETE FROM orders WHERE id < 7;
-- good
CREATE TABLE x (a int);
DELETE FROM x;
