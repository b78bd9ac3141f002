-- bad
ALTER TABLE orders DROP CONSTRAINT orders_total_check;
-- bad
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_pkey;
-- bad
ALTER DOMAIN positive DROP CONSTRAINT positive_check;
-- bad
DROP INDEX orders_big_key;
-- bad
DROP INDEX CONCURRENTLY orders_big_key;
-- good
ALTER TABLE orders DROP CONSTRAINT IF EXISTS not_there;
-- good
DROP INDEX orders_status_idx;
-- good
ALTER TABLE orders ADD CONSTRAINT x CHECK (n > 0) NOT VALID;
ALTER TABLE orders DROP CONSTRAINT x;
