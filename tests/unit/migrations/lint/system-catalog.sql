-- bad
DELETE FROM pg_enum WHERE enumlabel = 'sad';
-- bad
UPDATE pg_catalog.pg_attribute SET atttypmod = 54 WHERE attname = 'status';
-- bad
WITH x AS (INSERT INTO pg_catalog.pg_enum SELECT * FROM pg_enum RETURNING 1) SELECT 1;
-- good
SELECT * FROM pg_enum;
-- good
CREATE TABLE pg_mine (id int);
INSERT INTO pg_mine VALUES (1);
-- good
DELETE FROM public.pg_mine WHERE id = 1;
