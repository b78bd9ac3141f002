"""What was written between the snapshot and the way back: counted, told, waited for, and exported."""
import subprocess

import pytest

from harness.postgres import Cluster
from harness.site import Site

MADE = """CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, amount numeric(12,2), at timestamptz, note jsonb, code uuid);
CREATE TABLE lines ("order" int REFERENCES orders ON DELETE CASCADE, "line no" int, what text, total int GENERATED ALWAYS AS ("line no" * 2) STORED,
    PRIMARY KEY ("line no", "order"));
CREATE TABLE events (what text, payload json);
CREATE TABLE parts (region text, id int, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a'); CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
CREATE TABLE quiet AS SELECT i FROM generate_series(1, 100) i; CREATE TABLE plans (id int PRIMARY KEY, price int);
INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 50) i; INSERT INTO plans VALUES (1, 10);
INSERT INTO orders (customer, amount, at, note, code)
    SELECT 1 + i % 50, i / 7.0, timestamptz '2026-01-01 UTC' + i * interval '1 min', jsonb_build_object('n', i), md5(i::text)::uuid FROM generate_series(1, 30000) i;
INSERT INTO lines SELECT i, 1, E'tab\\t and \\\\ and newline\\n' FROM generate_series(1, 300) i;
INSERT INTO events SELECT 'e' || i % 10, '{"a": 1}' FROM generate_series(1, 100) i; INSERT INTO parts SELECT r, i FROM unnest('{a,b}'::text[]) r, generate_series(1, 20) i"""
# What the application does while the checks run.
WRITES = """INSERT INTO customers VALUES (51, E'it''s \\\\ new\\n--'); UPDATE customers SET name = 'renamed' WHERE id IN (7, 8);
INSERT INTO orders (customer, amount, at, note, code) SELECT 51, 1, now(), '{"new": true}', gen_random_uuid() FROM generate_series(1, 3);
UPDATE orders SET amount = amount + 1, note = NULL WHERE id IN (5, 15000, 29999); DELETE FROM orders WHERE id IN (29000, 29001);
INSERT INTO lines VALUES (29999, 1, E'one\\ttab'), (29999, 2, NULL); UPDATE lines SET what = what || '!' WHERE "order" = 3;
INSERT INTO events VALUES ('e1', '{"a": 1}'), ('new', NULL); DELETE FROM events WHERE what = 'e9';
INSERT INTO parts VALUES ('b', 21); DELETE FROM parts WHERE region = 'a' AND id = 4; UPDATE plans SET price = 11"""
MIGRATION = "ALTER TABLE plans ADD COLUMN note text; UPDATE plans SET price = price + 1; CREATE TABLE made (id int)"
ALL = "SELECT * FROM {} ORDER BY {}"


@pytest.fixture(scope="module")
def cluster():
    with Cluster(fsync=False, autovacuum="off") as running:
        yield running


def application(site, writes):
    script = site.directory / "app.sh"
    script.write_text(f'#!/bin/sh\n[ -e wrote ] || psql -Xq -v ON_ERROR_STOP=1 "$DATABASE_URL" <<\'E\' || exit 0\n{writes}\nE\ntouch wrote; exit 1\n')
    script.chmod(0o755)


@pytest.fixture
def site(cluster, tmp_path, request):
    name = "written_" + str(abs(hash(request.node.name)) % 100000)
    cluster.createdb(name)
    cluster.psql(name, MADE)
    made = Site(cluster, name, tmp_path / "site", create=False)
    (made.directory / "sql").mkdir()
    (made.directory / "sql" / "1.sql").write_text(MIGRATION)
    application(made, WRITES)
    made.write_config(migrations={"kind": "sql", "directory": "sql"}, snapshot={"jobs": 2, "range_pages": 16})
    made.add_checks({"name": "the application writes, and fails", "command": ["./app.sh"]})
    made.holdfast("init", check=0)
    yield made
    made.drop_databases()


def content(site, db=None):
    tables = {"customers": "id", "orders": "id", "lines": '1, 2', "events": "what, payload::text", "parts": "1, 2", "quiet": "1"}
    return {table: site.cluster.psql(db or site.db, ALL.format(table, order)) for table, order in tables.items()}


def test_rows_are_counted_and_salvaged(site):
    before = content(site)
    cycle = site.holdfast("deploy", "--output", "json", check=3).json()["cycle"]
    told = {table["name"]: table for table in cycle["written"]["tables"]}
    assert cycle["written"]["total"] is None and set(told) == {"customers", "orders", "lines", "events", "parts_a", "parts_b", "plans"}
    seen = {name: [table[kind] for kind in ("added", "removed", "changed", "rows")] for name, table in told.items() if name != "plans"}
    # Without a key a changed row is one that went and one that came.
    assert seen == {"customers": [1, 0, 2, 3], "orders": [3, 2, 3, 8], "lines": [2, 0, 1, 3], "events": [2, 10, 0, 12],
                    "parts_a": [0, 1, 0, 1], "parts_b": [1, 0, 0, 1]}
    assert told["plans"]["rows"] is None and "columns" in told["plans"]["why"]
    assert content(site) == before
    text = site.holdfast("report", check=0).stdout
    assert [line.split()[1] for line in text.splitlines() if line.split()[:1] == ["public.orders"]][:1] == ["8"], text
    kept, = site.failed_databases()

    # Meanwhile: rows are changed in the live database, one to text that would be a statement; one goes, one that was to be added is there already.
    site.cluster.psql(site.db, "UPDATE customers SET name = E'x\nDROP TABLE quiet; --\rDROP TABLE plans;\r\nDROP TABLE made;' WHERE id = 8;"
                               "UPDATE orders SET amount = 0 WHERE id = 15000; DELETE FROM orders WHERE id = 29001; INSERT INTO parts VALUES ('b', 21)")
    salvage = site.json("salvage", "latest", "--to", "out")["salvage"]
    counts = {table["name"]: table.get("conflicts") for table in salvage["tables"]}
    assert counts == {"customers": 1, "orders": 1, "lines": 0, "events": 0, "parts_a": 0, "parts_b": 0, "plans": None}
    files = {path.name: path for path in (site.directory / "out").iterdir()}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.values())
    added = next(path for name, path in files.items() if name.endswith("orders.added.copy")).read_text().splitlines()
    assert added == site.cluster.psql(kept, "COPY (SELECT * FROM orders WHERE id > 30000 ORDER BY id) TO STDOUT").splitlines()
    for path in files.values():
        if path.suffix == ".sql":
            assert all(not line.startswith("DROP") for line in path.read_bytes().decode().replace("\r", "\n").split("\n")), path.read_text()
    put = next(path for name, path in files.items() if name.endswith("orders.put.sql")).read_text()
    assert put.count("-- CONFLICT: the live row is") == 1 and "-- UPDATE" in put
    subprocess.run([site.cluster.bindir + "/psql", "-X", "-q", "-f", "out/salvage.sql", site.url], cwd=site.directory, check=True, capture_output=True)
    failed, live = content(site, kept), content(site)
    for table in ("lines", "parts", "quiet"):
        assert live[table] == failed[table], table
    assert site.cluster.psql(site.db, "SELECT name FROM customers WHERE id = 8").startswith("x") and site.cluster.psql(site.db, "TABLE plans") == "1|10"
    site.cluster.psql(site.db, "UPDATE customers SET name = 'renamed' WHERE id = 8")
    assert content(site)["customers"] == failed["customers"]
    assert [line for line in live["orders"].splitlines() if not line.startswith("15000|")] == \
        [line for line in failed["orders"].splitlines() if not line.startswith("15000|")]
    assert "15000|" in live["orders"] and site.cluster.psql(site.db, "SELECT amount FROM orders WHERE id = 15000") == "0.00"
    assert set(failed["events"].splitlines()) <= set(live["events"].splitlines())  # it has no key: nothing is removed
    assert int(site.cluster.psql(site.db, "SELECT nextval('orders_id_seq')")) == 30004
    assert site.holdfast("salvage", "latest", "--to", "out", check=11).stderr


def test_an_operator_decides(site):
    """Also of what was written where the snapshot found empty pages."""
    site.cluster.psql(site.db, "DELETE FROM orders WHERE ctid >= '(32,0)' AND ctid < '(96,0)'; VACUUM orders")
    application(site, "INSERT INTO orders (customer) SELECT 1 FROM generate_series(1, 3); UPDATE orders SET note = to_jsonb(repeat('y', 500)) WHERE id = 20000")
    (site.directory / "sql" / "1.sql").write_text("CREATE TABLE made (id int)")
    site.write_config(deploy={"rollback": {"if_written": "hold", "way": "in-place"}, "app": {"rollback": ["touch", "back"]}})
    result = site.holdfast("deploy", "--output", "json", check=8).json()
    assert result["cycle"]["state"] == "waiting" and "--proceed" in result["error"]["hint"]
    assert site.cluster.psql(site.db, "SELECT count(*) FROM made") == "0" and not (site.directory / "back").exists()  # nothing is put back
    assert "--proceed" in site.holdfast("resume", check=8).stderr and "resume" in site.holdfast("deploy", check=8).stderr
    written, = site.holdfast("resume", "--proceed", "--output", "json", check=3).json()["cycle"]["written"]["tables"]
    assert [written[kind] for kind in ("name", "added", "removed", "changed")] == ["orders", 3, 0, 1]
    assert site.cluster.psql(site.db, "SELECT to_regclass('made') IS NULL") == "t" and (site.directory / "back").exists()
    # Nothing is written now, for a column that was added changes no row: it does not hold.
    (site.directory / "sql" / "1.sql").write_text("ALTER TABLE plans ADD COLUMN note text; ALTER TABLE orders ADD COLUMN more int DEFAULT 3")
    assert site.holdfast("deploy", "--output", "json", check=3).json()["cycle"]["written"] == {"tables": [], "total": 0}


def test_what_is_not_known_is_not_0(site):
    """A migration that runs code may have changed anything; a command tells nothing; what is equal is known all the same."""
    (site.directory / "sql" / "1.sql").write_text("DO $$ BEGIN UPDATE quiet SET i = i + 1; END $$")
    cycle = site.holdfast("deploy", "--output", "json", check=3).json()["cycle"]
    assert cycle["written"]["total"] is None and {table["rows"] for table in cycle["written"]["tables"]} == {None}
    assert {table["name"]: table["why"] for table in cycle["written"]["tables"]}["orders"] == '"1.sql" runs code, which may change any table'
    (site.directory / "sql" / "1.sql").write_text("CREATE VIEW seen AS SELECT * FROM quiet")
    cycle = site.holdfast("deploy", "--output", "json", check=3).json()["cycle"]
    assert cycle["written"] == {"tables": [], "total": 0}
