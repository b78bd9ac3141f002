-- bad
DELETE FROM orders;
-- bad
DELETE FROM orders WHERE true;
-- bad
DELETE FROM orders WHERE 1 = 1;
-- bad
WITH d AS (DELETE FROM orders RETURNING id) SELECT * FROM d;
-- good
DELETE FROM orders WHERE id < 7;
-- good
DELETE FROM orders WHERE EXISTS (SELECT 1 FROM log);
-- good
CREATE TABLE x (a int);
DELETE FROM x;
