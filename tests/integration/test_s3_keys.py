"""Temporary keys, real ones of radosgw's STS, by way of the services that hand them out on Amazon's machines."""
import pytest

from harness import s3
from harness.fault_proxy import FaultProxy
from harness.key_services import KeyServices
from harness.s3_site import remote  # noqa: F401

pytestmark = pytest.mark.skipif(s3.missing() is not None, reason=str(s3.missing()))

OVER = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def server():
    with s3.Rados(sts=True) as running:
        running.create_bucket("backups")
        yield running


@pytest.fixture(scope="module")
def keys(server):
    return server.temporary_keys()


@pytest.fixture
def without(tmp_path):
    """No keys but those of a service; what is a proxy elsewhere must not be asked for what is near."""
    return {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "none", "AWS_EC2_METADATA_DISABLED": "true"}


def lead(services, kind, folder):
    return services.metadata() if kind == "metadata" else getattr(services, kind)(folder)


@pytest.mark.parametrize("kind", ["web_identity", "container", "metadata"])
@pytest.mark.long(after=1)
def test_temporary_keys(remote, keys, without, tmp_path, kind):
    remote.holdfast("init", check=0)
    with KeyServices([keys]) as services:
        env = without | lead(services, kind, tmp_path)
        remote.holdfast("backup", env=env, check=0)
        assert services.asked == 1                      # for the whole run
        # Keys that are over when they come are asked for anew, as are those that the service no longer takes.
        services.keys, services.asked = [{**keys, "Expiration": OVER}, keys], 0
        result = remote.holdfast("snapshots", "--verbose", env=env, check=0)
        assert services.asked == 2
        assert keys["SecretAccessKey"] not in result.stdout + result.stderr
        with FaultProxy(remote.server.port) as proxy:
            services.asked = 1
            proxy.set(("GET", 2, "400 ExpiredToken"))
            remote.use(endpoint=proxy.url)
            remote.holdfast("snapshots", env=env, check=0)
            assert proxy.hits > 0 and services.asked == 2 + proxy.hits
        remote.use(endpoint=remote.server.url)
        # A token that does not belong to the keys is refused, and that is said.
        services.keys = [{**keys, "SessionToken": "x" + keys["SessionToken"][1:]}]
        assert remote.holdfast("snapshots", "--output", "json", env=env, check=22).json()["error"]["message"]


def test_services_that_refuse(remote, keys, without, tmp_path):
    remote.holdfast("init", check=0)

    def error(env, status=22):
        return remote.holdfast("snapshots", "--output", "json", env=without | env, check=status).json()["error"]

    with KeyServices([keys]) as services:
        wrong = error(services.web_identity(tmp_path, identity="other"))
        assert "InvalidIdentityToken" in wrong["message"] and "STS" in wrong["message"] and services.url in wrong["hint"]
        assert "container" in error(services.container(tmp_path, token="other"))["message"]
        assert "neither https" in error({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}, status=2)["message"]
        services.role = ""
        assert "no role" in error(services.metadata())["message"]
        services.keys, services.role = [{**keys, "AccessKeyId": "", "SecretAccessKey": ""}], "backup+role"
        assert "no keys" in error(services.metadata())["message"]
        # What stands in the environment goes before a service.
        assert remote.holdfast("snapshots", env=services.metadata()).returncode == 0
        services.asked = 0
    gone = error(services.metadata())
    assert "no keys" in gone["message"] and "AWS_ACCESS_KEY_ID" in gone["hint"]
    assert "no keys" in error({})["message"] or "none" in error({})["message"]
