"""Sites whose repository is in an S3 bucket; the fixtures are imported where they are needed."""
import itertools

import pytest

from . import compare, marketplace
from .s3 import Rados
from .site import Site

_numbers = itertools.count(1)


class S3Site(Site):
    """A site whose repository is a prefix in a bucket."""

    def __init__(self, cluster, db, directory, server, url, **options):
        self.server, self.s3 = server, {"url": url, "s3": {"endpoint": server.url, "timeout": "2s", **options}}
        super().__init__(cluster, db, directory, create=False)

    def repository_options(self):
        return self.s3

    def use(self, **options):
        """Further options of repository.s3."""
        self.s3["s3"].update(options)
        self.write_config()

    @property
    def env(self):
        return {**self.server.environment(), **super().env}


@pytest.fixture(scope="module")
def server():
    with Rados(tls=True) as running:
        running.create_bucket("backups")
        yield running


@pytest.fixture
def remote(cluster, server, tmp_path):
    name = f"remote{next(_numbers)}"
    marketplace.create(cluster, name, scale=0.02)
    made = S3Site(cluster, name, tmp_path / "site", server, f"s3://backups/{name}/deep")
    yield made
    made.drop_databases()


def restored_equals(site, snapshot="latest"):
    copy = f"{site.db}__copy{next(_numbers)}"
    site.holdfast("restore", snapshot, "--into", copy, check=0)
    compare.assert_same(site.cluster, site.db, site.cluster, copy)
