"""holdfast plan: what is pending, what is dangerous in it, and a digest that any change changes."""
import json



def migration(site, name, sql):
    (site.directory / "sql" / f"{name}.sql").write_text(sql)


def plan(site, *args, **options):
    return site.json("plan", *args, check=0, **options)["plan"]


def test_plan(shop):
    assert plan(shop)["migrations"] == []
    migration(shop, "20991231000000_more",
              "ALTER TABLE invoices DROP COLUMN status;\n-- holdfast:allow create-index it is small\nCREATE INDEX x ON invoices (id);\n"
              "CREATE TABLE fresh (id int);\nCREATE INDEX y ON fresh (id);\nFROB;")
    before = shop.cluster.psql(shop.db, "SELECT count(*) FROM pg_class")
    document = plan(shop)
    assert shop.cluster.psql(shop.db, "SELECT count(*) FROM pg_class") == before
    told, = document["migrations"]
    assert told["name"] == "20991231000000_more.sql"
    drop, index, table, new_index, unknown = told["statements"]
    relation, = drop["relations"]
    assert relation["name"] == "public.invoices" and relation["rows"] == 700 and relation["bytes"] > 8192
    assert drop["line"] == 1 and drop["kind"] == "ALTER TABLE" and drop["lock"] == "ACCESS EXCLUSIVE" and not drop["rewrites"]
    assert [(finding["rule"], finding["class"]) for finding in drop["findings"]] == [("drop-column", "destructive")]
    assert index["lock"] == "SHARE" and [finding["allowed"] for finding in index["findings"]] == ["it is small"]
    assert new_index["findings"] == [] and new_index["lock"] == "" and table["relations"][0]["new"]
    assert [finding["rule"] for finding in unknown["findings"]] == ["unknown-statement"]
    assert document["findings"] == {"destructive": 2, "breaking": 0, "blocking": 0, "failing": 0, "session": 0}
    assert document["destructive"] is True

    text = shop.holdfast("plan", check=0).stdout
    for word in ("drop-column", "public.invoices", "ACCESS EXCLUSIVE", "allowed: it is small", document["digest"]):
        assert word in text
    markdown = shop.holdfast("plan", "--markdown", check=0).stdout
    for word in ("### 20991231000000", "**drop-column**", "```sql\nALTER TABLE invoices DROP COLUMN status\n```", document["digest"]):
        assert word in markdown
    assert shop.holdfast("plan", "--check", check=6).stderr.count("2 findings") == 1


def test_plan_without_findings(shop):
    migration(shop, "20991231000000_more", "CREATE TABLE fresh (id int);")
    shop.holdfast("plan", "--check", check=0)
    assert plan(shop)["destructive"] is False


def test_the_digest_is_of_sql_order_target_and_schema(shop):
    cluster, db = shop.cluster, shop.db
    migrations = shop.directory / "sql"
    migration(shop, "20991231000000_a", "CREATE TABLE a (id int);")
    migration(shop, "20991231000001_b", "CREATE TABLE b (id int);")
    first = plan(shop)["digest"]
    seen = {first}

    def changed():
        digest = plan(shop)["digest"]
        assert digest not in seen
        seen.add(digest)

    assert plan(shop)["digest"] == first
    cluster.psql(db, "INSERT INTO invoices SELECT * FROM invoices; ANALYZE; VACUUM invoices")
    assert plan(shop)["digest"] == first
    migration(shop, "20991231000000_a", "CREATE TABLE a (id int); ")
    changed()
    migration(shop, "20991231000000_a", "CREATE TABLE a (id int);")
    assert plan(shop)["digest"] == first
    (migrations / "20991231000000_a.sql").rename(migrations / "20991231000002_a.sql")
    changed()
    (migrations / "20991231000002_a.sql").rename(migrations / "20991231000000_a.sql")
    (migrations / "20991231000001_b.sql").unlink()
    changed()
    migration(shop, "20991231000001_b", "CREATE TABLE b (id int);")
    cluster.psql(db, "COMMENT ON TABLE invoices IS 'something else'")
    changed()
    cluster.psql(db, "COMMENT ON TABLE invoices IS NULL")
    assert plan(shop)["digest"] == first
    cluster.createdb(db + "__twin", template=db)
    assert plan(shop, env={"DATABASE_URL": cluster.url(db + "__twin")})["digest"] not in seen


def test_a_plan_by_the_schema_of_the_url(shop):
    cluster, db = shop.cluster, shop.db
    cluster.psql(db, "CREATE SCHEMA other; CREATE TABLE other.things AS SELECT generate_series(1, 2000) AS id; ANALYZE other.things;"
                     "CREATE TABLE things (id int)")
    migration(shop, "1", "ALTER TABLE things ALTER COLUMN id TYPE bigint;")
    told = plan(shop, env={"DATABASE_URL": cluster.url(db) + "?schema=other"})["migrations"][0]["statements"][0]
    assert told["relations"][0]["name"] == "other.things" and told["relations"][0]["rows"] == 2000 and told["rewrites"]


def test_a_partitioned_table_is_as_large_as_its_partitions(shop):
    cluster, db = shop.cluster, shop.db
    cluster.psql(db, "CREATE TABLE parts (id int) PARTITION BY HASH (id); CREATE TABLE p0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
                     "CREATE TABLE p1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO parts SELECT generate_series(1, 3000); ANALYZE parts")
    migration(shop, "20991231000000_more", "ALTER TABLE parts ADD COLUMN x int;")
    relation = plan(shop)["migrations"][0]["statements"][0]["relations"][0]
    assert relation["rows"] == 3000 and relation["bytes"] > 90000


def test_a_command_cannot_tell(shop):
    shop.write_config(migrations={"kind": "command", "command": ["true"]})
    document = plan(shop)
    assert document["unknown"] is True and document["digest"] is None and document["migrations"] == []
    assert "not known" in shop.holdfast("plan", check=0).stdout
    assert "not known" in shop.holdfast("plan", "--markdown", check=0).stdout
    shop.holdfast("plan", "--check", check=6)


def test_sql_that_the_parser_refuses_is_unknown(shop):
    migration(shop, "20991231000000_more", "SELECT " + "(" * 100000 + "1" + ")" * 100000 + "; DROP TABLE invoices;")
    statements = plan(shop)["migrations"][0]["statements"]
    assert [[finding["rule"] for finding in statement["findings"]] for statement in statements] == [["unknown-statement"], ["drop-table"]]


def test_sql_that_no_stack_holds_is_refused(shop):
    migration(shop, "20991231000000_more", "SELECT " + "1+" * 200000 + "1; DROP TABLE invoices;")
    assert "nested too deeply, in line 1" in shop.holdfast("plan", check=36).stderr


def test_markdown_cannot_be_steered_by_sql(shop):
    sql = "SELECT '```\n# not a heading';\n-- holdfast:allow drop-table <b>@everyone</b>\nDROP TABLE invoices;"
    migration(shop, "20991231000000_more", sql)
    markdown = shop.holdfast("plan", "--markdown", check=0).stdout
    assert "````sql\nSELECT '```\n# not a heading'\n````" in markdown
    assert "<b>" not in markdown.replace("\\<b\\>", "") and "\\@everyone" in markdown


def test_prisma_migrations(small_site):
    folder = small_site.directory / "prisma" / "migrations" / "20991231000000_more"
    folder.mkdir()
    assert "P3015" in small_site.holdfast("plan", check=36).stderr
    (folder / "migration.sql").write_bytes(b"SELECT 1;\0")
    assert json.loads(small_site.holdfast("plan", "--output", "json", check=36).stdout)["error"]["code"] == "MIGRATION"
    (folder / "migration.sql").write_text("DROP TABLE invoices;")
    told, = plan(small_site)["migrations"]
    assert told["name"] == "20991231000000_more" and told["statements"][0]["findings"][0]["rule"] == "drop-table"


def test_what_only_the_server_knows(shop):
    shop.cluster.psql(shop.db, "CREATE UNIQUE INDEX one ON invoices (id); CREATE INDEX many ON invoices (id);"
                               "CREATE FUNCTION calm() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION wild() RETURNS int LANGUAGE sql AS 'SELECT 1';"
                               "CREATE EXTENSION pgcrypto; CREATE DOMAIN positive AS int CHECK (VALUE > 0);"
                               "ALTER TABLE invoices ADD CONSTRAINT filled CHECK (status IS NOT NULL)")
    statements = {"DROP INDEX one": {"drop-index", "drop-constraint"}, "DROP INDEX many": {"drop-index"}, "SELECT calm()": set(),
                  "SELECT wild()": {"opaque-code"}, "SELECT gen_salt('md5')": set(), "ALTER TABLE invoices ADD a int DEFAULT calm()": set(),
                  "ALTER TABLE invoices ADD b int DEFAULT wild()": {"volatile-default"},
                  "ALTER TABLE invoices ADD c positive": {"volatile-default"}, "ALTER TABLE invoices ALTER status SET NOT NULL": set(),
                  "ALTER TABLE invoices ALTER status TYPE varchar(9)": {"narrow-type", "rewrite-type"}}
    for number, sql in enumerate(statements):
        migration(shop, f"{number:02}", sql)
    told = [{finding["rule"] for finding in entry["statements"][0]["findings"]} for entry in plan(shop)["migrations"]]
    assert told == list(statements.values())
