"""Keys that may not do everything, on a real S3 service: what works without, and what is said about the rest."""
import pytest

from harness import s3
from harness.s3_site import remote, restored_equals, server  # noqa: F401

pytestmark = pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing()))


def snapshots(remote):
    return [each["id"] for each in remote.json("snapshots")["snapshots"]]


def error_of(remote, env, *args, check):
    error = remote.holdfast(*args, "--output", "json", env=env, check=check).json()["error"]
    assert error["hint"], error
    return error["message"] + "\n" + error["hint"]


def test_keys_that_only_write(remote):
    """A backup is made, and says that nothing of it was verified; it is whole. All else is refused."""
    remote.holdfast("init", check=0)
    before = remote.json("backup")["snapshot"]
    env = remote.server.restrict("backups", "writer", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject")
    result = remote.holdfast("backup", "--verify", "full", "--output", "json", env=env, check=0)
    taken = result.json()["snapshot"]
    assert taken["verified"] == "nothing" and taken["chunks_reused"] == 0 and before["verified"] == "full"
    assert "may not read" in result.stderr and "holdfast verify --full" in result.stderr
    assert "nothing: these keys may not read" in remote.holdfast("backup", env=env, check=0).stdout
    assert {before["id"], taken["id"]} < set(snapshots(remote)) and len(snapshots(remote)) == 3
    remote.holdfast("verify", "--full", check=0)
    restored_equals(remote)
    for command in (["deploy"], ["snapshots"], ["restore", "latest", "--into", "x"], ["verify"]):
        assert "s3:GetObject" in error_of(remote, env, *command, check=22)
    remote.add_migrations("fail-halfway")
    assert "s3:GetObject" in error_of(remote, env, "deploy", check=22)
    assert "x" not in remote.cluster.databases() and len(snapshots(remote)) == 3


def test_keys_that_may_not_read_store_nothing_in_the_clear(remote):
    """With a passphrase they cannot do anything; without it the names of its keys tell that the repository is encrypted."""
    remote.passphrase = "long enough, is it not"
    remote.use()
    remote.holdfast("init", check=0)
    env = remote.server.restrict("backups", "sealer", "s3:GetObject")
    assert "passphrase" in error_of(remote, env, "backup", check=22)
    remote.passphrase = None
    remote.use()
    assert "is encrypted" in error_of(remote, env, "backup", check=23)
    _, listing = remote.server.request("GET", "/backups/", query=f"list-type=2&prefix={remote.db}%2F")
    assert b"/objects/" not in listing and b"/snapshots/" not in listing


def test_keys_that_may_not_list(remote):
    remote.holdfast("init", check=0)
    before = remote.json("backup")["snapshot"]["id"]
    env = remote.server.restrict("backups", "blind", "s3:ListBucket")
    for command in ("backup", "snapshots", "deploy"):
        assert "s3:ListBucket" in error_of(remote, env, command, check=22)
    assert snapshots(remote) == [before]
    remote.holdfast("verify", "--full", check=0)


@pytest.mark.long
def test_keys_that_may_not_remove(remote):
    """What is written once needs no removal: backups work, again and again."""
    remote.holdfast("init", check=0)
    env = remote.server.restrict("backups", "keeper", "s3:DeleteObject")
    ids = [remote.json("backup", env=env)["snapshot"]["id"] for _ in range(3)]
    assert sorted(snapshots(remote)) == sorted(ids)
    remote.holdfast("verify", "--full", env=env, check=0)
    restored_equals(remote)


@pytest.mark.long
def test_keys_that_may_not_write(remote):
    remote.holdfast("init", check=0)
    before = remote.json("backup")["snapshot"]["id"]
    env = remote.server.restrict("backups", "reader", "s3:PutObject", "s3:DeleteObject")
    for command in ("backup", "deploy"):
        assert "s3:PutObject" in error_of(remote, env, command, check=22)
    remote.holdfast("restore", before, "--into", remote.db + "__copy", env=env, check=0)
