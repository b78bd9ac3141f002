-- bad
VACUUM FULL orders;
-- bad
VACUUM (FULL, ANALYZE) orders;
-- good
VACUUM orders;
-- good
ANALYZE orders;
