"""gc: what it removes, what never, beside a backup that reuses old objects, and killed at each step."""
import json
import os
import signal
import time

import pytest

from harness import compare, proc


def objects(site):
    return {path.name for path in (site.repository / "objects").rglob("*") if path.is_file()}


def pointer(site, snapshot):
    return site.repository / "snapshots" / "site" / f"{snapshot}.json"


def forget(site, snapshot):
    """As prune does it."""
    pointer(site, snapshot).unlink()


def present(site):
    folder = site.repository / "locks" / "present"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def garbage(small_site):
    """A site with two snapshots, one of a single table, and the objects of a third that is gone: (site, those of the snapshots)."""
    site = small_site
    table = site.cluster.psql(site.db, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                                       "AND reltuples <> 0 ORDER BY relpages LIMIT 1")
    site.json("backup", "--include", f"public.{table}")
    kept = objects(site)
    gone = site.json("backup")["snapshot"]["id"]
    forget(site, gone)
    assert kept < objects(site)
    return site, kept


def test_removes_what_no_snapshot_needs(garbage):
    site, kept = garbage
    everything = objects(site)
    young = site.json("gc")["gc"]
    assert young["removed"] == 0 and young["young"]["objects"] == len(everything - kept) and objects(site) == everything
    dry = site.json("gc", "--grace", "0s", "--dry-run")["gc"]
    assert dry["garbage"]["objects"] == len(everything - kept) and objects(site) == everything
    done = site.json("gc", "--grace", "0s")["gc"]
    assert done["removed"] == len(everything - kept) and done["needed"]["objects"] == len(kept)
    assert objects(site) == kept and present(site) == []
    site.holdfast("verify", check=0)


def test_prune_and_gc_leave_whole_snapshots(small_site):
    site = small_site
    site.json("backup")
    site.cluster.psql(site.db, "CREATE TABLE later AS SELECT n, md5(n::text) FROM generate_series(1, 5000) n")
    site.json("backup")
    site.cluster.psql(site.db, "UPDATE later SET n = -n")
    site.json("backup")
    site.write_config(retention={"keep_last": 1})
    assert site.json("prune")["targets"][0]["removed"] == 2
    assert site.json("gc", "--grace", "0s")["gc"]["removed"] > 0
    site.holdfast("verify", check=0)
    site.holdfast("restore", "latest", "--into", site.db + "__copy", check=0)
    compare.assert_same(site.cluster, site.db, site.cluster, site.db + "__copy")


@pytest.mark.long
def test_beside_a_backup_that_reuses_old_objects(garbage, faults):
    """The backup finds all of its objects there already, none of them needed by any other snapshot."""
    site, _ = garbage
    before = objects(site)
    backup = site.spawn("backup", "--output", "json", env={"HOLDFAST_FAULT": "snapshot.before_seal:stop"})
    proc.wait_until_stopped(backup)
    error = site.holdfast("gc", "--grace", "0s", "--output", "json", check=14).json()["error"]
    assert "backup by process" in error["message"] and before <= objects(site)
    backup.send_signal(signal.SIGCONT)
    assert backup.wait() == 0
    site.holdfast("verify", check=0)
    assert before <= objects(site)


@pytest.mark.long
def test_a_backup_that_was_taken_for_dead_makes_no_snapshot(garbage, faults):
    """On another host, and without a sign of life for an hour: gc takes the objects; the backup notices, and the next one is whole."""
    site, kept = garbage
    backup = site.spawn("backup", env={"HOLDFAST_FAULT": "snapshot.before_seal:stop"})
    proc.wait_until_stopped(backup)
    documents = list((site.repository / "locks" / "present").iterdir())
    for path in documents:
        if path.suffix == ".json":
            path.write_text(json.dumps(json.loads(path.read_text()) | {"host": "elsewhere"}, sort_keys=True, separators=(",", ":")) + "\n")
        os.utime(path, (time.time() - 3600,) * 2)
    site.holdfast("gc", "--grace", "0s", check=0)
    assert objects(site) == kept
    backup.send_signal(signal.SIGCONT)
    assert backup.wait() != 0
    assert len(site.json("snapshots")["snapshots"]) == 1
    site.holdfast("backup", check=0)
    site.holdfast("verify", check=0)


def test_a_backup_waits_for_a_gc(garbage, faults):
    site, kept = garbage
    gc = site.spawn("gc", "--grace", "0s", env={"HOLDFAST_FAULT": "gc.before_remove:stop"})
    proc.wait_until_stopped(gc)
    backup = site.spawn("backup", "--output", "json")
    deadline = time.monotonic() + 60
    while not any(name.startswith("user:") for name in present(site)):
        assert time.monotonic() < deadline and backup.poll() is None
        time.sleep(0.05)
    assert len(site.json("snapshots")["snapshots"]) == 1
    gc.send_signal(signal.SIGCONT)
    assert gc.wait() == 0 and backup.wait() == 0
    assert len(site.json("snapshots")["snapshots"]) == 2 and kept < objects(site)
    site.holdfast("verify", check=0)


def test_a_kill_loses_nothing(garbage, faults):
    """Each run comes a step further; the last one ends the work."""
    site, kept = garbage
    orphan = site.repository / "proofs" / "site" / "20200101T000000Z-aaaaaa.json"
    orphan.parent.mkdir(parents=True)
    orphan.write_text("{}\n")
    for point in ("gc.present", "gc.before_remove", "gc.after_remove", "gc.before_proof"):
        site.holdfast("gc", "--grace", "0s", env={"HOLDFAST_FAULT": f"{point}:kill"}, check=-9)
        site.holdfast("verify", check=0)
    site.holdfast("gc", "--grace", "0s", check=0)
    assert objects(site) == kept and not orphan.exists() and present(site) == []
    site.holdfast("verify", check=0)


@pytest.mark.long
def test_what_cannot_be_read_stops_it(garbage):
    site, _ = garbage
    before = objects(site)
    snapshot = site.json("snapshots")["snapshots"][0]["id"]
    whole = pointer(site, snapshot).read_text()
    manifest = json.loads(whole)["manifest"]["object"]
    path = site.repository / "objects" / manifest[:2] / manifest
    content = path.read_bytes()
    for damage, repair in ((lambda: pointer(site, snapshot).write_text(whole[:-20]), lambda: pointer(site, snapshot).write_text(whole)),
                           (lambda: path.write_bytes(content[:-9]), lambda: path.write_bytes(content)),
                           (path.unlink, lambda: path.write_bytes(content))):
        damage()
        error = site.holdfast("gc", "--grace", "0s", "--output", "json", check=12).json()["error"]
        assert snapshot in error["message"] and "remove" in error["hint"]
        repair()
        assert objects(site) == before
    forget(site, snapshot)
    error = site.holdfast("gc", "--grace", "0s", "--output", "json", check=4).json()["error"]
    assert "no snapshot" in error["message"] and objects(site) == before


@pytest.mark.long
def test_leftovers_of_killed_puts(small_site):
    site = small_site
    site.json("backup")
    folder = next(path for path in (site.repository / "objects").iterdir())
    old, new = folder / ".hf-tmp-0123", folder / ".hf-tmp-4567"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    assert site.json("gc")["gc"]["leftovers_removed"] == {"files": 1, "bytes": 4}
    assert new.exists() and not old.exists()


def test_drops_databases_whose_time_is_up(small_site):
    site = small_site
    site.write_config(deploy={"rollback": {"keep_failed": "1ms"}})
    site.add_migrations("fail-halfway")
    site.holdfast("deploy", check=3)
    assert len(site.failed_databases()) == 1
    young = time.strftime("%Y%m%dt%H%M%Sz", time.gmtime())
    for name in ("prove_20200101t000000z", f"prove_{young}", "prove_mine", "hf_20200101t000000z", "hf_20200101t000000zaaaaaa"):
        site.cluster.psql("postgres", f'CREATE DATABASE "{site.db}__{name}"')
    site.holdfast("gc", check=0)
    assert site.failed_databases() == []
    assert [name for name in site.cluster.databases() if "__prove_" in name] == [f"{site.db}__prove_{young}", f"{site.db}__prove_mine"]
    assert [name for name in site.cluster.databases() if "__hf_" in name] == [f"{site.db}__hf_20200101t000000zaaaaaa"]
