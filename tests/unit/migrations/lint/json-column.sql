-- bad
ALTER TABLE orders ADD COLUMN x json;
-- bad
CREATE TABLE x (a json);
-- good
CREATE TABLE x (a jsonb);
