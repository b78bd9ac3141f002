-- bad
LOCK TABLE orders;
-- bad
LOCK orders IN SHARE MODE;
-- good
LOCK TABLE orders IN ACCESS SHARE MODE;
