"""The servers of the matrix: this machine's own PostgreSQL, and 17 and 18 by debootstrap."""
import os
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, TESTS + "/integration"]

from harness.chroot import SUITES, ChrootCluster, Unavailable, debian  # noqa: E402
from harness.postgres import Cluster  # noqa: E402


def start(version, **options):
    """A Cluster of this version, not yet running; skips the test where there is none."""
    if version not in SUITES:
        cluster = Cluster(fsync=False, **options)
        if not cluster.bindir.startswith(f"/usr/lib/postgresql/{version}/"):
            cluster.destroy()
            pytest.skip(f"this machine's own PostgreSQL is not {version}")
        return cluster
    try:
        return ChrootCluster(debian(version), version, fsync=False, **options)
    except Unavailable as error:
        pytest.skip(f"no PostgreSQL {version}: {error}")


@pytest.fixture(scope="session")
def servers():
    """servers(17): a running server of that version, the same for all tests."""
    running = {}

    def get(version):
        if version not in running:
            running[version] = start(version, shared_buffers="128MB", autovacuum="off", wal_level="logical").__enter__()
        return running[version]

    yield get
    for cluster in running.values():
        cluster.destroy()
