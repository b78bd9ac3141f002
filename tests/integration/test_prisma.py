"""The same migrations through the real Prisma CLI and through holdfast: the same schema, and the same ledger but for ids and times."""
# labels: prisma
import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import compare
from harness.prisma import Missing, Prisma
from harness.site import Site

_numbers = itertools.count(1)

# By name: times can tie.
LEDGER = """SELECT json_agg(json_build_object('name', migration_name, 'checksum', checksum, 'steps', applied_steps_count,
    'finished', finished_at IS NOT NULL, 'rolled_back', rolled_back_at IS NOT NULL, 'logs', logs, 'id', id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4',
    'in order', started_at <= coalesce(finished_at, started_at)) ORDER BY migration_name, started_at) FROM _prisma_migrations"""


@pytest.fixture(scope="module")
def prisma():
    try:
        return Prisma()
    except Missing as missing:
        pytest.skip(str(missing))


class Pair:
    """Two databases that start alike; `theirs` is migrated by Prisma, `ours` by holdfast."""

    def __init__(self, cluster, prisma, directory, files, *, before="", query="", lock=None):
        number = next(_numbers)
        self.cluster, self.prisma, self.query = cluster, prisma, query
        self.theirs, self.ours = f"theirs{number}", f"ours{number}"
        for db in (self.theirs, self.ours):
            cluster.createdb(db)
            if before:
                cluster.psql(db, before)
        self.site = Site(cluster, self.ours, directory, create=False)
        self.site.write_config(migrations={"kind": "prisma", "directory": "migrations"})
        self.site.holdfast("init", check=0)
        self.migrations = self.site.directory / "migrations"
        self.migrations.mkdir()
        self.write(files)
        if lock is not None:
            (self.migrations / "migration_lock.toml").write_text(lock)

    def write(self, files):
        for name, sql in files.items():
            folder = self.migrations / name
            folder.mkdir(exist_ok=True)
            if sql is not None:
                (folder / "migration.sql").write_bytes(sql if isinstance(sql, bytes) else sql.encode())

    def real(self, db, *arguments):
        return self.prisma.run(self.site.directory, self.cluster.url(db) + self.query, *arguments)

    def holdfast(self, *arguments, db=None):
        result = self.site.holdfast(*arguments, "--output", "json", env={"DATABASE_URL": self.cluster.url(db or self.ours) + self.query})
        return result.returncode, result.json()

    def deploy(self):
        """Both at once: (status, output) of Prisma, (status, document) of holdfast."""
        with ThreadPoolExecutor(2) as pool:
            theirs = pool.submit(self.real, self.theirs, "deploy")
            ours = pool.submit(self.holdfast, "deploy")
            return theirs.result(), ours.result()

    def ledger(self, db):
        schema = re.sub(r".*schema=", "", self.query) if "schema=" in self.query else "public"
        if self.cluster.psql(db, f"""SELECT to_regclass('"{schema}"._prisma_migrations') IS NULL""") == "t":
            return None
        return json.loads(self.cluster.psql(db, f'SET search_path = "{schema}";\n{LEDGER}') or "null") or []

    def assert_same(self, ours=None):
        assert self.ledger(ours or self.ours) == self.ledger(self.theirs)
        assert compare.schema_text(self.cluster, ours or self.ours) == compare.schema_text(self.cluster, self.theirs)

    def assert_agreed(self):
        """Each says of what the other did that it is up to date."""
        status, output = self.real(self.ours, "status")
        assert status == 0 and "Database schema is up to date!" in output, output
        status, document = self.holdfast("migrations", "status", db=self.theirs)
        assert status == 0 and not document["pending"], document

    def assert_deployed(self):
        (status, output), (our_status, document) = self.deploy()
        assert status == 0, output
        assert our_status == 0, document
        self.assert_same()


@pytest.fixture
def pair(cluster, prisma, tmp_path):
    made = []

    def make(files, **options):
        made.append(Pair(cluster, prisma, tmp_path / f"site{len(made)}", files, **options))
        return made[-1]
    yield make
    for one in made:
        one.site.drop_databases()
        cluster.dropdb(one.theirs)


# What must go through as it does with Prisma. One folder, so that one deploy serves them all.
SUCCEEDS = {
    "01_several_statements": "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (id int REFERENCES a);",
    "02_empty": "",
    "03_comment_only": "-- nothing\n/* at /* all */ */\n",
    "04_crlf": "CREATE TABLE crlf (id int);\r\nCOMMENT ON TABLE crlf IS 'two\r\nlines';\r\n",
    "05_no_newline_at_end": "CREATE TABLE c (id int)",
    "06_type": "CREATE TYPE mood AS ENUM ('sad');",
    "07_add_value_alone": "ALTER TYPE mood ADD VALUE 'happy';",
    "08_uses_the_value": "CREATE TABLE moods (m mood DEFAULT 'happy');",
    "09_index_concurrently": "CREATE INDEX CONCURRENTLY b_id ON b (id);",
    "10_begin_and_commit": "BEGIN;\nCREATE TABLE d (id int);\nCOMMIT;",
    "11_inner_commit": "CREATE TABLE e (id int);\nCOMMIT;\nCREATE TABLE f (id int);",
    "12_function": "CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $x$ BEGIN; RETURN 1; END $x$;".replace("BEGIN;", "BEGIN"),
    "13_utf8": "CREATE TABLE \"Größe 中 😀\" (\"ä\" text DEFAULT 'ü');",
    "14_notice": "DO $$ BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'careful'; END $$;",
    "15_select": "SELECT generate_series(1, 1000);",
    "16_set_leaks": "SET lock_timeout = '9s'; SET check_function_bodies = off;",
    "17_needs_the_leak": "CREATE FUNCTION late() RETURNS int LANGUAGE sql AS 'SELECT x FROM not_yet';",
    "18_semicolons": ";;;SELECT 1;;",
    "19_partitions": "CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);",
    "20_dollar_and_quotes": "CREATE TABLE q (t text DEFAULT 'it''s; $$ -- no'); COMMENT ON TABLE q IS E'a\\nb';",
    "21_long_line": "SELECT '" + "x" * 100_000 + "';",
    "22_vacuum_alone": "VACUUM a;",
    "not_a_timestamp": "CREATE TABLE odd (id int);",
    "with space": "CREATE TABLE spaced (id int);",
}


@pytest.fixture(scope="module")
def done(cluster, prisma, tmp_path_factory):
    made = Pair(cluster, prisma, tmp_path_factory.mktemp("done") / "site", SUCCEEDS)
    (made.migrations / "note.txt").write_text("not a folder")
    (made.migrations / "00_link").symlink_to(made.migrations / "01_several_statements")
    made.assert_deployed()
    yield made
    made.site.drop_databases()
    cluster.dropdb(made.theirs)


@pytest.mark.parametrize("name", SUCCEEDS)
@pytest.mark.long(after=4)
def test_succeeds(done, name):
    ours, theirs = ([row for row in done.ledger(db) if row["name"] == name] for db in (done.ours, done.theirs))
    assert ours == theirs and len(ours) == 1
    assert ours[0]["finished"] and ours[0]["steps"] == 1 and ours[0]["logs"] is None and ours[0]["id"]


def test_status_agrees(done):
    done.assert_agreed()
    assert done.cluster.psql(done.ours, "SELECT count(*) FROM _prisma_migrations") == str(len(SUCCEEDS))


ODD_NAMES = [
    "20240101_z", "20240101000000_a", "20240101000000_A", "20240101000000-a", "20240101000000 a", "a", "A", "b", "B", "ab", "aB", "Ab", "_a", "-a",
    ",x", ";x", ":x", "!x", "?x", ".git", "'x", '"x', "(x", ")x", "[x", "]x", "{x", "}x", "@x", "*x", "\\x", "&x", "#x", "%x", "`x", "^x", "+x",
    "<x", "=x", ">x", "|x", "~x", "$x", "0", "9", "10", "é", "e", "f", "E", "ß", "ss", "z", "Ø", "中", "あ", "а", "😀", "٣", "a\tb", "…x", "–x",
]


def test_order(pair):
    both = pair({name: "INSERT INTO ran VALUES (DEFAULT, $$%s$$);" % name for name in ODD_NAMES},
                before="CREATE SCHEMA s; CREATE TABLE s.ran (id serial, name text); ALTER ROLE postgres SET search_path = public, s")
    try:
        both.assert_deployed()
        order = "SELECT name FROM s.ran ORDER BY id"
        assert both.cluster.psql(both.ours, order) == both.cluster.psql(both.theirs, order)
        assert both.cluster.psql(both.ours, "SELECT count(*) FROM s.ran") == str(len(ODD_NAMES))
    finally:
        both.cluster.psql("postgres", "ALTER ROLE postgres RESET search_path")


def test_schema_of_the_url(pair):
    """The schema is made, the ledger is in it, and search_path leads there; tables of public are nobody's business."""
    both = pair({"1_a": "CREATE TABLE t (id int);"}, query="?schema=My%20Schema".replace("%20", "_"), before="CREATE TABLE public.other (id int)")
    both.assert_deployed()
    both.assert_agreed()
    assert both.cluster.psql(both.ours, 'SELECT count(*) FROM "My_Schema".t') == "0"


@pytest.mark.long
def test_not_empty_does_not_count(pair):
    """Views, enums, sequences, partitioned tables and partitions, foreign tables, other schemas, spatial_ref_sys."""
    both = pair({"1_a": "CREATE TABLE t (id int);"}, before="""
        CREATE VIEW v AS SELECT 1 AS x; CREATE TYPE e AS ENUM ('a'); CREATE SEQUENCE s; CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
        CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE SCHEMA o; CREATE TABLE o.t (id int); CREATE TABLE spatial_ref_sys (id int);
        CREATE EXTENSION postgres_fdw; CREATE SERVER f FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE ft (id int) SERVER f;""")
    both.assert_deployed()


# What is refused before anything runs: (files, lock file, SQL before, Prisma's code). What is there stays as it was with both.
OPEN = """CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0); INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', 'y', '%s')"""
ONE = {"1_a": "CREATE TABLE t (id int);"}
REFUSED = {
    "table": (ONE, None, "CREATE TABLE other (id int)", "P3005"),
    "table and no migrations": ({}, None, "CREATE TABLE other (id int)", "P3005"),
    "open": (ONE, None, OPEN % "1_a", "P3009"),
    "open, its folder is gone": (ONE, None, OPEN % "0_gone", "P3009"),
    "lock file of another database": (ONE, 'provider = "mysql"\n', "", "P3019"),
    "lock file with a space too few": (ONE, 'provider="postgresql"\n', "", "P3019"),
    "no script": ({"1_a": None}, None, "", "P3015"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.long(after=2)
def test_refused(pair, name):
    files, lock, before, code = REFUSED[name]
    both = pair(files, lock=lock, before=before)
    (status, output), (our_status, document) = both.deploy()
    assert status == 1 and code in output, output
    assert our_status == 4 and code in document["error"]["message"], document
    if code != "P3015":  # Prisma has made the ledger by then
        both.assert_same()


@pytest.mark.parametrize("lock", ['provider = "postgresql"\r\n', '# by hand\n\nprovider = "postgresql"', "provider = postgresql\n"])
@pytest.mark.long(after=1)
def test_lock_file_passes(pair, lock):
    pair(ONE, lock=lock).assert_deployed()


# What fails while it runs. Prisma stops there; holdfast puts the database back, and the failed one beside is as Prisma's.
FAILS = {
    "half way": ("CREATE TABLE x (id int); SELECT 1/0;", "22012"),
    "syntax": ("CREATE TABLE x (id int);\nCREATE TALBE y;", "42601"),
    "begin and error": ("BEGIN; CREATE TABLE x (id int); SELECT 1/0; COMMIT;", "22012"),
    "inner commit": ("CREATE TABLE x (id int); COMMIT; CREATE TABLE y (id int); SELECT 1/0;", "22012"),
    "concurrently with company": ("CREATE TABLE x (id int); CREATE INDEX CONCURRENTLY x_id ON x (id);", "25001"),
    "uses the new value": ("CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; COMMIT; SELECT 'c'::m;", "22P02"),
    "vacuum with company": ("CREATE TABLE x (id int); VACUUM x;", "25001"),
}


@pytest.mark.parametrize("name", FAILS)
@pytest.mark.long(after=2)
def test_fails(pair, name):
    sql, sqlstate = FAILS[name]
    both = pair({"1_a": "CREATE TABLE before (id int);", "2_b": sql, "3_c": "CREATE TABLE after (id int);"})
    (status, output), (our_status, document) = both.deploy()
    assert status == 1, output
    assert our_status == 3 and "P3018" in document["error"]["message"] and sqlstate in json.dumps(document["error"]), document
    failed = document["cycle"]["failed_database"]
    ours, theirs = both.ledger(failed), both.ledger(both.theirs)
    assert sqlstate in ours[1]["logs"]
    assert theirs[1]["logs"] or name == "begin and error"  # that transaction is still open when Prisma wants to record it
    assert [row | {"logs": None} for row in ours] == [row | {"logs": None} for row in theirs]
    assert compare.schema_text(both.cluster, failed) == compare.schema_text(both.cluster, both.theirs)
    assert both.ledger(both.ours) is None  # put back

    # What Prisma left is named by holdfast, and what holdfast left by Prisma.
    our_status, document = both.holdfast("migrations", "status", db=both.theirs)
    assert our_status == 36 and "P3009" in document["error"]["message"]
    assert [m["state"] for m in document["migrations"]] == ["applied", "failed", "pending"]


def test_failed_is_seen_by_prisma(pair):
    both = pair({"1_a": "SELECT 1/0;"})
    _, (_, document) = both.deploy()
    status, output = both.real(document["cycle"]["failed_database"], "status")
    assert status == 1 and re.search(r"have failed:\s*1_a", output), output


# Better than Prisma, on purpose: Prisma says that all is well, and it is not.
BETTER = {
    "begin without commit": "BEGIN; CREATE TABLE x (id int);",
    "starts a COPY": "CREATE TABLE x (id int); COPY x FROM STDIN;",
}


@pytest.mark.parametrize("name", BETTER)
def test_better(pair, name):
    both = pair({"1_a": BETTER[name]})
    status, document = both.holdfast("deploy")
    assert status == 3 and "1_a" in document["error"]["message"], document
    assert both.ledger(both.ours) is None


@pytest.mark.parametrize("sql", [b"\xef\xbb\xbfSELECT 1;", b"SELECT 1;\0", b"SELECT '\xff';", b"SELECT 1;\nSELECT 'never;"])
@pytest.mark.long(after=1)
def test_better_before_anything_runs(pair, sql):
    both = pair({"1_a": "CREATE TABLE x (id int);", "2_b": sql})
    status, document = both.holdfast("deploy")
    assert status == 4 and "2_b" in document["error"]["message"]
    assert both.ledger(both.ours) is None


def test_search_path_does_not_reach_the_ledger(pair):
    both = pair({"1_a": "CREATE SCHEMA s;", "2_b": "SET search_path = s;", "3_c": "DISCARD ALL;", "4_d": "CREATE TABLE t (id int);"})
    status, document = both.holdfast("deploy")
    assert status == 0, document
    assert [row["name"] for row in both.ledger(both.ours)] == ["1_a", "2_b", "3_c", "4_d"]


@pytest.mark.long
def test_invalid_utf8_that_prisma_applied(pair):
    """Its checksum is of the decoded text, so holdfast does not call the file edited."""
    both = pair({"1_a": b"-- caf\xe9\nSELECT 1;\n"})
    status, output = both.real(both.theirs, "deploy")
    assert status == 0, output
    status, document = both.holdfast("migrations", "status", db=both.theirs)
    assert status == 0, document


# One after another on the same databases: (arguments, Prisma's code or None).
RESOLVES = [
    (("--applied", "9_none"), "P3017"),
    (("--applied", "3_c"), "P3017"),  # a folder without a script
    (("--applied", "1_a"), None),
    (("--applied", "1_a"), "P3008"),
    (("--rolled-back", "1_a"), "P3012"),
    (("--rolled-back", "9_none"), "P3011"),
    ("UPDATE _prisma_migrations SET finished_at = NULL", None),
    (("--rolled-back", "1_a"), None),
    (("--rolled-back", "1_a"), None),
    (("--applied", "1_a"), None),
    ("INSERT INTO _prisma_migrations (id, checksum, migration_name, logs) VALUES ('open', 'x', '2_b', 'why')", None),
    (("--applied", "2_b"), None),
]


@pytest.mark.long
def test_resolve(pair):
    both = pair({"1_a": "CREATE TABLE a (id int);", "2_b": "CREATE TABLE b (id int);", "3_c": None})
    for step, (arguments, code) in enumerate(RESOLVES):
        if isinstance(arguments, str):
            both.cluster.psql(both.theirs, arguments)
            both.cluster.psql(both.ours, arguments)
            continue
        status, output = both.real(both.theirs, "resolve", *arguments)
        our_status, document = both.holdfast("migrations", "resolve", *arguments)
        assert (status, our_status) == ((1, 36) if code else (0, 0)), (step, output, document)
        if code:
            assert code in output and code in document["error"]["message"], (step, output, document)
        both.assert_same()
    assert [row["steps"] for row in both.ledger(both.ours)] == [0, 0, 0, 0]
    (both.migrations / "3_c").rmdir()
    both.assert_agreed()
