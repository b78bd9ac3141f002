-- bad
ALTER TABLE orders DISABLE TRIGGER ALL;
-- bad
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
-- bad
ALTER TABLE orders DISABLE TRIGGER touch;
-- good
ALTER TABLE orders ENABLE TRIGGER touch;
-- good
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
-- bad
SET session_replication_role = replica;
-- bad
SET LOCAL session_replication_role TO 'replica';
-- bad
SELECT set_config('session_replication_role', 'replica', true);
-- good
SET session_replication_role = DEFAULT;
-- good
SELECT set_config('session_replication_role', 'origin', true);
