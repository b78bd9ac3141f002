"""What resume does after a kill, beside what tests/fault tries at every fault point."""
import os
import signal
import time

import pytest

from harness import compare, marketplace
from harness.postgres import Cluster
from harness.site import Site


@pytest.mark.parametrize("point", ["restore.before_verify", "swap.before_rename"])
@pytest.mark.long(after=1)
def test_a_failing_way_back_is_stuck_and_can_be_resumed(cluster, small_site, faults, point):
    before = compare.fingerprint(cluster, small_site.db)
    small_site.add_migrations("fail-halfway")
    result = small_site.holdfast("deploy", "--output", "json", env={"HOLDFAST_FAULT": f"{point}:fail"}, check=5)
    assert result.json()["cycle"]["state"] == "stuck" and "holdfast resume" in result.stderr
    small_site.holdfast("deploy", check=8)
    small_site.holdfast("verify", check=0)
    small_site.holdfast("resume", check=3)
    assert small_site.json("history")["cycles"][-1]["state"] == "rolled_back"
    assert compare.fingerprint_differences(before, compare.fingerprint(cluster, small_site.db)) == []


def test_what_is_put_right_by_hand_is_settled(cluster, small_site, faults):
    """Nobody but the operator knows then which database should be live; without a word no deploy could ever begin again."""
    before = compare.fingerprint(cluster, small_site.db)
    small_site.add_migrations("fail-halfway")
    small_site.holdfast("deploy", env={"HOLDFAST_FAULT": "restore.before_verify:fail"}, check=5)
    small_site.holdfast("restore", "latest", "--swap", check=0)
    small_site.holdfast("resume", check=5)
    small_site.holdfast("deploy", check=8)
    small_site.holdfast("resume", "--settled", "--proceed", check=2)
    assert small_site.json("resume", "--settled")["cycle"]["state"] == "settled"
    assert "SETTLED BY HAND" in small_site.holdfast("report", check=0).stdout
    assert small_site.json("history", "--result", "settled")["cycles"] == small_site.json("history")["cycles"]
    assert compare.fingerprint_differences(before, compare.fingerprint(cluster, small_site.db)) == []
    small_site.holdfast("resume", "--settled", check=10)
    small_site.holdfast("deploy", "--retry", check=3)


def test_a_killed_swap_of_restore_is_told_and_ended(small_site, faults):
    """restore --swap has no journal; what its kill leaves is that the live database refuses clients."""
    small_site.holdfast("backup", check=0)
    small_site.holdfast("restore", "latest", "--swap", env={"HOLDFAST_FAULT": "swap.before_rename:kill"}, check=-signal.SIGKILL)
    assert "holdfast resume" in small_site.holdfast("restore", "latest", "--swap", check=30).stderr
    assert small_site.json("resume") == {"format": 1, "cycle": None}
    small_site.holdfast("restore", "latest", "--swap", check=0)
    small_site.holdfast("resume", check=10)


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
    assert "is not stuck" in small_site.holdfast("resume", "--settled", check=2).stderr
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


@pytest.mark.long
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
