-- bad
DROP SCHEMA audit;
-- bad
DROP SCHEMA IF EXISTS audit CASCADE;
-- good
CREATE SCHEMA audit;
