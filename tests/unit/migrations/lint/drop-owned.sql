-- bad
DROP OWNED BY x;
-- good
REASSIGN OWNED BY x TO y;
