-- bad
REINDEX TABLE orders;
-- bad
REINDEX INDEX orders_status_idx;
-- good
REINDEX TABLE CONCURRENTLY orders;
