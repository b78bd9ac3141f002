"""Which snapshot is meant: latest, ids, labels, times; and what restore tells about it before it acts."""
import datetime
import json
import time

import pytest


def backup(site, *args):
    return site.json("backup", *args)["snapshot"]["id"]


def marked(site, mark, *args):
    """A snapshot that can be told from the others by its content."""
    site.cluster.psql(site.db, f"CREATE TABLE IF NOT EXISTS mark (n int); TRUNCATE mark; INSERT INTO mark VALUES ({mark})")
    return backup(site, *args)


def restored_mark(site, *which):
    into = f"{site.db}__which"
    try:
        done = site.holdfast("restore", *which, "--into", into, check=0)
        return int(site.cluster.psql(into, "SELECT n FROM mark")), done.stderr
    finally:
        if into in site.cluster.databases():
            site.cluster.dropdb(into)


def test_labels_and_times(small_site):
    site = small_site
    first = marked(site, 1, "--label", "nightly")
    time.sleep(1.1)
    between = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1.1)
    second = marked(site, 2, "--label", "before 2.0")
    third = marked(site, 3, "--label", "nightly")

    for name, mark in ((first, 1), (second[:-1], 2), ("latest", 3), ("before 2.0", 2), ("label:before 2.0", 2), ("nightly", 3)):
        assert restored_mark(site, name)[0] == mark, name
    for at, mark in ((between.isoformat(), 1), ("now", 3), ("today 23:59:59", 3), (between.strftime("%Y-%m-%d %H:%M:%SZ"), 1)):
        assert restored_mark(site, "--at", at)[0] == mark, at

    missing = site.holdfast("restore", "--at", "2h ago", "--into", "x", check=10)
    assert first in missing.stderr and "the oldest is" in missing.stderr
    assert "is not a time" in site.holdfast("restore", "--at", "teatime", "--into", "x", check=2).stderr
    assert "label" in site.holdfast("restore", "label:nope", "--into", "x", check=10).stderr
    site.holdfast("restore", "nope nope", "--into", "x", check=10)
    site.holdfast("restore", "latest", "--at", "now", "--into", "x", check=2)
    assert "which snapshot" in site.holdfast("restore", "--into", "x", check=2).stderr
    assert site.json("show", "before 2.0")["snapshot"]["id"] == second
    assert site.json("verify", "nightly")["snapshots"][0]["id"] == third
    assert site.json("diff", "before 2.0", "label:nightly", check=7)["tables"][0]["table"] == "mark"


@pytest.mark.long
def test_a_local_time_is_of_the_zone(small_site):
    site = small_site
    marked(site, 1)
    now = datetime.datetime.now(datetime.timezone.utc)
    local = (now + datetime.timedelta(hours=5, minutes=1)).strftime("%Y-%m-%d %H:%M")
    # in a zone five hours ahead that clock shows now; in UTC it is in five hours, and both are after the snapshot
    for zone, text, status in (("UTC-5", local, 0), ("UTC", local, 0), ("UTC-6", local, 10)):
        into = f"{site.db}__zone"
        site.holdfast("restore", "--at", text, "--into", into, env={"TZ": zone}, check=status)
        if status == 0:
            site.cluster.dropdb(into)


@pytest.mark.parametrize("damage", ("pointer", "manifest"))
@pytest.mark.long(after=1)
def test_latest_passes_over_a_broken_one_and_says_so(small_site, damage):
    site = small_site
    marked(site, 1)
    time.sleep(1.1)  # a broken pointer's time is that of its id, to the second
    broken = marked(site, 2)
    pointer = site.repository / "snapshots" / "site" / f"{broken}.json"
    if damage == "pointer":
        pointer.chmod(0o600)
        pointer.write_text(pointer.read_text()[:100])
    else:
        name = json.loads(pointer.read_text())["manifest"]["object"]
        (site.repository / "objects" / name[:2] / name).unlink()
    for which in (("latest",), ("--at", "now")):
        mark, log = restored_mark(site, *which)
        assert mark == 1
        assert "passed over a newer snapshot" in log and broken in log


def test_restore_tells_what_it_will_restore(small_site):
    site = small_site
    taken = marked(site, 1, "--label", "keep me", "--pin")
    _, log = restored_mark(site, "latest")
    for expected in (taken, 'label "keep me"', "pinned", "never proven", "no deploy since"):
        assert expected in log
    site.holdfast("prove", "latest", check=0)

    site.add_migrations("fail-halfway")
    site.holdfast("deploy", check=3)
    site.remove_migrations("fail-halfway")
    site.holdfast("deploy", check=0)
    history = {cycle["id"]: cycle["state"] for cycle in site.json("history")["cycles"]}
    assert sorted(history.values()) == ["deployed", "rolled_back"]
    _, log = restored_mark(site, taken)
    assert "it was proven" in log and "since it was taken: 2 deploys" in log
    for cycle, state in history.items():
        assert any(cycle in line and state in line for line in log.splitlines())
    quiet = site.holdfast("restore", taken, "--into", f"{site.db}__quiet", "--quiet", check=0)
    assert quiet.stderr == ""
    site.cluster.dropdb(f"{site.db}__quiet")
