"""The fence: who gets in while a migration runs, and that nothing of it is left, whatever happens."""
import json
import signal
import subprocess
import threading
import time

import pytest

from harness.postgres import Cluster
from harness.site import Site

SETTINGS = """SELECT d.datname, r.rolname, s.setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
    LEFT JOIN pg_roles r ON r.oid = s.setrole ORDER BY 1, 2"""
KEPT_OUT = "holdfast_keeps_clients_out_until_the_deploy_ends_or_holdfast_resume"


@pytest.fixture(scope="module")
def fenced_cluster():
    with Cluster(fsync=False, autovacuum="off") as running:
        running.psql("postgres", "CREATE ROLE app LOGIN; CREATE ROLE owner LOGIN CREATEDB CREATEROLE IN ROLE pg_signal_backend")
        yield running


class Shop(Site):
    """A database of one table, by role `owner`; its migration is a program, which tells whom else the server lets in."""

    def __init__(self, cluster, db, directory, fails=False):
        super().__init__(cluster, db, directory, create=False)
        cluster.createdb(db, owner="owner")
        cluster.client("psql", "-c", "CREATE TABLE orders (id int PRIMARY KEY, note text)", dbname=db, user="owner")
        cluster.client("psql", "-c", "GRANT ALL ON orders TO app", dbname=db, user="owner")
        cluster.psql(db, "INSERT INTO orders VALUES (1, 'first')")
        self.seen = self.directory / "seen"
        program = self.directory / "migrate.sh"
        tries = "\n".join(f"""PGOPTIONS= psql -XAtc "{sql}" '{cluster.url(db, user=user)}' >> seen 2>&1""" for user in ("app", "owner", "postgres")
                          for sql in ("SELECT 'reads'", "INSERT INTO orders VALUES (nextval('try'), 'behind the fence')"))
        program.write_text(f"""#!/bin/sh
psql -Xqc 'CREATE SEQUENCE try START 1000' -c 'GRANT ALL ON SEQUENCE try TO PUBLIC' -c 'INSERT INTO orders VALUES (2, $$migrated$$)' "$DATABASE_URL" || exit 1
{tries}
exit {int(fails)}
""")
        program.chmod(0o755)
        self.write_config(migrations={"kind": "command", "command": ["./migrate.sh"]})
        self.holdfast("init", check=0)

    @property
    def url(self):
        return self.cluster.url(self.db, user="owner")

    def orders(self, db=None):
        return self.cluster.psql(db or self.db, "SELECT id FROM orders ORDER BY 1").split()

    def settings(self):
        return [line for line in self.cluster.psql("postgres", SETTINGS).splitlines() if line.startswith(self.db)]


@pytest.fixture
def shop(fenced_cluster, tmp_path, request):
    made = []

    def make(fails=False, **fence):
        site = Shop(fenced_cluster, f"shop_{len(made)}_{abs(hash(request.node.name)) % 10000}", tmp_path / f"site{len(made)}", fails)
        site.write_config(deploy={"fence": fence})
        made.append(site)
        return site

    yield make
    for site in made:
        site.drop_databases()


class Session:
    """A client that is connected, and sends what it is told."""

    def __init__(self, site, user="app"):
        self.process = subprocess.Popen([site.cluster.bindir + "/psql", "-XAt"], env=site.cluster.environment(site.db, user=user),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.say("SELECT 'here';")
        assert self.process.stdout.readline() == "here\n"

    def say(self, sql):
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def end(self):
        try:
            return self.process.communicate(timeout=30)[0]
        except BrokenPipeError:
            return ""


def test_no_client_connects(shop):
    """Not the application's role, not the owner, not a superuser; but the migrator, with the role of any of them."""
    site = shop(kind="connections")
    site.cluster.psql("postgres", f"ALTER DATABASE {site.db} SET work_mem TO '5MB'; ALTER ROLE app IN DATABASE {site.db} SET work_mem TO '6MB'")
    before, old = site.settings(), Session(site)
    fence = site.json("deploy")["cycle"]["fence"]
    assert site.seen.read_text().count(KEPT_OUT) == 6 and "reads" not in site.seen.read_text()
    assert fence["kind"] == "connections" and fence["undone"] is True
    assert {(s["role"], s["setting"]) for s in fence["settings"]} == {(None, "work_mem=5MB"), ("app", "work_mem=6MB")}
    old.say("INSERT INTO orders VALUES (3, 'too late');")
    assert "terminating connection" in old.end()
    assert site.settings() == before and site.orders() == ["1", "2"]
    states = [phase["state"] for phase in site.json("report")["cycle"]["phases"]]
    assert states == ["opened", "preflight", "snapshot", "fenced", "migrating", "verifying", "deployed"]


def test_clients_read(shop):
    """By all roles, or by those named; the way back leaves no trace in either database."""
    site = shop(kind="read_only", fails=True)
    site.cluster.psql("postgres", f"ALTER DATABASE {site.db} SET default_transaction_read_only TO off")
    before = site.settings()
    old = Session(site)
    old.say("SELECT 1;")
    cycle = site.holdfast("deploy", "--output", "json", check=3).json()["cycle"]
    assert site.seen.read_text().count("reads") == 3 and site.seen.read_text().count("read-only transaction") == 3
    old.say("SELECT 1;")
    assert "terminating connection" in old.end()
    kept, = site.failed_databases()
    assert site.orders() == ["1"] and site.orders(kept) == ["1", "2"] and cycle["fence"]["undone"]
    assert {line.split("|", 1)[1] for line in site.settings()} == {before[0].split("|", 1)[1]} and len(site.settings()) == 2

    site = shop(kind="read_only", roles=["app"])
    site.json("deploy")
    assert site.seen.read_text().count("read-only transaction") == 1
    assert site.orders() == ["1", "2", "1000", "1001"] and site.settings() == []


def test_a_role_that_would_pass_is_told_before(shop):
    site = shop(kind="read_only")
    site.cluster.psql("postgres", "ALTER ROLE app SET default_transaction_read_only TO off")
    try:
        error = site.holdfast("deploy", "--output", "json", check=4).json()["error"]
        assert 'role "app"' in error["message"] and "deploy.fence.roles" in error["hint"]
    finally:
        site.cluster.psql("postgres", "ALTER ROLE app RESET default_transaction_read_only")
    site.write_config(deploy={"fence": {"kind": "read_only", "roles": ["app", "nobody"]}})
    assert site.holdfast("deploy", "--output", "json", check=4).json()["cycle"]["fence"]["undone"] is True
    assert site.settings() == [] and not site.seen.exists()


def test_no_write_is_lost_behind_a_fence_that_goes_up_first(shop):
    """What a client was told to be committed is there after the way back; and the snapshot knows nothing of the fence."""
    site, stop, told = shop(kind="connections", fails=True, **{"from": "snapshot"}), threading.Event(), []

    def write():
        number = 10000
        while not stop.is_set():
            number += 1
            done = subprocess.run([site.cluster.bindir + "/psql", "-XAtqc", f"INSERT INTO orders VALUES ({number}, 'x')"],
                                  env=site.cluster.environment(site.db, user="app"), capture_output=True, check=False)
            if done.returncode == 0:
                told.append(str(number))

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.3)
    try:
        snapshot = site.holdfast("deploy", "--output", "json", check=3).json()["cycle"]["snapshot"]
        at_the_end, deadline = len(told), time.monotonic() + 60
        while len(told) < at_the_end + 2:
            assert time.monotonic() < deadline, "nobody can write, though the cycle has ended"
            time.sleep(0.02)
    finally:
        stop.set()
        writer.join()
    assert site.orders() == ["1", *told] and at_the_end > 0
    assert site.settings() == []
    site.holdfast("restore", snapshot, "--into", site.db + "__rescue", check=0)
    assert set(site.orders(site.db + "__rescue")) <= {"1", *told}


def test_hooks(shop, faults):
    """`after` runs at each end, also where `before` has failed or holdfast was killed."""
    def log(site):
        return (site.directory / "log").read_text().split() if (site.directory / "log").exists() else []

    def hooks(status):
        return {"before": ["sh", "-c", f"echo before >> log; psql -c 'SELECT 1' \"$DATABASE_URL\" >&2 || exit 9; exit {status}"],
                "after": ["sh", "-c", "echo after >> log"]}

    site = shop(kind="hook", **hooks(7))
    assert "status 7" in site.holdfast("deploy", check=4).stderr
    assert log(site) == ["before", "after"] and not site.seen.exists()
    (site.directory / "log").unlink()
    site.write_config(deploy={"fence": {"kind": "hook", "until": "migrated", **hooks(0)}})
    site.add_checks({"name": "it is down", "command": ["grep", "after", "log"]})
    site.holdfast("deploy", env={"HOLDFAST_FAULT": "deploy.before_migrations:kill"}, check=-signal.SIGKILL)
    assert log(site) == ["before"]
    assert "holdfast resume" in site.holdfast("deploy", check=8).stderr
    site.holdfast("resume", check=3)
    assert log(site) == ["before", "after"]
    site.holdfast("deploy", check=0)
    assert log(site) == ["before", "after"] * 2
    site.write_config(deploy={"fence": {"kind": "hook", "before": ["true"]}})
    assert "before" in site.holdfast("deploy", check=2).stderr


@pytest.mark.long
def test_a_killed_end_is_told_and_resumed(shop, faults):
    site = shop(kind="connections")
    site.holdfast("deploy", env={"HOLDFAST_FAULT": "fence.before_lower:kill"}, check=-signal.SIGKILL)
    assert KEPT_OUT in str(site.settings())
    assert "its fence up" in site.holdfast("deploy", check=8).stderr
    assert site.holdfast("resume", "--output", "json", check=0).json()["cycle"]["state"] == "deployed"
    assert site.settings() == []
    site.holdfast("resume", check=10)


def test_the_commit_in_place_leaves_it_up(shop, faults):
    """The snapshot's settings come back with the restore, and the fence with them, until the cycle has ended."""
    site = shop(kind="connections", fails=True)
    site.write_config(deploy={"fence": {"kind": "connections"}, "rollback": {"way": "in-place"}})
    site.cluster.psql("postgres", f"ALTER DATABASE {site.db} SET work_mem TO '5MB'")
    before = site.settings()
    site.holdfast("deploy", env={"HOLDFAST_FAULT": "in_place.after_commit:kill"}, check=-signal.SIGKILL)
    assert KEPT_OUT in str(site.settings()) and "work_mem=5MB" in str(site.settings())
    site.holdfast("resume", check=3)
    assert site.settings() == before and site.orders() == ["1"]


@pytest.mark.long
def test_a_phase_has_a_time_limit(shop):
    site = shop(kind="read_only")
    site.write_config(migrations={"kind": "command", "command": ["sleep", "60"]},
                      deploy={"fence": {"kind": "read_only"}, "timeouts": {"migrate": "1s"}})
    error = site.holdfast("deploy", "--output", "json", check=3).json()["error"]
    assert "took longer than 1.0s" in error["message"] and site.settings() == []
    site.write_config(migrations={"kind": "none"}, deploy={"timeouts": {"verify": "1s"}})
    site.add_checks({"name": "slow", "command": ["sleep", "60"]})
    assert "took longer than 1.0s" in site.holdfast("deploy", check=4).stderr


@pytest.mark.parametrize("point", ["deploy.before_migrations", "swap.before_block"])
@pytest.mark.long
def test_whoever_stood_still_does_nothing_more(shop, faults, point):
    """Its lock was taken over, its session ended, and its cycle brought to an end by another; then it wakes."""
    site = shop(kind="none", fails=True)
    process = site.spawn("deploy", env={"HOLDFAST_FAULT": f"{point}:stop"})
    deadline = time.monotonic() + 60
    while open(f"/proc/{process.pid}/stat", encoding="utf-8").read().rsplit(") ", 1)[1][0] != "T":
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    try:
        assert "in use" in site.holdfast("resume", check=14).stderr
        (site.repository / "locks" / "site.json").unlink()  # as the message tells; on another host its silence does it
        site.cluster.psql("postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'holdfast:%'")
        site.holdfast("resume", check=3)
        site.cluster.psql(site.db, "INSERT INTO orders VALUES (77, 'after it')")
        before, journal = site.cluster.databases(), [path.read_bytes() for path in (site.repository / "cycles" / "site").iterdir()]
    finally:
        process.send_signal(signal.SIGCONT)
    stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 14, stderr
    assert site.orders() == ["1", "77"] and site.cluster.databases() == before
    assert [path.read_bytes() for path in (site.repository / "cycles" / "site").iterdir()] == journal
    assert json.loads(journal[0])["entries"][-1]["state"] == "rolled_back"
