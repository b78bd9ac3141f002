-- bad
ALTER TABLE orders DROP COLUMN note;
-- bad
ALTER TABLE orders DROP note, ADD x int;
-- good
ALTER TABLE orders ADD COLUMN x int;
ALTER TABLE orders DROP COLUMN x;
-- good
ALTER TABLE orders DROP COLUMN IF EXISTS not_there;
-- good
CREATE TABLE x (a int, b int);
ALTER TABLE x DROP COLUMN b;
