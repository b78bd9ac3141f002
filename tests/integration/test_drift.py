"""The live schema against what the migrations make in a scratch database; and a ledger for a database that has none."""
import pytest

from test_migrations import Folder


@pytest.fixture(params=["prisma", "sql"])
def folder(cluster, tmp_path, request):
    made = Folder(cluster, tmp_path / "site", request.param)
    made.write("1_a", "CREATE TABLE a (id int PRIMARY KEY, x text, y text DEFAULT 'y'); CREATE VIEW v AS SELECT id FROM a;")
    made.write("2_b", "ALTER TABLE a ADD z int; CREATE INDEX a_z ON a (z); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';")
    yield made
    made.site.drop_databases()


def drift(folder, status, *arguments):
    document = folder.site.json("drift", *arguments, check=status)
    return {(item["change"], item["kind"], item["name"]) for item in document["objects"]}, document


def scratches(folder):
    return [name for name in folder.site.cluster.databases() if "__scratch_" in name]


def test_drift(folder):
    folder.site.holdfast("deploy", check=0)
    folder.write("3_c", "CREATE TABLE pending (id int);")  # not applied: no drift
    assert drift(folder, 0)[0] == set()
    folder.psql("ALTER TABLE a DROP z; ALTER TABLE a ADD z int; CREATE INDEX a_z ON a (z); ALTER DATABASE \"%s\" SET work_mem = '5MB'" % folder.db)
    folder.psql("CREATE ROLE drift_owner; ALTER TABLE a OWNER TO drift_owner")
    assert "no drift" in folder.site.holdfast("drift", check=0).stdout  # order of columns, owner, settings

    folder.psql("DROP VIEW v; DROP INDEX a_z; CREATE SCHEMA audit; CREATE TABLE audit.log (id int); CREATE TABLE by_hand (id int);"
                "ALTER TABLE a ALTER y SET DEFAULT 'other'; CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'")
    found, document = drift(folder, 7)
    assert found == {("missing", "VIEW", "v"), ("missing", "INDEX", "a_z"), ("added", "SCHEMA", "audit"), ("added", "TABLE", "log"),
                     ("added", "TABLE", "by_hand"), ("changed", "TABLE", "a"), ("changed", "FUNCTION", "f()")}
    changed, = [item for item in document["objects"] if item["name"] == "a"]
    assert "DEFAULT 'y'" in changed["migrations"] and "DEFAULT 'other'" in changed["live"]
    text = folder.site.holdfast("drift", check=7).stdout
    assert "-     y text DEFAULT 'y'::text" in text and "+     y text DEFAULT 'other'::text" in text
    assert "    - CREATE INDEX a_z" in text and "-     x text" not in text
    found, _ = drift(folder, 7, "--ignore", "audit.*", "--ignore", "by_*", "--ignore", "public.f*")
    assert {name for _, _, name in found} == {"v", "a_z", "audit", "a"}
    assert "pattern" in folder.site.holdfast("drift", "--ignore", "a.b.c", check=2).stderr
    assert scratches(folder) == []
    folder.psql("ALTER TABLE a OWNER TO CURRENT_USER; DROP ROLE drift_owner")


def test_drift_of_files_that_changed(folder):
    folder.site.holdfast("deploy", check=0)
    folder.write("1_a", "CREATE TABLE a (id int PRIMARY KEY, x text, y text DEFAULT 'y', w int); CREATE VIEW v AS SELECT id FROM a;")
    found, document = drift(folder, 7)
    assert found == {("changed", "TABLE", "a")}
    assert "was edited" in document["warnings"][0]
    folder.remove("2_b")
    _, document = drift(folder, 7)
    assert any("its file is not here" in warning for warning in document["warnings"])
    folder.write("1_a", "SELECT 1/0;")
    broken = folder.site.holdfast("drift", check=36)
    assert "cannot be built in a scratch database" in broken.stderr
    assert scratches(folder) == []


def test_a_killed_drift_is_swept(folder, faults):
    folder.site.holdfast("deploy", check=0)
    folder.site.holdfast("drift", env={"HOLDFAST_FAULT": "scratch.after_create:kill"}, check=-9)
    left, = scratches(folder)
    folder.site.cluster.createdb(left[:-8] + "mine")  # not of that form: nobody's business
    drift(folder, 0)
    assert scratches(folder) == [left[:-8] + "mine"]


# As `db push` would build it: the same objects, the columns in another order.
PUSHED = """CREATE TABLE a (z int, id int PRIMARY KEY, y text DEFAULT 'y', x text); CREATE INDEX a_z ON a (z);
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE VIEW v AS SELECT id FROM a; INSERT INTO a VALUES (1, 2, 'three', 'four')"""


def ledger(folder):
    table, name = ("_prisma_migrations", "migration_name") if folder.kind == "prisma" else ("_holdfast_migrations", "name")
    if folder.psql(f"SELECT to_regclass('{table}') IS NULL") == "t":
        return None
    return [row.removesuffix(".sql") for row in folder.psql(f"SELECT {name} FROM {table} ORDER BY 1").splitlines()]


def baseline(folder, status, *arguments):
    return folder.site.json("migrations", "baseline", *arguments, check=status)


def test_baseline(folder):
    folder.psql(PUSHED)
    folder.write("3_c", "ALTER TABLE a ADD pending int;")
    document = baseline(folder, 7)
    assert {item["name"] for item in document["drift"]["objects"]} == {"a"} and not document["written"]
    assert "--until" in document["error"]["hint"]
    document = baseline(folder, 0, "--until", folder.name("2_b"), "--dry-run")
    assert not document["written"] and document["tried_pending"] == 1 and len(document["rows"]) == 2
    assert ledger(folder) is None

    baseline(folder, 10, "--until", "no_such")
    document = baseline(folder, 0, "--until", folder.name("2_b"))
    assert document["written"] and ledger(folder) == ["1_a", "2_b"]
    states, _ = folder.states(7)
    assert states == {"1_a": "applied", "2_b": "applied", "3_c": "pending"}
    folder.site.holdfast("deploy", check=0)
    folder.states(0)
    assert folder.psql("SELECT z, id, y, x, pending IS NULL FROM a") == "1|2|three|four|t"
    assert drift(folder, 0)[0] == set()
    assert "the ledger knows" in baseline(folder, 11)["error"]["message"]
    assert scratches(folder) == []


def test_baseline_is_tried_first(folder):
    folder.psql(PUSHED)
    folder.write("3_c", "SELECT 1/0;")
    document = baseline(folder, 36, "--until", folder.name("2_b"))
    assert "tried on a copy" in document["error"]["message"] and "3_c" in document["error"]["message"]
    assert ledger(folder) is None and scratches(folder) == []


def test_a_killed_baseline_leaves_all_or_nothing(folder, faults):
    folder.psql(PUSHED)
    fault = {"HOLDFAST_FAULT": "migrations.before_baseline:kill:2"}  # the first is of the copy
    folder.site.holdfast("migrations", "baseline", env=fault, check=-9)
    assert ledger(folder) is None
    text = folder.site.holdfast("migrations", "baseline", check=0).stdout
    assert "marked as applied:" in text and ledger(folder) == ["1_a", "2_b"]
    assert scratches(folder) == []
