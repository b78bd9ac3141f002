-- bad
DO $$ BEGIN DROP TABLE orders; END $$;
-- bad
CALL tidy();
-- bad
SELECT tidy(id) FROM orders;
-- bad
INSERT INTO customers (id) VALUES (1), (tidy(2));
-- bad
EXECUTE x;
-- bad
ALTER EXTENSION pg_trgm UPDATE;
-- good
SELECT now(), lower(name) FROM customers;
-- good
CREATE FUNCTION x() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
