-- bad
ALTER TABLE orders ALTER COLUMN status TYPE varchar(20);
-- bad
ALTER TABLE orders ALTER COLUMN note TYPE int USING note::int;
-- bad
ALTER TABLE orders ALTER COLUMN big TYPE int;
-- bad
ALTER TABLE orders ALTER COLUMN total TYPE numeric(7,2);
-- bad
ALTER TABLE orders ALTER COLUMN note TYPE varchar(255);
-- bad
ALTER TABLE orders ALTER COLUMN status TYPE mood USING status::mood;
-- bad
ALTER TABLE orders ALTER COLUMN status TYPE text USING left(status, 3);
-- bad
ALTER TABLE not_known ALTER COLUMN x TYPE int;
-- good
ALTER TABLE orders ALTER COLUMN status TYPE varchar(80);
-- good
ALTER TABLE orders ALTER COLUMN n TYPE bigint;
-- good
ALTER TABLE orders ALTER COLUMN status TYPE text USING status::text;
-- good
ALTER TABLE orders ALTER COLUMN created TYPE timestamptz;
-- good
ALTER TABLE orders ALTER COLUMN total TYPE numeric(10,2);
-- good
ALTER TABLE orders ADD COLUMN x bigint;
ALTER TABLE orders ALTER COLUMN x TYPE int;
