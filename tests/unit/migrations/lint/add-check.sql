-- bad
ALTER TABLE orders ADD CONSTRAINT x CHECK (n > 0);
-- bad
ALTER TABLE orders ADD CHECK (n > 0);
-- bad
ALTER TABLE orders ADD COLUMN x int CHECK (x > 0);
-- good
ALTER TABLE orders ADD CONSTRAINT x CHECK (n > 0) NOT VALID;
-- good
CREATE TABLE x (a int CHECK (a > 0));
