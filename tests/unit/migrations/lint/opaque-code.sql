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
SELECT lo_unlink(7);
-- bad
CREATE OR REPLACE FUNCTION lower(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN DELETE FROM orders; END';
SELECT lower('x');
-- bad
ALTER EXTENSION pg_trgm UPDATE;
-- good
SELECT now(), lower(name) FROM customers;
-- good
CREATE FUNCTION x() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
