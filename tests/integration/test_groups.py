"""Several databases in one deploy: all are deployed, or all are as before, whatever fails and whenever it is killed."""
import itertools
import json
import signal

import pytest

from harness import compare, proc
from harness.recorder import Recorder, free_port

_numbers = itertools.count(1)


class Pair:
    """Two databases of one repository, each with a folder of SQL files; `site` is the group's leader."""

    def __init__(self, cluster, directory):
        self.cluster, self.directory, number = cluster, directory, next(_numbers)
        self.dbs = {name: f"group{number}_{name}" for name in ("site", "jobs")}
        self.directory.mkdir()
        for name, db in self.dbs.items():
            cluster.createdb(db)
            cluster.psql(db, f"CREATE TABLE {name}_rows AS SELECT id, 'open' AS status FROM generate_series(1, 300) id")
            (directory / name).mkdir()
            self.migrate(name, f"ALTER TABLE {name}_rows ADD note text; UPDATE {name}_rows SET note = 'x'")
        self.configure()
        self.holdfast("init", check=0)
        self.before = self.content()

    def migrate(self, name, sql, file="1.sql"):
        (self.directory / name / file).write_text(sql)

    def configure(self, checks=None, top=None, **more):
        targets = {name: {"database": {"url": {"env": f"{name.upper()}_URL"}}, "snapshot": {"jobs": 1},
                          "migrations": {"kind": "sql", "directory": name, "lock_timeout": "0"},
                          "checks": (checks or {}).get(name, []), **more.get(name, {})} for name in self.dbs}
        (self.directory / "holdfast.yaml").write_text(json.dumps(
            {"repository": {"url": "file://" + str(self.directory / "repo")}, "groups": {"all": list(self.dbs)}, "targets": targets, **(top or {})}))

    @property
    def env(self):
        return {f"{name.upper()}_URL": self.cluster.url(db) for name, db in self.dbs.items()}

    def holdfast(self, *args, env=None, **options):
        return proc.holdfast(*args, cwd=self.directory, env={**self.env, **(env or {})}, **options)

    def content(self):
        return {name: compare.fingerprint(self.cluster, db) for name, db in self.dbs.items()}

    def states(self):
        """{target: state of its last cycle}."""
        cycles = self.holdfast("history", "--output", "json", check=0).json()["cycles"]
        return {cycle["target"]: cycle["state"] for cycle in cycles}

    def assert_before(self):
        for name, seen in self.content().items():
            assert compare.fingerprint_differences(self.before[name], seen) == [], name

    def assert_deployed(self):
        for name, db in self.dbs.items():
            assert self.cluster.psql(db, f"SELECT count(*), count(note) FROM {name}_rows") == "300|300"
            assert self.cluster.psql(db, "SELECT count(*) FROM _holdfast_migrations WHERE applied_at IS NOT NULL") == "1"

    def kept(self):
        return {name for name, db in self.dbs.items() for other in self.cluster.databases() if other.startswith(db + "__failed_")}


@pytest.fixture
def pair(cluster, tmp_path):
    made = Pair(cluster, tmp_path / "pair")
    yield made
    for name in cluster.databases():
        if any(name == db or name.startswith(db + "__") for db in made.dbs.values()):
            cluster.dropdb(name)


def test_all_are_deployed_in_step(pair):
    document = pair.holdfast("deploy", "--group", "all", "--output", "json", check=0).json()
    pair.assert_deployed()
    site, jobs = document["cycles"]
    assert [site["target"], jobs["target"]] == ["site", "jobs"] and {site["state"], jobs["state"]} == {"deployed"}
    assert site["group"] == jobs["group"] == {"id": site["id"], "targets": ["site", "jobs"], "cycles": [site["id"], jobs["id"]]}

    def at(cycle, state):
        return next(phase["at"] for phase in cycle["phases"] if phase["state"] == state)
    assert at(jobs, "snapshot") <= at(site, "migrating") <= at(jobs, "migrating") <= at(site, "verifying") <= at(jobs, "verifying")
    assert at(jobs, "verifying") <= at(site, "deployed") <= at(jobs, "deployed")
    assert "jobs" in pair.holdfast("report", "latest", "--target", "site", check=0).stdout
    pair.holdfast("resume", "--target", "jobs", check=10)
    pair.holdfast("resume", "--group", "all", check=10)
    pair.holdfast("deploy", "--target", "jobs", "--target", "site", check=0)
    pair.holdfast("deploy", "--target", "jobs", check=0)


@pytest.mark.parametrize("broken", ["site", "jobs"])
@pytest.mark.long(after=1)
def test_one_failing_migration_takes_all_back(pair, broken):
    pair.migrate(broken, "CREATE TABLE half (id int); COMMIT; SELECT 1/0")
    result = pair.holdfast("deploy", "--group", "all", "--output", "json", check=3)
    pair.assert_before()
    states = pair.states()
    # the second one had not begun
    assert states == {"site": "rolled_back", "jobs": "rolled_back" if broken == "jobs" else "refused"}
    assert pair.kept() == ({"site", "jobs"} if broken == "jobs" else {"site"})
    error = result.json()["error"]
    assert f'target "{broken}"' in error["message"] and "22012" in error["message"]

    # who did nothing wrong is not blamed
    pair.migrate(broken, f"ALTER TABLE {broken}_rows ADD note text; UPDATE {broken}_rows SET note = 'x'")
    pair.holdfast("deploy", "--group", "all", check=0)
    pair.assert_deployed()


def test_one_failing_check_takes_all_back_and_leaves_alone_what_was_not_touched(pair):
    pair.holdfast("deploy", "--target", "site", check=0)
    pair.before = pair.content()
    pair.configure(checks={"jobs": [{"name": "no", "sql": {"query": "SELECT 1", "equals": 2}}]})
    pair.holdfast("deploy", "--target", "site", "--target", "jobs", check=3)
    pair.assert_before()
    assert pair.states() == {"site": "refused", "jobs": "rolled_back"} and pair.kept() == {"jobs"}


@pytest.mark.long
def test_what_keeps_one_from_beginning_keeps_all(pair):
    (pair.directory / "jobs" / "1.sql").write_bytes(b"SELECT '\xff'")
    pair.holdfast("deploy", "--group", "all", check=4)
    assert pair.states() == {"site": "refused", "jobs": "refused"}
    assert not list((pair.directory / "repo").glob("snapshots/*/*.json"))
    pair.assert_before()
    assert "takes one --target" in pair.holdfast("plan", "--target", "site", "--target", "jobs", check=2).stderr
    assert "named twice" in pair.holdfast("deploy", "--target", "site", "--target", "site", check=2).stderr
    assert "it has: all" in pair.holdfast("deploy", "--group", "al", check=2).stderr


def test_what_is_held_is_decided_for_all(pair):
    """A check of one could not tell. Nothing is restored by hand meanwhile: resume would take that for what the cycle did."""
    with Recorder() as told:
        pair.configure(checks={"jobs": [{"name": "errors", "metric": {"url": f"http://127.0.0.1:{free_port()}/", "jq": ".errors", "at_most": 5}}]},
                       top={"notify": [{"webhook": {"url": {"env": "HOOK"}}, "events": ["held", "rollback"]}]})
        env = {"HOOK": told.url("/")}
        assert "--roll-back" in pair.holdfast("deploy", "--group", "all", env=env, check=8).stderr
        message, = [request.json() for request in told.requests]
        assert message["event"] == "held" and 'check "errors" could not tell' in message["why"] and "resume --target jobs" in message["next"]
        cycle = pair.holdfast("report", "latest", "--target", "jobs", "--output", "json", check=0).json()["cycle"]
        assert cycle["state"] == "verifying" and 'check "errors" could not tell' in cycle["held"]["message"]
        text = pair.holdfast("report", "latest", "--target", "jobs", check=0).stdout
        assert text.startswith("HELD") and 'check "errors" could not tell' in text and "resume --target jobs --roll-back" in text
        for way in ("--swap", "--in-place"):
            refused = pair.holdfast("restore", "latest", way, "--target", "jobs", check=8)
            assert 'was left in state "verifying"' in refused.stderr and "holdfast resume" in refused.stderr
        pair.holdfast("resume", "--target", "site", "--roll-back", env=env, check=3)
        assert [request.json()["event"] for request in told.requests] == ["held", "rollback", "rollback"]
    pair.assert_before()
    assert set(pair.states().values()) == {"rolled_back"}


@pytest.mark.long
def test_expectations_and_approvals_are_each_of_a_target(pair):
    assert "TARGET:NAME" in pair.holdfast("deploy", "--group", "all", "--expect", "1.sql", check=2).stderr
    pair.holdfast("deploy", "--group", "all", "--expect", "site:1.sql", check=4)
    digest = {name: pair.holdfast("plan", "--target", name, "--output", "json", check=0).json()["plan"]["digest"] for name in pair.dbs}
    assert "TARGET:DIGEST" in pair.holdfast("deploy", "--group", "all", "--approve", digest["site"], check=2).stderr
    wrong = pair.holdfast("deploy", "--group", "all", "--approve", f"site:{digest['site']}", "--approve", f"jobs:{digest['site']}", check=4)
    assert "not the one that was approved" in wrong.stderr
    pair.assert_before()
    pair.holdfast("deploy", "--group", "all", "--expect", "site:1.sql", "--expect", "jobs:1.sql",
                  "--approve", f"site:{digest['site']}", "--approve", f"jobs:{digest['jobs']}", check=0)
    pair.assert_deployed()


@pytest.mark.long
def test_a_signal_takes_all_back(pair, faults):
    pair.holdfast("deploy", "--group", "all", env={"HOLDFAST_FAULT": "deploy.before_checks:term:2"}, check=3)
    pair.assert_before()
    assert set(pair.states().values()) == {"rolled_back"}


@pytest.mark.parametrize("fault", ["group.opened_one:kill:1", "migrations.before_script:kill:1", "migrations.after_script:kill:2",
                                   "deploy.before_checks:kill:1", "group.before_decision:kill", "group.after_decision:kill"])
@pytest.mark.long(after=1)
def test_a_kill_at_each_barrier_leaves_all_or_nothing(pair, faults, fault):
    killed = pair.holdfast("deploy", "--group", "all", env={"HOLDFAST_FAULT": fault})
    assert killed.returncode == -signal.SIGKILL, killed
    resumed = pair.holdfast("resume", "--target", "jobs")
    states = set(pair.states().values())
    if fault.startswith(("group.after_decision", "group.before_decision", "deploy.before_checks")):
        assert resumed.returncode == 0 and states == {"deployed"}, resumed
        pair.assert_deployed()
    else:
        assert resumed.returncode == (3 if fault.startswith("migrations") else 4) and states <= {"rolled_back", "refused"}, resumed
        pair.assert_before()
        pair.holdfast("deploy", "--group", "all", check=0)
        pair.assert_deployed()
    pair.holdfast("resume", "--group", "all", check=10)


def test_a_decision_that_cannot_be_stored_decides_nothing(pair, faults):
    """Everything stays as it is, and resume, which can read the journal, ends it."""
    log = pair.directory / "passed"
    pair.holdfast("deploy", "--group", "all", env={"HOLDFAST_FAULT_LOG": log}, check=0)
    passed = log.read_text().split()
    number = passed[:passed.index("group.before_decision")].count("journal.before_append") + 1
    for name in pair.dbs:
        pair.migrate(name, f"CREATE TABLE {name}_more (id int)", "2.sql")
    result = pair.holdfast("deploy", "--group", "all", env={"HOLDFAST_FAULT": f"journal.before_append:fail:{number}"}, check=8)
    assert "could not be recorded" in result.stderr and "holdfast resume" in result.stderr
    assert set(pair.states().values()) == {"verifying"} and pair.kept() == set()
    assert "holdfast resume" in pair.holdfast("deploy", "--target", "site", check=8).stderr
    pair.holdfast("resume", "--target", "site", check=0)
    assert set(pair.states().values()) == {"deployed"} and pair.kept() == set()
    for name, db in pair.dbs.items():
        assert pair.cluster.psql(db, f"SELECT count(*) FROM {name}_more") == "0"


@pytest.mark.long
def test_a_way_back_that_fails_is_stuck_and_is_ended_by_resume(pair, faults):
    pair.migrate("jobs", "SELECT 1/0")
    pair.holdfast("deploy", "--group", "all", env={"HOLDFAST_FAULT": "swap.before_rename:fail:2"}, check=5)
    assert pair.states() == {"jobs": "rolled_back", "site": "stuck"}
    pair.holdfast("restore", "latest", "--in-place", "--target", "site", check=0)  # here a restore by hand is in nobody's way
    pair.holdfast("resume", "--target", "jobs", check=3)
    pair.assert_before()
    assert set(pair.states().values()) == {"rolled_back"}
