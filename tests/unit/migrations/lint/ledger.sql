-- bad
DELETE FROM _prisma_migrations WHERE migration_name = 'x';
-- bad
UPDATE public._prisma_migrations SET rolled_back_at = now() WHERE id = 'x';
-- bad
INSERT INTO _holdfast_migrations (name, checksum) VALUES ('a', 'b');
-- bad
DROP TABLE _prisma_migrations;
-- good
SELECT * FROM _prisma_migrations;
