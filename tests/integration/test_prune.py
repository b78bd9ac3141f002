"""Retention: what prune removes and what never; pins; kills on the way."""
import json

import pytest


@pytest.fixture
def kept(small_site):
    """Writes the retention into the configuration and gives the site."""
    def write(**retention):
        options = small_site.repository_options() | {"retention": retention}
        small_site.repository_options = lambda: options
        small_site.write_config()
        return small_site
    return write


def backups(site, count, *options):
    return [site.json("backup", *options)["snapshot"]["id"] for _ in range(count)]


def ids(site):
    return [s["id"] for s in site.json("snapshots")["snapshots"]]


def test_without_a_retention_nothing_is_removed(small_site):
    taken = backups(small_site, 2)
    error = small_site.holdfast("prune", "--output", "json", check=4).json()["error"]
    assert "no retention is configured" in error["message"] and "keep_last" in error["hint"]
    assert ids(small_site) == taken


def test_prune(kept):
    site = kept(keep_last=1)
    first, second, third, fourth = backups(site, 4)
    assert site.json("pin", first)["changed"] is True
    assert site.json("pin", first)["changed"] is False
    site.json("prove", second)
    before = sorted((site.repository / "objects").rglob("*"))

    dry = site.json("prune", "--dry-run")
    verdicts = {s["id"]: s["reasons"] for s in dry["targets"][0]["snapshots"]}
    assert verdicts == {first: ["pinned"], second: ["newest proven"], third: [], fourth: ["newest", "last"]}
    assert dry["dry_run"] is True and ids(site) == [first, second, third, fourth]
    table = site.holdfast("prune", "--dry-run", check=0).stdout
    assert "remove" in table and "newest proven" in table

    assert site.json("prune")["targets"][0]["removed"] == 1
    assert ids(site) == [first, second, fourth]
    assert site.json("unpin", first)["changed"] is True
    site.json("prune")
    assert ids(site) == [second, fourth]
    assert sorted((site.repository / "objects").rglob("*")) == before, "objects are gc's"
    site.holdfast("verify", check=0)


@pytest.mark.long
def test_a_target_has_its_own_retention(kept):
    site = kept(keep_last=9)
    site.write_config(retention={"keep_last": 2})
    taken = backups(site, 3)
    site.json("prune")
    assert ids(site) == taken[1:]


def test_a_database_that_lost_its_rows_stops_the_pruning(kept):
    site = kept(keep_last=1)
    full = backups(site, 2)
    site.cluster.psql(site.db, "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND "
                               "relnamespace = 'public'::regnamespace LOOP EXECUTE 'TRUNCATE ' || t || ' CASCADE'; END LOOP; END $$")
    empty = backups(site, 1)
    answer = site.holdfast("prune", "--output", "json", check=4).json()
    assert empty[0] in answer["error"]["message"] and f"pin {full[1]}" in answer["error"]["hint"]
    assert ids(site) == full + empty
    site.holdfast("pin", full[1], check=0)
    site.json("prune")
    assert ids(site) == [full[1], *empty]
    site.holdfast("unpin", full[1], check=0)
    site.holdfast("prune", check=4)
    site.holdfast("prune", "--allow-shrunk", check=0)
    assert ids(site) == empty


@pytest.mark.long
def test_the_snapshot_of_a_deploy_that_has_not_ended_stays(kept, faults):
    site = kept(keep_last=1)
    site.add_migrations("fail-halfway")
    site.holdfast("deploy", env={"HOLDFAST_FAULT": "deploy.entered:kill:5"}, check=-9)
    needed = ids(site)
    assert len(needed) == 1
    later = backups(site, 2)
    verdicts = {s["id"]: s["reasons"] for s in site.json("prune")["targets"][0]["snapshots"]}
    assert verdicts[needed[0]] == ["unfinished cycle"] and ids(site) == [needed[0], later[1]]
    site.holdfast("resume", check=3)
    site.json("prune")
    assert ids(site) == [later[1]]


@pytest.mark.long
def test_a_kill_loses_nothing_and_a_second_run_ends_it(kept, faults):
    """Killed at each of its durable steps in turn, until one run comes through."""
    site = kept(keep_last=1)
    taken = backups(site, 3)
    for snapshot in taken:
        site.json("prove", snapshot)
    for point in ("prune.before_pointer", "prune.after_pointer", "prune.after_proof"):
        site.holdfast("prune", env={"HOLDFAST_FAULT": f"{point}:kill"}, check=-9)
        site.holdfast("verify", check=0)
        assert ids(site)[-1] == taken[-1]
    site.json("prune")
    assert ids(site) == taken[-1:]
    site.holdfast("restore", "latest", "--into", site.db + "__copy", check=0)


def test_a_journal_that_cannot_be_read_stops_the_pruning(kept):
    site = kept(keep_last=1)
    site.holdfast("deploy", check=0)
    backups(site, 2)
    journal = next((site.repository / "cycles" / "site").iterdir())
    document = json.loads(journal.read_text())
    document["head"] = "0" * 64
    journal.write_text(json.dumps(document))
    before = ids(site)
    site.holdfast("prune", check=12)
    assert ids(site) == before


def test_pin_of_what_is_not_there(small_site):
    small_site.holdfast("pin", "20200101", check=10)
    small_site.holdfast("pin", check=2)
