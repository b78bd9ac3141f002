-- bad
CLUSTER orders USING orders_pkey;
-- bad
CLUSTER;
-- good
ALTER TABLE orders CLUSTER ON orders_pkey;
