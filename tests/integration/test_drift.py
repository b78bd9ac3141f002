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


@pytest.mark.long(after=1)
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


@pytest.mark.long(after=1)
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


def causes(document):
    return {item["name"]: (item["cause"], (item["migration"] or "").removesuffix(".sql")) for item in document["objects"]}


@pytest.mark.long(after=1)
def test_what_did_not_run_is_told_from_what_hands_did(folder):
    """2_b is in the ledger, as `resolve --applied` writes it, and never ran; 3_c ran, and hands were at it and elsewhere."""
    folder.write("3_c", "CREATE TABLE c (id int, note text); CREATE INDEX c_id ON c (id);")
    folder.write("4_d", "DROP VIEW v; ALTER TABLE c ADD more int; ALTER TABLE a ALTER z TYPE bigint;")
    for name in ("2_b", "4_d"):
        folder.remove(name)
    folder.site.holdfast("deploy", check=0)
    folder.write("2_b", "ALTER TABLE a ADD z int; CREATE INDEX a_z ON a (z); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';")
    folder.write("4_d", "DROP VIEW v; ALTER TABLE c ADD more int; ALTER TABLE a ALTER z TYPE bigint;")
    for name in ("2_b", "4_d"):
        folder.site.holdfast("migrations", "resolve", "--applied", folder.name(name), check=0)
    folder.psql("DROP INDEX c_id; CREATE TABLE by_hand (id int)")
    found, document = drift(folder, 7)
    assert causes(document) == {"a": ("not run", "2_b"), "a_z": ("not run", "2_b"), "f()": ("not run", "2_b"), "v": ("not run", "4_d"),
                                "c": ("not run", "4_d"), "c_id": ("by hand", "3_c"), "by_hand": ("by hand", "")}
    text = folder.site.holdfast("drift", check=7).stdout
    assert "not there: migration 2_b" in text and "dropped by hand; it is from migration 3_c" in text and "made by hand" in text
    folder.psql("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")  # now something of 2_b is as it makes it
    assert causes(drift(folder, 7)[1])["a_z"] == ("by hand", "2_b")


@pytest.mark.long
def test_drift_from_a_snapshot(folder):
    folder.site.holdfast("deploy", check=0)
    folder.site.holdfast("backup", "--label", "before", check=0)
    assert "no drift: the schema is that of snapshot" in folder.site.holdfast("drift", "--from", "latest", check=0).stdout
    folder.psql("CREATE ROLE drift_from; DROP INDEX a_z; ALTER TABLE a ADD by_hand int; ALTER VIEW v OWNER TO drift_from; CREATE TABLE t (id int)")
    found, document = drift(folder, 7, "--from", "before", "--ignore", "public.t")
    assert found == {("missing", "INDEX", "a_z"), ("changed", "TABLE", "a"), ("changed", "VIEW", "v")} and document["snapshot"]
    changed, = [item for item in document["objects"] if item["name"] == "a"]
    assert "by_hand" in changed["live"] and "by_hand" not in changed["snapshot"] and changed["migrations"] is changed["cause"] is None
    text = folder.site.holdfast("drift", "--from", "before", check=7).stdout
    assert "the snapshot has it, and it is not there" in text and "+     by_hand integer" in text
    folder.site.holdfast("drift", "--from", "no such", check=10)
    folder.psql("ALTER VIEW v OWNER TO CURRENT_USER; DROP ROLE drift_from")


@pytest.mark.long
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


@pytest.mark.long(after=1)
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


@pytest.mark.long
def test_baseline_is_tried_first(folder):
    folder.psql(PUSHED)
    folder.write("3_c", "SELECT 1/0;")
    document = baseline(folder, 36, "--until", folder.name("2_b"))
    assert "tried on a copy" in document["error"]["message"] and "3_c" in document["error"]["message"]
    assert ledger(folder) is None and scratches(folder) == []


@pytest.mark.long
def test_a_killed_baseline_leaves_all_or_nothing(folder, faults):
    folder.psql(PUSHED)
    fault = {"HOLDFAST_FAULT": "migrations.before_baseline:kill:2"}  # the first is of the copy
    folder.site.holdfast("migrations", "baseline", env=fault, check=-9)
    assert ledger(folder) is None
    text = folder.site.holdfast("migrations", "baseline", check=0).stdout
    assert "marked as applied:" in text and ledger(folder) == ["1_a", "2_b"]
    assert scratches(folder) == []
