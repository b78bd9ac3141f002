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


def test_a_migrator_that_outlives_holdfast_is_ended(cluster, small_site, tmp_path):
    """kill -9 leaves the command running; it must not go on migrating the database that resume has restored."""
    pace = tmp_path / "pace"
    script = tmp_path / "migrate"
    script.write_text("#!/bin/sh\nfor i in $(seq 100); do psql \"$DATABASE_URL\" -XAtqc \"CREATE TABLE late_$i ()\" && echo $i >> "
                      f"{pace}; sleep 0.1; done\n")
    script.chmod(0o755)
    small_site.write_config(migrations={"kind": "command", "command": [str(script)]})
    before = compare.fingerprint(cluster, small_site.db)
    process = small_site.spawn("deploy")
    deadline = time.monotonic() + 30
    while not pace.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    small_site.holdfast("resume", check=3)
    written = pace.read_text()
    time.sleep(1)
    assert pace.read_text() == written, "the migrator still runs"
    assert compare.fingerprint_differences(before, compare.fingerprint(cluster, small_site.db)) == []


def give_all_to_owner(cluster, db):
    """REASSIGN OWNED does not take from the bootstrap superuser."""
    cluster.psql(db, """DO $$ DECLARE r record; BEGIN
        FOR r IN SELECT format('ALTER %s %I.%I OWNER TO owner', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, nspname, relname) AS sql
            FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND relkind IN ('r', 'v')
          UNION ALL SELECT format('ALTER FUNCTION %s OWNER TO owner', p.oid::regprocedure) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
          UNION ALL SELECT format('ALTER TYPE %s OWNER TO owner', t.oid::regtype) FROM pg_type t
            WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
        LOOP EXECUTE r.sql; END LOOP; END $$""")


def test_autovacuum_does_not_keep_the_way_back(tmp_path):
    """To a role that is no superuser an autovacuum worker is out of reach; RENAME ends it."""
    with Cluster(fsync=False, autovacuum="on", autovacuum_naptime="1s") as cluster:
        cluster.psql("postgres", "CREATE ROLE owner LOGIN CREATEDB IN ROLE pg_signal_backend")
        marketplace.create(cluster, "vacuumed", scale=0.02)
        cluster.psql("postgres", "ALTER DATABASE vacuumed OWNER TO owner")
        cluster.psql("vacuumed", "ALTER SCHEMA public OWNER TO owner; GRANT ALL ON ALL TABLES IN SCHEMA public TO owner; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO owner")
        site = Site(cluster, "vacuumed", tmp_path / "site", create=False)
        env = {"DATABASE_URL": cluster.url("vacuumed", user="owner")}
        site.holdfast("init", env=env, check=0)
        # Objects of another role could not be given back: said before anything is touched.
        refused = site.holdfast("deploy", "--output", "json", env=env, check=4).json()
        assert "postgres" in refused["error"]["message"]
        give_all_to_owner(cluster, "vacuumed")
        folder = site.directory / "prisma" / "migrations" / "20300101000000_wake_autovacuum"
        folder.mkdir()
        (folder / "migration.sql").write_text(
            "CREATE TABLE big (a int, b text) WITH (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,"
            " autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0);"
            "INSERT INTO big SELECT g, repeat('x', 50) FROM generate_series(1, 60000) g; UPDATE big SET a = a + 1;")
        site.add_checks({"name": "fails when autovacuum is at work", "sql": {
            "query": "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = current_database()", "equals": 99},
            "within": "4s"})
        before = compare.fingerprint(cluster, "vacuumed")
        site.holdfast("deploy", env=env, check=3)
        assert compare.fingerprint_differences(before, compare.fingerprint(cluster, "vacuumed")) == []
