-- bad
-- holdfast:allow no-such-rule because
SELECT 1;
-- bad
SELECT 1; -- holdfast:allow drop-table
-- good
-- holdfast:allow drop-table nobody has used it since March
DROP TABLE orders;
-- good
SELECT '-- holdfast:allow x';
