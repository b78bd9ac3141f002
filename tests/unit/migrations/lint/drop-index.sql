-- bad
DROP INDEX orders_status_idx;
-- bad
DROP INDEX IF EXISTS public.orders_status_idx;
-- good
DROP INDEX CONCURRENTLY orders_status_idx;
-- good
DROP INDEX IF EXISTS not_there;
