"""Migrations as applications really have them, through the real Prisma CLI and through holdfast: the same schema, rows and ledger."""
# labels: prisma
import pytest

from harness import compare
from test_prisma import Pair, prisma  # noqa: F401

WARNING = """/*
  Warnings:

  - You are about to drop the column `nick` on the `User` table. All the data in the column will be lost.
  - A unique constraint covering the columns `[email]` on the table `User` will be added. "quoted"; 'and' -- not
*/
"""

# In order; one folder. What they do to each other (settings, temporary tables, roles that leak) is part of the case.
REAL = {
    "20200101000000_init": """-- CreateEnum
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN', 'it''s');

-- CreateTable
CREATE TABLE "User" (
    "id" SERIAL NOT NULL,
    "email" TEXT NOT NULL,
    "nick" TEXT,
    "role" "Role" NOT NULL DEFAULT 'USER',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "meta" JSONB NOT NULL DEFAULT '{"a": "b; c"}',

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "_PostToUser" ("A" INTEGER NOT NULL, "B" INTEGER NOT NULL);
CREATE UNIQUE INDEX "_PostToUser_AB_unique" ON "_PostToUser"("A", "B");
INSERT INTO "User" ("email", "nick") SELECT 'u' || n || '@example.org', 'n' || n FROM generate_series(1, 50) n;
""",
    "20200101000001_extensions": 'CREATE EXTENSION IF NOT EXISTS "citext";\nCREATE EXTENSION IF NOT EXISTS "pgcrypto" WITH SCHEMA "public";\n'
                                 'CREATE SCHEMA IF NOT EXISTS "extensions";\nCREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA extensions;',
    "20200101000002_enum_rewrite": WARNING + """-- AlterEnum
BEGIN;
CREATE TYPE "Role_new" AS ENUM ('USER', 'OWNER');
ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING (CASE "role"::text WHEN 'ADMIN' THEN 'OWNER' ELSE 'USER' END::"Role_new");
ALTER TYPE "Role" RENAME TO "Role_old";
ALTER TYPE "Role_new" RENAME TO "Role";
DROP TYPE "Role_old";
ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'USER';
COMMIT;
""",
    "20200101000003_enum_values": "-- AlterEnum\n-- This migration adds more than one value to an enum.\n\n\nALTER TYPE \"Role\" ADD VALUE 'A';\nALTER TYPE \"Role\" ADD VALUE IF NOT EXISTS 'B' BEFORE 'USER';",
    "20200101000004_do_block": """DO $$ BEGIN
  CREATE TYPE "Kind" AS ENUM ('x');
EXCEPTION
  WHEN duplicate_object THEN null;
END $$;
DO $do$ DECLARE r record; BEGIN
  FOR r IN SELECT id FROM "User" LOOP EXECUTE format('UPDATE "User" SET "nick" = %L WHERE id = %s', '$$' || r.id || ';', r.id); END LOOP;
END $do$ LANGUAGE plpgsql;""",
    "20200101000005_trigger": """CREATE OR REPLACE FUNCTION touch() RETURNS TRIGGER AS $func$
BEGIN
  -- a comment; with a semicolon
  EXECUTE $q$ SELECT 'x;' $q$;
  NEW."createdAt" := COALESCE(NEW."createdAt", now());
  RETURN NEW;
END;
$func$ LANGUAGE 'plpgsql';
DROP TRIGGER IF EXISTS touch_user ON "User";
CREATE TRIGGER touch_user BEFORE UPDATE ON "User" FOR EACH ROW EXECUTE PROCEDURE touch();
CREATE FUNCTION sql_body(a int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a + 1;
CREATE FUNCTION atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a; SELECT a + 1; END;""",
    "20200101000006_concurrently": "-- CreateIndex\n/* the only statement */\nCREATE INDEX CONCURRENTLY IF NOT EXISTS \"User_role_idx\" ON \"User\"(\"role\");\n\n-- end\n",
    "20200101000007_views": """CREATE OR REPLACE VIEW "active" AS SELECT u.*, row_number() OVER (PARTITION BY role ORDER BY id) AS rn FROM "User" u;
CREATE MATERIALIZED VIEW "counts" AS SELECT role, count(*) FROM "User" GROUP BY 1 WITH DATA;
CREATE UNIQUE INDEX ON "counts" (role); REFRESH MATERIALIZED VIEW CONCURRENTLY "counts";""",
    "20200101000008_backfill": """ALTER TABLE "User" ADD COLUMN "slug" CITEXT;
WITH numbered AS (SELECT id, 'user-' || id AS s FROM "User") UPDATE "User" SET "slug" = numbered.s FROM numbered WHERE "User".id = numbered.id;
ALTER TABLE "User" ALTER COLUMN "slug" SET NOT NULL;
INSERT INTO "User" (id, email, slug) VALUES (1, 'again', 'x') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email || '!' RETURNING *;
CREATE TEMP TABLE kept AS SELECT id FROM "User" WHERE id < 10;
CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT 1 AS x;""",
    "20200101000009_uses_the_temporary": 'DELETE FROM "User" WHERE id IN (SELECT id FROM kept);',
    "20200101000010_crlf": "-- AlterTable\r\nALTER TABLE \"User\" ADD COLUMN \"multi\" TEXT DEFAULT 'a\r\nb';\r\n\r\nCREATE FUNCTION crlf() RETURNS text LANGUAGE sql AS $$\r\n SELECT 'x'\r\n$$;\r\n",
    "20200101000011_comments": "-- This is an empty migration.\n\n/* nested /* comment; */ here */\n--",
    "20200101000012_only_semicolons": ";\n;;  \n",
    "20200101000013_policies": """ALTER TABLE "User" ENABLE ROW LEVEL SECURITY; ALTER TABLE "User" FORCE ROW LEVEL SECURITY;
CREATE POLICY "own \"\"rows\"\"" ON "User" AS PERMISSIVE FOR ALL TO PUBLIC USING (id > 0) WITH CHECK (email <> '');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
COMMENT ON TABLE "User" IS 'who; what -- and $$'; COMMENT ON COLUMN "User"."email" IS E'tab\\there';""",
    "20200101000014_stray_commit": 'CREATE TABLE "stray" (id int);\nCOMMIT;\n',
    "20200101000015_procedure": """CREATE PROCEDURE batches() LANGUAGE plpgsql AS $$ BEGIN
  FOR i IN 1..3 LOOP INSERT INTO stray VALUES (i); COMMIT; END LOOP; END $$;""",
    "20200101000016_call_alone": "CALL batches();",
    "20200101000017_settings": "SET statement_timeout = 0;\nSET client_min_messages TO WARNING;\nSET LOCAL lock_timeout = '1s';\nSELECT pg_catalog.set_config('row_security', 'off', false);",
    "20200101000018_identifiers": 'CREATE TABLE "' + "n" * 70 + '" (id int); CREATE TABLE "Ünïcode 表" ("col;umn" int, "q""q" int, U&"d\\0061t" int); CREATE TABLE weird_$dollar$1 (a$ int);',
    "20200101000019_strings": r"""SET standard_conforming_strings = on;
CREATE TABLE strings (a text DEFAULT E'it\'s; \\', b text DEFAULT U&'\0441\043B', c text DEFAULT $x1$ $$ ; ' $x1$, d bit DEFAULT B'1', e text DEFAULT 'line'
' two');""",
    "20200101000020_partitions": """CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01+00') TO ('2021-01-01+00'); CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX ON events (at DESC NULLS LAST) INCLUDE (id) WHERE at > '2020-06-01'; CREATE STATISTICS ev ON id, at FROM events; ANALYZE events;""",
    "20200101000021_constraints": """ALTER TABLE "_PostToUser" ADD CONSTRAINT "f" FOREIGN KEY ("A") REFERENCES "User"(id) ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED NOT VALID;
ALTER TABLE "_PostToUser" VALIDATE CONSTRAINT "f"; SET CONSTRAINTS ALL DEFERRED; INSERT INTO "_PostToUser" VALUES (999, 1); DELETE FROM "_PostToUser";
ALTER TABLE "User" ADD CONSTRAINT nick_no_overlap EXCLUDE USING btree (email WITH =), ADD CONSTRAINT c CHECK (length(email) > 2) NO INHERIT;
ALTER TABLE "User" RENAME CONSTRAINT c TO "C 2"; ALTER INDEX "User_role_idx" RENAME TO "role idx";""",
    "20200101000022_ledger": "UPDATE \"_prisma_migrations\" SET logs = 'seen' WHERE migration_name LIKE '%_init';",
    "20200101000023_drop_concurrently": 'DROP INDEX CONCURRENTLY "role idx"',
    "20200101000024_rules": """CREATE RULE no_delete AS ON DELETE TO stray DO INSTEAD (NOTIFY deleted; SELECT 1);
CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; CREATE EVENT TRIGGER evt ON ddl_command_end EXECUTE FUNCTION ev(); LISTEN x; NOTIFY x, 'y';""",
    "20200101000025_drop_event_trigger": "DROP EVENT TRIGGER evt; CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE AGGREGATE agg (int) (SFUNC = int4pl, STYPE = int); CREATE CAST (d AS text) WITH INOUT;",
}

ROWS = 'SELECT md5(string_agg(u::text, chr(10) ORDER BY id)) FROM (SELECT id, email, nick, role, slug, multi FROM "User") u'
IN_PUBLIC = {"20200101000001_extensions", "20200101000013_policies"}  # speak of the schema public


@pytest.mark.parametrize("query", ["", "?schema=app"])
@pytest.mark.long(after=1)
def test_as_applications_have_them(cluster, prisma, tmp_path, query):  # noqa: F811
    files = REAL if not query else {name: sql.replace('WITH SCHEMA "public"', "").replace("IN SCHEMA public", "IN SCHEMA app") if name in IN_PUBLIC else sql
                                    for name, sql in REAL.items()}
    both = Pair(cluster, prisma, tmp_path / "site", files, query=query, lock='# Please do not edit this file manually\nprovider = "postgresql"')
    (both.migrations / ".DS_Store").write_bytes(b"\0\1")
    (both.migrations / "20200101000000_init" / "down.sql").write_text("DROP TABLE x;")
    try:
        both.assert_deployed()
        both.assert_agreed()
        search_path = f"SET search_path = {query.removeprefix('?schema=') or 'public'};\n"
        assert cluster.psql(both.ours, search_path + ROWS) == cluster.psql(both.theirs, search_path + ROWS)
        assert compare.schema_text(cluster, both.ours).count("CREATE") > 30
        status, document = both.holdfast("drift")
        assert status == 0, document
    finally:
        both.site.drop_databases()
        cluster.dropdb(both.theirs)
