"""Memory is bounded by workers and chunks, however slow the service is."""
import os

import pytest

from harness import proc, s3
from harness.fault_proxy import FaultProxy
from harness.s3_site import remote, server  # noqa: F401

pytestmark = [pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing())),
              pytest.mark.skipif(proc.sanitized(), reason="a sanitizer's memory is not holdfast's")]

JOBS, CHUNK_MIB, BASE_MIB, ROWS_MIB = 2, 1, 56, 75


def peak_mib(remote, *args):
    """Runs holdfast to its end; the most memory that it had, without its children's."""
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        process = remote.spawn(*args, stdout=nothing, stderr=nothing)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def test_a_slow_service(remote):
    """A worker has a chunk of text, one of compressed bytes and one read back, each in a buffer of up to twice its size; and all rows are more."""
    bound = BASE_MIB + JOBS * 3 * 2 * CHUNK_MIB
    assert bound < ROWS_MIB
    noise = ", ".join(f"sha512((i * 4 + {column})::text::bytea) AS noise{column}" for column in range(4))      # nothing to compress
    remote.cluster.psql(remote.db, f"CREATE TABLE big AS SELECT {noise} FROM generate_series(1, {ROWS_MIB * 4096}) i")
    remote.write_config(snapshot={"jobs": JOBS, "range_pages": CHUNK_MIB * 128, "chunk_size": f"{CHUNK_MIB}MiB"})
    remote.holdfast("init", check=0)
    with FaultProxy(remote.server.port, rate=16 << 20) as proxy:
        remote.use(endpoint=proxy.url)
        for args in (("backup", "--verify", "full"), ("restore", "latest", "--into", remote.db + "__copy")):
            peak = peak_mib(remote, *args)
            print(args[0], f"{peak:.0f} MiB of {bound}")
            assert peak < bound, args
