-- bad
SET work_mem = '1GB';
-- bad
SET ROLE admin;
-- bad
RESET ALL;
-- good
SET LOCAL work_mem = '1GB';
-- good
SET lock_timeout = '5s';
-- good
RESET work_mem;
