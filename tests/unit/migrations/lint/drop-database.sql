-- bad
DROP DATABASE shop;
-- bad
DROP TABLESPACE fast;
-- good
CREATE DATABASE shop;
