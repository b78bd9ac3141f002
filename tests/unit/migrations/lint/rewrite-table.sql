-- bad
ALTER TABLE orders SET TABLESPACE fast;
-- bad
ALTER TABLE orders SET UNLOGGED;
-- good
ALTER TABLE orders SET (fillfactor = 80);
-- good
CREATE TABLE x (a int);
ALTER TABLE x SET UNLOGGED;
