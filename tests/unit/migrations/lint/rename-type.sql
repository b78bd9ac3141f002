-- bad
ALTER TYPE mood RENAME TO temper;
-- bad
ALTER TYPE mood RENAME VALUE 'bad' TO 'sad';
-- bad
ALTER DOMAIN positive RENAME TO p;
-- good
ALTER TYPE mood ADD VALUE 'fine';
