-- bad
ALTER TYPE mood ADD VALUE 'fine';
ALTER TABLE orders ADD COLUMN m mood DEFAULT 'fine';
-- bad
ALTER TYPE mood ADD VALUE 'fine';
UPDATE log SET mood = 'fine' WHERE id = 1;
-- good
ALTER TYPE mood ADD VALUE 'fine';
-- good
ALTER TYPE mood ADD VALUE 'fine';
-- next migration
UPDATE log SET mood = 'fine' WHERE id = 1;
-- good
CREATE TYPE x AS ENUM ('a');
ALTER TYPE x ADD VALUE 'b';
CREATE TABLE y (m x DEFAULT 'b');
