"""Backups to a real S3 service with each fault on the way. Some of the cases; all 55 with `tests/run --all`."""
import os

import pytest

from harness import s3
from harness.fault_proxy import FAULTS, FaultProxy
from harness.s3_site import remote, restored_equals, server  # noqa: F401

pytestmark = pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing()))


METHODS = ("PUT", "GET", "HEAD", "LIST", "DELETE")
MATRIX = [(fault, method) for fault in FAULTS for method in METHODS]
if os.environ.get("HOLDFAST_TESTS") != "all":
    MATRIX = MATRIX[::11]  # every method, each with another fault


@pytest.mark.parametrize(("fault", "method"), MATRIX)
def test_faults_on_the_way(remote, fault, method):
    """Now and then: the backup succeeds and verifies, or fails cleanly. Always: it fails. The older snapshot stays whole."""
    remote.holdfast("init", check=0)
    before = remote.json("backup")["snapshot"]["id"]
    remote.cluster.psql(remote.db, "CREATE TABLE more AS SELECT md5(i::text) FROM generate_series(1, 20000) i")
    with FaultProxy(remote.server.port, stall=4) as proxy:
        remote.use(endpoint=proxy.url)
        proxy.set((method, {"LIST": 3, "DELETE": 2}.get(method, 5), fault))
        # A listing of which a bit is flipped may be none of S3 any more: a usage error.
        result = remote.holdfast("backup", "--verify", "full", "--output", "json", check=(0, 2, 12, 20) if (fault, method) == ("flip-reply", "LIST") else (0, 12, 20))
        assert proxy.hits > 0
        harmless = fault not in ("flip-reply", "flip-request") or method == "HEAD" or (fault, method) in (("flip-request", "PUT"), ("flip-request", "GET"))
        assert result.returncode == 0 or not harmless, result
    remote.use(endpoint=remote.server.url)
    snapshots = [each["id"] for each in remote.json("snapshots")["snapshots"]]
    # What is read wrongly after the pointer was put makes a backup fail of which the snapshot is there, and whole.
    counts = (2,) if result.returncode == 0 else (1, 2) if fault.startswith("flip") else (1,)
    assert before in snapshots and len(snapshots) in counts, result
    remote.holdfast("verify", "--full", check=0)
    if result.returncode == 0:
        restored_equals(remote)
    else:
        remote.holdfast("restore", before, "--into", remote.db + "__old", check=0)
