"""Fixtures of the integration tests: a private PostgreSQL for the session; a fresh marketplace for each test."""
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.app import App  # noqa: E402
from harness.postgres import Cluster  # noqa: E402
from harness.site import Site  # noqa: E402

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster():
    with Cluster(fsync=False, shared_buffers="128MB", autovacuum="off") as running:
        yield running


@pytest.fixture
def site(cluster, tmp_path):
    """A marketplace database and a work folder with holdfast.yaml; `holdfast init` has not run."""
    made = Site(cluster, f"site{next(_numbers)}", tmp_path / "site")
    yield made
    made.drop_databases()


@pytest.fixture
def app(site):
    """The sample application on the site's database."""
    with App(site.url) as running:
        yield running
