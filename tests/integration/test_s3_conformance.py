"""The conformance suite of storage backends against a real S3 service, over TLS and with retries."""
import subprocess
from pathlib import Path

import pytest

from harness import proc, s3
from harness.fault_proxy import FaultProxy

SUITE = Path(proc.binary()).parent / "tests" / "conformance" / "conformance_storage"

pytestmark = pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing()))


@pytest.fixture(scope="module")
def server():
    with s3.Rados(tls=True) as running:
        running.create_bucket("conformance")
        yield running


def run(server, endpoint, backend, cases=(25, 27), **env):
    """Two of the 27 cases need a build with fault points."""
    result = subprocess.run([SUITE], capture_output=True, text=True, timeout=280, check=False, env=proc.environment({
        **server.environment(), "HF_TEST_S3_URL": "s3://conformance/some+prefix~1", "HF_TEST_S3_ENDPOINT": endpoint,
        "HF_TEST_BACKENDS": backend, **env}))
    assert result.returncode == 0, result.stdout + result.stderr
    assert any(f"[  PASSED  ] {passed} test(s)" in result.stdout + result.stderr for passed in cases), result.stdout


def test_over_tls(server):
    run(server, f"https://localhost:{server.tls_port}", "s3", HF_TEST_S3_CA_FILE=server.ca)


def test_with_the_retry_decorator(server):
    run(server, server.url, "s3-retry")


@pytest.mark.parametrize("fault", ["500", "reset-request", "drop-reply"])
@pytest.mark.long(after=1)
def test_one_of_many_wins_whatever_is_lost(server, fault):
    """Every fifth request fails: of eight at once one has put it, and the others are told so."""
    with FaultProxy(server.port) as proxy:
        proxy.set(("*", 5, fault))
        run(server, proxy.url, "s3-retry", cases=(2,), HF_TEST_CASES="*put_new*")
        assert proxy.hits > 20


def test_batches_of_removals(server):
    """One request for all; each on its own where the service knows no batches."""
    with FaultProxy(server.port) as proxy:
        for method, fault, hits in (("DELETE", "500", 0), ("POST", "501 NotImplemented", 1), ("POST", "400 InvalidRequest", 1)):
            proxy.set((method, 1, fault))
            run(server, proxy.url, "s3", cases=(1,), HF_TEST_CASES="*removes_many*")
            assert proxy.hits == hits
