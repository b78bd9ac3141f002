-- bad
UPDATE customers SET name = 'x';
-- bad
INSERT INTO log WITH u AS (UPDATE customers SET name = 'y' RETURNING id) SELECT id FROM u;
-- good
UPDATE customers SET name = 'x' WHERE name IS NULL;
-- good
ALTER TABLE customers ADD COLUMN x int;
UPDATE customers SET x = 1;
