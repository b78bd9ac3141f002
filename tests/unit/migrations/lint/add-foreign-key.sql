-- bad
ALTER TABLE orders ADD CONSTRAINT x FOREIGN KEY (n) REFERENCES customers (id);
-- bad
CREATE TABLE x (id int PRIMARY KEY);
ALTER TABLE orders ADD FOREIGN KEY (n) REFERENCES x;
-- bad
ALTER TABLE orders ADD COLUMN x int DEFAULT 1 REFERENCES customers;
-- good
ALTER TABLE orders ADD CONSTRAINT x FOREIGN KEY (n) REFERENCES customers (id) NOT VALID;
-- good
CREATE TABLE x (id int, o int REFERENCES orders);
-- good
CREATE TABLE x (o int);
ALTER TABLE x ADD FOREIGN KEY (o) REFERENCES orders (id);
-- good
ALTER TABLE orders ADD COLUMN x int REFERENCES customers;
