"""Where a password could come to light: what a check prints, a URL that is not encoded as it should be."""
import os
import urllib.parse

import pytest

from harness.postgres import Cluster
from harness.site import Site

PASSWORD = "p:ss/w@rd%21"


@pytest.fixture(scope="module")
def cluster():
    with Cluster(fsync=False, auth="scram", password=PASSWORD) as cluster:
        yield cluster


@pytest.fixture
def site(cluster, tmp_path):
    name = "secrets_" + os.urandom(4).hex()
    site = Site(cluster, name, tmp_path / "site", create=False)
    cluster.createdb(name)
    site.write_config(migrations={"kind": "none"})
    site.holdfast("init", check=0)
    yield site
    site.drop_databases()


def in_keywords(site):
    parts = urllib.parse.urlsplit(site.url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    host = query.get("host") or parts.hostname
    return f"host={host} port={query.get('port') or parts.port} user={parts.username or query['user']} dbname={site.db} password={PASSWORD}"


@pytest.mark.parametrize("form", ["url", "keywords", "environment"])
def test_a_check_may_print_the_password(site, form):
    encoded = urllib.parse.quote(PASSWORD, safe="")
    env = {"DATABASE_URL": site.url if form == "url" else in_keywords(site)}
    if form == "environment":
        env = {"DATABASE_URL": in_keywords(site).rsplit(" ", 1)[0], "PGPASSWORD": PASSWORD}
    program = ("import os, urllib.parse as u; print(os.environ['DATABASE_URL']); print(os.environ.get('PGPASSWORD'))\n"
               f"print('the password is', {PASSWORD!r}, {encoded!r}); raise SystemExit(1)")
    site.add_checks({"name": "chatty", "command": ["python3", "-c", program]},
                    {"name": "mine", "command": ["python3", "-c", "import os, urllib.parse as u; "
                                                 "print(u.urlsplit(os.environ['DATABASE_URL']).password); raise SystemExit(1)"]})
    shown = [site.holdfast(*command, env=env) for command in (["check"], ["deploy", "--verbose"], ["report", "latest"],
                                                               ["report", "latest", "--output", "json"], ["doctor"])]
    assert shown[0].returncode == 6 and shown[1].returncode in (3, 4) and shown[2].returncode == 0
    assert "the password is ***" in shown[0].stdout and "the password is ***" in shown[2].stdout
    texts = [result.stdout + result.stderr for result in shown]
    texts += [path.read_text(errors="replace") for path in site.repository.rglob("*.json")]
    assert any("the password is" in text for text in texts[5:])
    for text in texts:
        assert PASSWORD not in text and encoded not in text


@pytest.mark.parametrize("url", ["postgresql://blog:S3C@R3T@127.0.0.1/d", "postgresql://blog:pa/S3C@127.0.0.1/d",
                                 "postgresql://blog:12/S3C@127.0.0.1/d", "postgresql://blog:S3C?R3T@127.0.0.1/d"])
def test_a_badly_encoded_password_is_not_echoed(site, url):
    for command in ("backup", "deploy", "doctor", "check"):
        result = site.holdfast(command, env={"DATABASE_URL": url})
        assert result.returncode != 0 or command == "check"
        assert command == "check" or "the database URL is malformed" in result.stdout + result.stderr
        assert command == "check" or "percent-encoded" in result.stdout + result.stderr
        for part in ("S3C", "R3T", '"blog', "pa/", "12/"):
            assert part not in result.stdout + result.stderr
