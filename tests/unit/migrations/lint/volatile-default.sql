-- bad
ALTER TABLE orders ADD COLUMN x uuid DEFAULT gen_random_uuid();
-- bad
ALTER TABLE orders ADD COLUMN x serial;
-- bad
ALTER TABLE orders ADD COLUMN x int GENERATED ALWAYS AS IDENTITY;
-- bad
ALTER TABLE orders ADD COLUMN x text DEFAULT own_function();
-- bad
ALTER TABLE orders ADD COLUMN x positive;
-- good
ALTER TABLE orders ADD COLUMN x int DEFAULT 7;
-- good
ALTER TABLE orders ADD COLUMN x timestamptz DEFAULT now();
-- good
ALTER TABLE orders ADD COLUMN x timestamptz DEFAULT CURRENT_TIMESTAMP;
-- good
CREATE TABLE x (a int);
ALTER TABLE x ADD COLUMN b serial;
