-- bad
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders ADD COLUMN remark text;
-- bad
ALTER TABLE orders ADD COLUMN remark text, DROP COLUMN note;
-- bad
DROP TABLE customers;
CREATE TABLE clients (id int NOT NULL, name text, email text);
-- good
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders ADD COLUMN weight int;
-- good
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE customers ADD COLUMN note text;
-- good
DROP TABLE customers;
CREATE TABLE stock (sku text, place text);
