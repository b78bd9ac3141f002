"""Fixtures of the integration tests: a private PostgreSQL for the session; a fresh marketplace for each test."""
import collections
import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness import marketplace, proc  # noqa: E402
from harness.app import App  # noqa: E402
from harness.postgres import Cluster  # noqa: E402
from harness.site import Site  # noqa: E402

_numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "long(after=0): only `tests/run --all` runs it; with `after`, those of its cases that follow so many")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("HOLDFAST_TESTS") == "all" or config.option.keyword or any("::" in argument for argument in config.args):
        return
    cases = collections.Counter()
    kept, left = [], []
    for item in items:
        mark, function = item.get_closest_marker("long"), (item.fspath, item.originalname)
        cases[function] += 1
        (left if mark and cases[function] > mark.kwargs.get("after", 0) else kept).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture(scope="session")
def cluster():
    with Cluster(fsync=False, shared_buffers="128MB", autovacuum="off", prepared=lambda made: marketplace.template(made, 0.02)) as running:
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


@pytest.fixture
def small_site(cluster, tmp_path):
    """As `site`, with some thousand rows only, and `holdfast init` has run."""
    name = f"small{next(_numbers)}"
    marketplace.create(cluster, name, scale=0.02)
    made = Site(cluster, name, tmp_path / "site", create=False)
    made.holdfast("init", check=0)
    yield made
    made.drop_databases()


@pytest.fixture
def shop(cluster, tmp_path):
    """A database of one table, and a folder of SQL files as migrations; `holdfast init` has run."""
    made = Site(cluster, f"shop{next(_numbers)}", tmp_path / "site", create=False)
    cluster.createdb(made.db)
    cluster.psql(made.db, "CREATE TABLE invoices AS SELECT id, 'open' AS status FROM generate_series(1, 700) id; ANALYZE invoices")
    (made.directory / "sql").mkdir()
    made.write_config(migrations={"kind": "sql", "directory": "sql"})
    made.holdfast("init", check=0)
    yield made
    made.drop_databases()


@pytest.fixture(scope="session")
def faults(tmp_path_factory):
    """Skips the test when the binary has no fault points."""
    folder = tmp_path_factory.mktemp("faults")
    proc.holdfast("init", cwd=folder, env={"HOLDFAST_FAULT_LOG": folder / "log"}, check=0)
    if not (folder / "log").exists():
        pytest.skip("this binary has no fault points")
