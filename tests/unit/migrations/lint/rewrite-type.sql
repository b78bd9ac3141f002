-- bad
ALTER TABLE orders ALTER COLUMN n TYPE bigint;
-- bad
ALTER TABLE orders ALTER COLUMN created TYPE timestamptz;
-- bad
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,4);
-- bad
ALTER TABLE not_known ALTER COLUMN n TYPE bigint;
-- good
ALTER TABLE orders ALTER COLUMN status TYPE text;
-- good
ALTER TABLE orders ALTER COLUMN status TYPE varchar(80);
-- good
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,2);
-- good
CREATE TABLE x (n int);
ALTER TABLE x ALTER COLUMN n TYPE bigint;
