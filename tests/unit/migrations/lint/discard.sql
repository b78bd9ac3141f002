-- bad
DISCARD ALL;
-- bad
SELECT pg_advisory_unlock_all();
-- good
DISCARD PLANS;
