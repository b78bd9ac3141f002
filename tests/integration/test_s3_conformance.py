"""The conformance suite of storage backends against a real S3 service, over TLS and with retries."""
import subprocess
from pathlib import Path

import pytest

from harness import proc, s3

SUITE = Path(proc.binary()).parent / "tests" / "conformance" / "conformance_storage"

pytestmark = [pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing())),
              pytest.mark.skipif(not SUITE.exists(), reason="the conformance suite was not built")]


@pytest.fixture(scope="module")
def server():
    with s3.Rados(tls=True) as running:
        running.create_bucket("conformance")
        yield running


def run(server, endpoint, backend, **env):
    result = subprocess.run([SUITE], capture_output=True, text=True, timeout=280, check=False, env=proc.environment({
        **server.environment(), "HF_TEST_S3_URL": "s3://conformance/some+prefix~1", "HF_TEST_S3_ENDPOINT": endpoint,
        "HF_TEST_BACKENDS": backend, **env}))
    assert result.returncode == 0, result.stdout + result.stderr
    # two of the 25 need a build with fault points
    assert any(f"[  PASSED  ] {passed} test(s)" in result.stdout + result.stderr for passed in (23, 25)), result.stdout


def test_over_tls(server):
    run(server, f"https://localhost:{server.tls_port}", "s3", HF_TEST_S3_CA_FILE=server.ca)


def test_with_the_retry_decorator(server):
    run(server, server.url, "s3-retry")
