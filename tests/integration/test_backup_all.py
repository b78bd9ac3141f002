"""backup --all: every target of the configuration side by side, one table of results, and the others go on where one fails."""
# labels: tsan
import json

import pytest


@pytest.fixture
def several(small_site):
    """Four targets: two databases of their own, one that does not exist, and one whose URL is not told."""
    site = small_site
    second = site.db + "__second"
    site.cluster.psql("postgres", f'CREATE DATABASE "{second}"')
    site.cluster.psql(second, "CREATE TABLE numbers AS SELECT n FROM generate_series(1, 1000) n")
    targets = {"site": "DATABASE_URL", "second": "SECOND_URL", "absent": "ABSENT_URL", "untold": "UNTOLD_URL"}
    site.config.write_text(json.dumps({
        "repository": {"url": f"file://{site.repository}", "retention": {"keep_last": 1}},
        "targets": {name: {"database": {"url": {"env": variable}}, "snapshot": {"jobs": 2}, "migrations": {"kind": "none"}}
                    for name, variable in targets.items()}}))
    env = {"SECOND_URL": site.cluster.url(second), "ABSENT_URL": site.cluster.url(site.db + "__absent")}
    return site, env


def test_one_that_fails_does_not_stop_the_others(several):
    site, env = several
    result = site.holdfast("backup", "--all", "--output", "json", env=env)
    answer = result.json()
    assert result.returncode == max(t["error"]["exit_status"] for t in answer["targets"] if t["error"])
    told = {target["target"]: target for target in answer["targets"]}
    assert {name: target["ok"] for name, target in told.items()} == {"site": True, "second": True, "absent": False, "untold": False}
    assert told["second"]["snapshot"]["rows"] == 1000 and told["absent"]["snapshot"] is None
    assert "2 of 4 backups failed" in answer["error"]["message"]
    assert {s["target"] for s in site.json("snapshots", env=env)["snapshots"]} == {"site", "second"}
    assert list((site.repository / "locks" / "present").iterdir()) == []
    site.holdfast("verify", env=env, check=0)

    site.holdfast("backup", "--all", "--at-once", "4", env=env)
    table = site.holdfast("backup", "--all", env=env).stdout
    assert table.count("FAILED") == 2 and "absent" in table
    pruned = site.json("prune", env=env)
    assert {t["target"]: t["removed"] for t in pruned["targets"]} == {"site": 2, "second": 2, "absent": 0, "untold": 0}


def test_usage(several):
    site, env = several
    site.holdfast("backup", "--all", "--target", "site", env=env, check=2)
    site.holdfast("backup", "--at-once", "2", "--target", "site", env=env, check=2)
    site.holdfast("backup", "--all", "--at-once", "0", env=env, check=2)
    site.holdfast("backup", "--all", "--verify", "none", env=env, check=2)


def test_two_nights_that_overlap_do_no_harm(several):
    site, env = several
    both = [site.spawn("backup", "--all", env=env) for _ in range(2)]
    for night in both:
        night.wait()
    assert {s["target"] for s in site.json("snapshots", env=env)["snapshots"]} == {"site", "second"}
    both = [site.spawn(command, env=env) for command in ("prune", "gc", "prune", "gc")]
    for night in both:
        assert night.wait() in (0, 14)
    site.holdfast("verify", env=env, check=0)
