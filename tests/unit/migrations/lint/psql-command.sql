-- bad
\i other.sql
-- bad
SELECT 1;
\connect other
SELECT 2;
-- bad
COPY log FROM STDIN;
1	x
\.
-- good
SELECT E'a\\n';
