-- bad
ALTER TABLE orders RENAME COLUMN note TO remark;
-- good
ALTER TABLE orders ADD COLUMN x int;
ALTER TABLE orders RENAME COLUMN x TO y;
-- good
CREATE TABLE x (a int);
ALTER TABLE x RENAME a TO b;
