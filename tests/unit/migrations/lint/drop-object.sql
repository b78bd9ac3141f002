-- bad
DROP VIEW v;
-- bad
DROP MATERIALIZED VIEW totals;
-- bad
DROP FUNCTION f(int);
-- bad
DROP SEQUENCE orders_id_seq;
-- bad
DROP TRIGGER touch ON orders;
-- bad
DROP POLICY own ON orders;
-- bad
DROP EXTENSION pg_trgm;
-- bad
DROP ROLE x;
-- bad
DROP PUBLICATION p;
-- good
CREATE VIEW x AS SELECT 1;
DROP VIEW x;
-- good
DROP VIEW IF EXISTS not_there;
-- good
CREATE TABLE x (a int);
CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION f();
DROP TRIGGER t ON x;
