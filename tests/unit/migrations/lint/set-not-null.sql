-- bad
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
-- bad
ALTER TABLE orders ADD COLUMN x int;
ALTER TABLE orders ALTER COLUMN x SET NOT NULL;
-- good
ALTER TABLE orders ALTER COLUMN status SET NOT NULL;
-- good
ALTER TABLE orders ALTER COLUMN n SET NOT NULL;
-- good
ALTER TABLE orders ADD CONSTRAINT note_present CHECK (note IS NOT NULL) NOT VALID;
-- next migration
ALTER TABLE orders VALIDATE CONSTRAINT note_present;
-- next migration
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
