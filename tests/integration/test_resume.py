"""kill -9 of holdfast, and of PostgreSQL, at each fault point that a deploy passes: resume ends in one of the two states."""
import itertools
import os
import signal
import time
from collections import Counter

import pytest

from harness import compare, marketplace
from harness.postgres import Cluster
from harness.site import Site

ROWS = """SELECT n.nspname, c.relname, query_to_xml(format('SELECT count(*) AS n, md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"))
        AS d FROM ONLY %I.%I t', n.nspname, c.relname), true, true, '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.relname <> '_prisma_migrations' ORDER BY 1, 2"""
LEDGER = "SELECT migration_name, finished_at IS NOT NULL, rolled_back_at FROM _prisma_migrations ORDER BY 1"
NUMBERS = itertools.count(1)
FINAL = {0: "deployed", 3: "rolled_back", 4: "refused"}


def state(cluster, db):
    """Everything in the database but times and ids of the ledger, without holdfast."""
    return (compare.schema_text(cluster, db), cluster.psql(db, "SET timezone = 'UTC';" + ROWS), cluster.psql(db, LEDGER),
            str(compare.sequences(cluster, db)))


@pytest.fixture(scope="module")
def cluster():
    # What was committed must survive the server's end, not the machine's.
    with Cluster(fsync=False, synchronous_commit="on", autovacuum="off") as running:
        yield running


@pytest.fixture(scope="module")
def states(cluster):
    """{"before", "after"}: without the migrations of `good`, and with them, applied by psql."""
    found = {}
    for name, extra in (("before", None), ("after", "good")):
        marketplace.create(cluster, "state_" + name, scale=0.02)
        if extra:
            marketplace.apply_extra(cluster, "state_" + name, extra)
        found[name] = state(cluster, "state_" + name)
        cluster.dropdb("state_" + name)
    assert found["before"] != found["after"]
    return found


def make(cluster, tmp_path, extra):
    name = f"resume{next(NUMBERS)}"
    marketplace.create(cluster, name, scale=0.02)
    site = Site(cluster, name, tmp_path / name, create=False)
    site.add_migrations(extra)
    site.holdfast("init", check=0)
    return site


def passages(cluster, tmp_path, extra, status):
    """(point, n) of the first and the last passage of each point in a deploy."""
    site, log = make(cluster, tmp_path, extra), tmp_path / "passages"
    site.holdfast("deploy", env={"HOLDFAST_FAULT_LOG": log}, check=status)
    site.drop_databases()
    counts = Counter(log.read_text().split())
    return [(point, n) for point, count in counts.items() for n in sorted({1, count})]


def end(site, states, where, *, resume_env=None):
    """After a kill: what state the cycle ends in. The content is compared with what that state means."""
    cycles = site.json("history")["cycles"]
    left = cycles[-1]["state"] if cycles else None
    if left is None or left in FINAL.values():
        outcome = left or "never began"
    else:
        refused = site.holdfast("deploy", check=8)
        assert "holdfast resume" in refused.stderr, where
        if resume_env:
            site.holdfast("resume", env=resume_env)
            if site.json("history")["cycles"][-1]["state"] in FINAL.values():
                return left, site.json("history")["cycles"][-1]["state"]
        result = site.holdfast("resume")
        assert result.returncode in FINAL, f"{where}\n{result}"
        outcome = site.json("history")["cycles"][-1]["state"]
        assert outcome == FINAL[result.returncode], f"{where}\n{result}"
        assert site.holdfast("resume").returncode == 10
    expected = states["after" if outcome == "deployed" else "before"]
    seen = state(site.cluster, site.db)
    assert seen == expected, f"{where}: {outcome}, but the content is {'before' if seen == states['before'] else 'neither'}"
    assert not [name for name in site.cluster.databases() if name.startswith(site.db + "__hf_")], where
    kept = site.failed_databases()
    assert len(kept) == (outcome == "rolled_back"), where
    for name in kept:
        site.cluster.psql(name, "SELECT count(*) FROM local_users")
    site.holdfast("verify", check=0)
    return left, outcome


@pytest.mark.parametrize("extra, status, outcomes", [
    ("good", 0, {"never began", "refused", "rolled_back", "deployed"}),
    ("fail-halfway", 3, {"never began", "refused", "rolled_back"}),
])
def test_kill_at_every_point(cluster, tmp_path, faults, states, extra, status, outcomes):
    table = []
    for point, n in passages(cluster, tmp_path, extra, status):
        site = make(cluster, tmp_path, extra)
        where = f"{point}:kill:{n}"
        killed = site.holdfast("deploy", env={"HOLDFAST_FAULT": where})
        # The order of workers differs from run to run, so a last passage may not come.
        assert killed.returncode == -signal.SIGKILL or n > 1, killed
        left, outcome = end(site, states, where)
        table.append(f"{where:<45} {left or '-':<20} -> {outcome}")
        site.drop_databases()
    print("\n" + "\n".join(table))
    assert {line.split("-> ")[1] for line in table} == outcomes


@pytest.mark.parametrize("point", ["deploy.entered", "restore.after_create", "swap.before_rename", "swap.after_rename", "swap.before_allow"])
def test_kill_in_the_resume_too(cluster, tmp_path, faults, states, point):
    site = make(cluster, tmp_path, "fail-halfway")
    site.holdfast("deploy", env={"HOLDFAST_FAULT": "swap.before_rename:kill"}, check=-signal.SIGKILL)
    # The first resume finds the names not exchanged yet; a point it does not pass lets it end.
    end(site, states, point, resume_env={"HOLDFAST_FAULT": f"{point}:kill"})
    assert state(cluster, site.db) == states["before"]
    site.drop_databases()


@pytest.mark.parametrize("point", ["restore.after_create", "restore.before_verify", "swap.before_rename", "swap.after_rename",
                                   "swap.before_allow"])
def test_a_failing_way_back_is_stuck_and_can_be_resumed(cluster, tmp_path, faults, states, point):
    site = make(cluster, tmp_path, "fail-halfway")
    result = site.holdfast("deploy", "--output", "json", env={"HOLDFAST_FAULT": f"{point}:fail"}, check=5)
    assert result.json()["cycle"]["state"] == "stuck" and "holdfast resume" in result.stderr
    site.holdfast("deploy", check=8)
    site.holdfast("verify", check=0)
    assert end(site, states, point) == ("stuck", "rolled_back")
    site.drop_databases()


@pytest.mark.parametrize("point, extra, expected", [
    ("deploy.before_migrations", "fail-halfway", "rolled_back"),
    ("deploy.after_migrations", "good", "deployed"),
    ("restore.after_load", "fail-halfway", "rolled_back"),
    ("swap.before_rename", "fail-halfway", "rolled_back"),
    ("swap.after_rename", "fail-halfway", "rolled_back"),
])
def test_postgresql_is_killed(cluster, tmp_path, faults, states, point, extra, expected):
    site = make(cluster, tmp_path, extra)
    process = site.spawn("deploy", env={"HOLDFAST_FAULT": f"{point}:stop"})
    deadline = time.monotonic() + 60
    while _process_state(process.pid) != "T":
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    try:
        cluster.kill9()
        cluster.start()
    finally:
        os.kill(process.pid, signal.SIGCONT)
    process.communicate(timeout=90)
    assert process.returncode in (0, 3, 5)
    left, outcome = end(site, states, point)
    assert outcome == expected
    print(f"PostgreSQL killed at {point}: {left} -> {outcome}")
    site.drop_databases()


def _process_state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(") ", 1)[1][0]
