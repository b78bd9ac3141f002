-- bad
CREATE TABLE x (a int;
-- bad
FROBNICATE orders;
-- bad
SELECT JSON_TABLE(x COLUMNS (y int PATH '$'));
-- bad
SELECT 'never ends;
-- good
SELECT 1;
-- good
-- nothing
