"""The ways back beside swap: by a clone, in place, and the one that `auto` finds; and restore --in-place by hand."""
import contextlib
import itertools
import json
import os
import signal
import subprocess
import time

import pytest

from harness import compare, proc, torture
from harness.postgres import Cluster, PostgresError
from harness.recorder import Recorder
from harness.site import Site

NUMBERS = itertools.count(1)
CONTENT = """CREATE SCHEMA shop; CREATE TYPE shop.state AS ENUM ('open', 'paid');
CREATE TABLE shop.customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop.invoices (id serial PRIMARY KEY, customer int REFERENCES shop.customers, state shop.state DEFAULT 'open', total numeric);
CREATE TABLE parted (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (500); CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (500) TO (2000);
CREATE TABLE secret (owner text, note text); ALTER TABLE secret ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON secret USING (owner = current_user);
CREATE FUNCTION shop.total() RETURNS numeric LANGUAGE sql AS 'SELECT sum(total) FROM shop.invoices';
CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.total = round(NEW.total, 2); RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT ON shop.invoices FOR EACH ROW EXECUTE FUNCTION shop.stamp();
INSERT INTO shop.customers (name) SELECT 'customer ' || i FROM generate_series(1, 300) i;
INSERT INTO shop.invoices (customer, total) SELECT 1 + i % 300, i / 7.0 FROM generate_series(1, 3000) i;
INSERT INTO parted SELECT i, md5(i::text) FROM generate_series(0, 1500) i; INSERT INTO secret VALUES ('owner', 'x'), ('reader', 'y');
CREATE MATERIALIZED VIEW shop.per_customer AS SELECT customer, sum(total) FROM shop.invoices GROUP BY 1;
CREATE VIEW shop.paid AS SELECT * FROM shop.invoices WHERE state = 'paid'; CREATE INDEX ON shop.invoices (customer);
GRANT SELECT ON shop.invoices TO reader; GRANT USAGE ON SCHEMA public TO reader; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader;
SELECT lo_from_bytea(4711, 'a large object'); GRANT SELECT ON LARGE OBJECT 4711 TO reader; COMMENT ON TABLE parted IS 'in parts';
ALTER DATABASE {db} SET work_mem TO '5MB'; GRANT CREATE ON DATABASE {db} TO reader; REVOKE TEMPORARY ON DATABASE {db} FROM PUBLIC;
ALTER DATABASE {db} CONNECTION LIMIT 77; COMMENT ON DATABASE {db} IS 'the comment'"""
BAD = """DROP VIEW shop.paid; ALTER TABLE shop.invoices ADD COLUMN extra int DEFAULT 7; DELETE FROM shop.invoices WHERE id % 2 = 0;
DROP TABLE parted; CREATE SCHEMA late; CREATE TABLE late.more (x shop.state); CREATE TABLE new_one (i int); INSERT INTO new_one VALUES (1);
ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO reader; GRANT CREATE ON SCHEMA public TO reader; SELECT lo_unlink(4711); SELECT lo_from_bytea(99, 'x');
ALTER DATABASE {db} SET work_mem TO '9MB'; REVOKE CREATE ON DATABASE {db} FROM reader; COMMENT ON DATABASE {db} IS 'changed';
CREATE OR REPLACE FUNCTION shop.total() RETURNS numeric LANGUAGE sql AS 'SELECT 0::numeric'"""
FAILS = {"name": "never", "sql": {"query": "SELECT 1", "equals": 2}}


class OwnedSite(Site):
    """Its role owns the database, is no superuser, and may or may not create another one."""

    def __init__(self, server, folder, may_create):
        db = f"ways{next(NUMBERS)}"
        server.psql("postgres", f"ALTER ROLE owner {'CREATEDB' if may_create else 'NOCREATEDB'}")
        server.createdb(db, owner="owner")
        server.psql(db, "CREATE EXTENSION citext; CREATE TABLE hosts (i int); INSERT INTO hosts VALUES (1); GRANT SELECT ON hosts TO owner")
        server.client("psql", "-Xqv", "ON_ERROR_STOP=1", "-c", CONTENT.format(db=db), dbname=db, user="owner")
        super().__init__(server, db, folder, create=False)
        (self.directory / "sql").mkdir()
        self.write_config(migrations={"kind": "sql", "directory": "sql"})
        self.holdfast("init", check=0)

    @property
    def url(self):
        return self.cluster.url(self.db, user="owner")

    def migrate(self, sql=BAD):
        (self.directory / "sql" / f"{next(NUMBERS):03}_x.sql").write_text(sql.format(db=self.db))

    def oid(self):
        return self.cluster.psql("postgres", f"SELECT oid FROM pg_database WHERE datname = '{self.db}'")

    def beside(self):
        return [name for name in self.cluster.databases() if name.startswith(self.db + "__")]


@pytest.fixture(scope="module")
def server():
    with Cluster(fsync=False, autovacuum="off", wal_level="logical") as running:
        running.psql("postgres", "CREATE ROLE owner LOGIN; CREATE ROLE reader LOGIN; GRANT pg_signal_backend TO owner")
        yield running


def cycle_of(result):
    return result.json()["cycle"]


def finding(site, what):
    return [f for f in site.json("doctor", check=None)["findings"] if f["what"] == what]


def pinned(site):
    return [s["id"] for s in site.json("snapshots")["snapshots"] if s["pinned"]]


@contextlib.contextmanager
def stopped(site, point, *arguments):
    """The command, which stands at a fault point for the time being."""
    process = site.spawn(*arguments, env={"HOLDFAST_FAULT": point + ":stop"})
    proc.wait_until_stopped(process)
    try:
        yield process
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.mark.long
def test_in_place_is_what_auto_finds_without_createdb(server, tmp_path):
    site = OwnedSite(server, tmp_path / "site", may_create=False)
    # One setting that only a superuser may give.
    server.psql("postgres", f"ALTER DATABASE {site.db} RESET work_mem; ALTER DATABASE {site.db} SET log_statement TO 'ddl'; ALTER DATABASE {site.db} SET work_mem TO '5MB'")
    assert site.holdfast("deploy", check=4).stderr.count("may not create databases")
    site.write_config(deploy={"rollback": {"way": "auto"}})
    assert finding(site, "way back")[0]["seen"] == "in-place: the role may not create databases"
    assert finding(site, "owners")[0]["level"] == "warning"
    site.migrate("CREATE TABLE fine (i int)")
    assert cycle_of(site.holdfast("deploy", "--output", "json", check=0))["way"]["way"] == "in-place"

    before, oid = compare.fingerprint(server, site.db, facts=True), site.oid()
    good = site.json("snapshots")["snapshots"][-1]["id"]
    site.migrate()
    site.add_checks(FAILS)
    # With somebody in it whom the role may not end, and who holds nothing.
    with Recorder() as told, subprocess.Popen([f"{server.bindir}/psql", "-X", server.url(site.db)], stdin=subprocess.PIPE):
        site.top["notify"] = [{"webhook": {"url": {"env": "HOOK"}, "format": "text", "template": "{{kept}}"}, "events": ["rollback"]}]
        site.write_config()
        cycle = cycle_of(site.holdfast("deploy", "--output", "json", env={"HOOK": told.url("/")}, check=3))
        assert [request.body for request in told.requests] == [f"the failed state, as snapshot {cycle['failed_snapshot']}; snapshot {cycle['snapshot']}"]
    del site.top["notify"]
    assert compare.fingerprint_differences(before, compare.fingerprint(server, site.db, facts=True)) == []
    assert site.oid() == oid and site.beside() == []
    assert cycle["failed_snapshot"] and cycle["restore"]["verified"]
    assert f"holdfast restore {cycle['failed_snapshot']} --target site --into failed" in site.holdfast("report", check=0).stdout
    # What failed is kept, and `latest` does not mean it.
    site.checks.clear()
    site.write_config()
    snapshots = site.json("snapshots")["snapshots"]
    assert [s["id"] for s in snapshots if s["label"] == "replaced-" + cycle["id"]] == [cycle["failed_snapshot"]]
    assert site.json("show", "latest")["snapshot"]["id"] not in (cycle["failed_snapshot"], good)
    # By hand: to the failed state and back again.
    site.holdfast("restore", cycle["failed_snapshot"], "--in-place", check=0)
    assert server.psql(site.db, "SELECT count(*) FROM new_one") == "1"
    site.holdfast("restore", cycle["snapshot"], "--in-place", check=0)
    assert compare.fingerprint_differences(before, compare.fingerprint(server, site.db, facts=True)) == []
    site.drop_databases()


def test_a_clone_takes_the_failed_ones_place(server, tmp_path):
    """In a tablespace where the role must be allowed to create."""
    site = OwnedSite(server, tmp_path / "site", may_create=True)
    server.psql(site.db, "DROP TABLE hosts")
    server.make_tablespace("ways_space")
    server.psql("postgres", f"ALTER DATABASE {site.db} SET TABLESPACE ways_space")
    site.write_config(deploy={"rollback": {"way": "auto"}})
    assert finding(site, "way back")[0]["seen"] == "in-place: the role may not create databases in this one's tablespace"
    assert {f["level"] for f in finding(site, "privileges")} == {"good"}
    site.write_config(deploy={"rollback": {"way": "clone"}})
    assert 'GRANT CREATE ON TABLESPACE ways_space TO "owner"' in site.holdfast("deploy", check=4).stderr
    server.psql("postgres", "GRANT CREATE ON TABLESPACE ways_space TO owner")
    site.migrate("CREATE TABLE fine (i int)")
    cycle = cycle_of(site.holdfast("deploy", "--output", "json", check=0))
    assert cycle["clone"]["later"] == [] and site.beside() == []

    before = compare.fingerprint(server, site.db, facts=True)
    site.migrate()
    site.add_checks(FAILS)
    cycle = cycle_of(site.holdfast("deploy", "--output", "json", check=3))
    assert compare.fingerprint_differences(before, compare.fingerprint(server, site.db, facts=True)) == []
    assert site.oid() == str(cycle["clone"]["oid"]) and site.beside() == [cycle["failed_database"]]
    assert server.psql(cycle["failed_database"], "SELECT count(*) FROM new_one") == "1"
    server.dropdb(cycle["failed_database"])

    # A clone that somebody was let into is not taken: the snapshot is.
    (site.directory / "touch").write_text(f"#!/bin/sh\npsql -h {server.host} -p {server.port} -U {server.user} -Xqd postgres -c "
                                          f"\"ALTER DATABASE $(psql -h {server.host} -p {server.port} -U {server.user} -XAtqd postgres -c \"SELECT datname FROM pg_database WHERE datname LIKE '{site.db}__clone%'\") CONNECTION LIMIT 5\"\nexit 1\n")
    (site.directory / "touch").chmod(0o755)
    site.checks.clear()
    site.add_checks({"name": "touches the clone", "command": [str(site.directory / "touch")]})
    cycle = cycle_of(site.holdfast("deploy", "--retry", "--output", "json", check=3))
    assert compare.fingerprint_differences(before, compare.fingerprint(server, site.db, facts=True)) == []
    assert cycle["restore"]["verified"] and site.beside() == [cycle["failed_database"]]
    site.drop_databases()


def test_nothing_is_lost_between_two_tries(server, tmp_path, faults):
    """In place: what clients wrote since the first try is kept too, and what the snapshots leave out. By clone: one that a kill left goes at last."""
    site = OwnedSite(server, tmp_path / "site", may_create=True)
    server.psql(site.db, "DROP TABLE hosts")
    site.write_config(deploy={"rollback": {"way": "in-place"}, "allow_filtered": True}, snapshot={"exclude_data": ["secret"]})
    site.migrate()
    site.add_checks(FAILS)
    site.holdfast("deploy", env={"HOLDFAST_FAULT": "in_place.before_commit:fail"}, check=5)
    server.psql(site.db, "INSERT INTO new_one VALUES (2); INSERT INTO secret VALUES ('reader', 'late')")
    # While that is kept, and up to what takes its place, clients may read, and who writes has to wait.
    with stopped(site, "in_place.after_keep", "resume", "--output", "json") as process:
        assert server.psql(site.db, "SELECT sum(i) FROM new_one") == "3"
        with pytest.raises(PostgresError, match="lock timeout"):
            server.psql(site.db, "SET lock_timeout = '200ms'; INSERT INTO new_one VALUES (4)")
    cycle = json.loads(process.communicate()[0])["cycle"]
    assert process.returncode == 3
    labels = [s["id"] for s in site.json("snapshots")["snapshots"] if s["label"] == "replaced-" + cycle["id"]]
    assert len(labels) == 2 and labels[1] == cycle["failed_snapshot"]
    assert server.psql(site.db, "SELECT to_regclass('new_one') IS NULL, (SELECT count(*) FROM secret)") == "t|0"
    site.holdfast("restore", cycle["failed_snapshot"], "--into", site.db + "__rescue", check=0)
    assert server.psql(site.db + "__rescue", "SELECT (SELECT sum(i) FROM new_one), (SELECT count(*) FROM secret)") == "3|3"
    server.dropdb(site.db + "__rescue")
    with stopped(site, "in_place.before_exclusive", "restore", "latest", "--in-place") as process:
        server.psql(site.db, "CREATE TABLE meanwhile AS SELECT 1", user="owner")
    assert "tables were made" in process.communicate()[1] and process.returncode == 34
    server.psql(site.db, "DROP TABLE meanwhile")
    # Who wants a table for himself meanwhile stands in the way of what is kept, and is ended.
    site.write_config(snapshot={"lock_timeout": "0"})
    with stopped(site, "snapshot.after_export", "restore", "latest", "--in-place") as process:
        waiting = subprocess.Popen([f"{server.bindir}/psql", "-Xqc", "TRUNCATE shop.invoices", server.url(site.db, user="owner")], stderr=subprocess.DEVNULL)
        proc.wait_for(lambda: server.psql("postgres", "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0")
    assert process.wait() == 0 and waiting.wait() != 0, process.communicate()[1]
    labels += pinned(site)[2:]

    site.checks.clear()
    site.write_config(deploy={"rollback": {"way": "clone", "keep_failed": "0"}}, snapshot={})
    site.holdfast("deploy", "--retry", env={"HOLDFAST_FAULT": "clone.before_remove:kill"}, check=-9)
    assert len(site.beside()) == 1
    site.holdfast("deploy", check=0)
    assert site.beside() == [] and pinned(site) == labels
    site.write_config(deploy={"rollback": {"keep_failed": "1ms"}})
    site.holdfast("gc", check=0)
    assert pinned(site) == labels[2:]  # that by hand has no time
    site.drop_databases()


def test_who_may_connect_to_a_clone(server, tmp_path, faults):
    """Nobody but its owner before it is taken, and then whoever could before: here, by no grant, everybody."""
    site = OwnedSite(server, tmp_path / "site", may_create=True)
    server.psql("postgres", f"CREATE DATABASE born TEMPLATE {site.db} OWNER owner; DROP DATABASE {site.db}; ALTER DATABASE born RENAME TO {site.db}")
    server.psql(site.db, "DROP TABLE hosts")
    acl = f"SELECT coalesce(datacl, acldefault('d', datdba)) FROM pg_database WHERE datname = '{site.db}'"
    before = server.psql("postgres", acl)
    site.write_config(deploy={"rollback": {"way": "clone", "compare_clone": False}})
    site.migrate("CREATE TABLE others AS SELECT pid FROM pg_stat_activity WHERE datname LIKE '{db}__clone%'")
    with stopped(site, "clone.before_finish", "deploy") as process:
        clone, = site.beside()
        with pytest.raises(PostgresError, match="permission denied"):
            server.psql(clone, "SELECT 1", user="reader")
        # Somebody in it who cannot be ended is waited for.
        with subprocess.Popen([f"{server.bindir}/psql", "-XAt", server.url(clone)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as guest:
            guest.stdin.write("SELECT 'in';\n")
            assert guest.stdout.readline() == "in\n"
            process.send_signal(signal.SIGCONT)
            time.sleep(2)
    assert process.communicate(timeout=120) and process.returncode == 0
    assert server.psql(site.db, "SELECT count(*) FROM others") == "0"

    site.migrate("CREATE TABLE more (i int)")
    site.add_checks(FAILS)
    site.write_config(deploy={"rollback": {"way": "clone"}})
    cycle = cycle_of(site.holdfast("deploy", "--output", "json", check=3))
    assert site.oid() == str(cycle["clone"]["oid"]) and server.psql(site.db, "SELECT to_regclass('more') IS NULL", user="reader") == "t"
    assert server.psql("postgres", acl) == before
    site.drop_databases()


@pytest.mark.long
def test_a_failed_database_is_put_back(server, tmp_path, faults):
    site = OwnedSite(server, tmp_path / "site", may_create=True)
    server.psql(site.db, "DROP TABLE hosts")
    site.migrate()
    site.add_checks(FAILS)
    cycle = cycle_of(site.holdfast("deploy", "--output", "json", check=3))
    failed = compare.fingerprint(server, cycle["failed_database"], facts=True)
    restored = compare.fingerprint(server, site.db, facts=True)
    kept = site.json("history")["kept"]
    assert [(k["database"], k["cycle"]) for k in kept] == [(cycle["failed_database"], cycle["id"])] and kept[0]["bytes"] > 0 and kept[0]["expires_at"]
    site.holdfast("swap-back", cycle["id"], env={"HOLDFAST_FAULT": "swap.after_rename:kill"}, check=-9)
    beside = site.json("swap-back", "latest")["kept"]
    assert compare.fingerprint_differences(failed, compare.fingerprint(server, site.db, facts=True)) == []
    assert compare.fingerprint_differences(restored, compare.fingerprint(server, beside, facts=True)) == []
    assert site.beside() == [beside] and site.json("history")["kept"] == []
    assert f'is the live one; what stood there is kept as "{beside}".' in " ".join(site.holdfast("report", check=0).stdout.split())
    assert "keeps no failed database" in site.holdfast("swap-back", "latest", check=10).stderr
    site.checks.clear()
    site.write_config()
    site.holdfast("deploy", check=0)
    site.drop_databases()


@pytest.mark.long
def test_everything_that_a_database_can_hold_is_restored_in_place(server, tmp_path):
    torture.create(server, "torture")
    server.psql("torture", "ALTER SUBSCRIPTION torture_subscription DISABLE")
    site = Site(server, "torture", tmp_path / "site", create=False)
    site.holdfast("init", check=0)
    site.holdfast("backup", check=0)
    assert "torture_subscription" in site.holdfast("restore", "latest", "--in-place", check=15).stderr
    assert len(site.json("snapshots")["snapshots"]) == 1, "a state was kept for a restore that cannot be"
    server.psql("torture", "ALTER SUBSCRIPTION torture_subscription SET (slot_name = NONE)")
    site.holdfast("backup", check=0)
    before = compare.fingerprint(server, "torture", facts=True)
    server.psql("torture", "DROP SCHEMA t CASCADE; CREATE SCHEMA other; CREATE TABLE other.x (); CREATE EXTENSION pageinspect")
    site.holdfast("restore", "latest", "--in-place", check=0)
    found = compare.fingerprint_differences(before, compare.fingerprint(server, "torture", facts=True))
    # Of an enum the hash, and of a failed index the failure, are no restore's to keep (test_torture.py).
    found = [line for line in found if "by_hash_enum" not in line and "invalid index" not in line and not line.startswith(("---", "+++", "@@"))]
    assert not found, "\n".join(found)
