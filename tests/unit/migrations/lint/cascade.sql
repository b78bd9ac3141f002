-- bad
DROP TABLE orders CASCADE;
-- bad
TRUNCATE orders CASCADE;
-- bad
ALTER TABLE orders DROP COLUMN note CASCADE;
-- bad
DROP TYPE mood CASCADE;
-- good
DROP TABLE orders;
-- good
ALTER TABLE orders DROP COLUMN note RESTRICT;
