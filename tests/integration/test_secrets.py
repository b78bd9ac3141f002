"""Where a password could come to light: what a check prints, a URL that is not encoded as it should be."""
import os
import re
import stat
import threading
import urllib.parse
from pathlib import Path

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
@pytest.mark.long(after=1)
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
@pytest.mark.long(after=1)
def test_a_badly_encoded_password_is_not_echoed(site, url):
    for command in ("backup", "deploy", "doctor", "check"):
        result = site.holdfast(command, env={"DATABASE_URL": url})
        assert result.returncode != 0 or command == "check"
        assert command == "check" or "the database URL is malformed" in result.stdout + result.stderr
        assert command == "check" or "percent-encoded" in result.stdout + result.stderr
        for part in ("S3C", "R3T", '"blog', "pa/", "12/"):
            assert part not in result.stdout + result.stderr


MARKS = {"HOLDFAST_PASSPHRASE": "mark-of-the-passphrase", "SECOND_PASSPHRASE": "mark-of-the-second"}
COMMANDS = (("init", 0), ("doctor", (0, 6)), ("backup --label first", 0), ("plan", 0), ("check", 0), ("deploy --verbose", 0),
            ("backup", 0), ("snapshots", 0), ("show latest", 0), ("diff latest live", 0), ("verify", 0), ("prove", 0),
            ("restore latest --into {db}__copy", 0), ("restore latest --table notes --as rescue.notes", 0), ("migrations status", 0),
            ("drift", (0, 7)), ("pin latest", 0), ("unpin latest", 0), ("prune --dry-run", 0), ("gc", 0), ("copy", 0),
            ("export latest bundle.tar", 0), ("import bundle.tar", (0, 11)), ("key list", 0),
            ("key add --new-passphrase-env SECOND_PASSPHRASE", 0), ("history", 0), ("report latest", 0), ("restore latest --swap", 0),
            ("resume", 10), ("help", 0), ("version", 0))
RECORDER = """#!/usr/bin/python3
import os, sys
with open(os.environ["RECORDED"], "a") as file:
    print(sys.argv[0].rsplit("/", 1)[-1], sorted(f"{n}={v}" for n, v in os.environ.items()),
          [os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)], file=file)
if "pg_dump" in sys.argv[0]:
    os.execv(os.environ["REAL_PG_DUMP"], ["pg_dump", *sys.argv[1:]])
"""


class Arguments:
    """Reads every process's arguments over and over, and keeps those that hold a mark."""

    def __init__(self, marks):
        self.marks, self.found, self.looks, self.stop = [mark.encode() for mark in marks], set(), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.stop.wait(0.03):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if any(mark in line for mark in self.marks):
                    self.found.add(line.replace(b"\0", b" "))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def test_no_command_shows_a_secret(cluster, tmp_path):
    encoded = urllib.parse.quote(PASSWORD, safe="")
    site = Site(cluster, "marked_" + os.urandom(4).hex(), tmp_path / "site", create=False, passphrase=MARKS["HOLDFAST_PASSPHRASE"])
    cluster.createdb(site.db)
    (site.directory / "sql").mkdir()
    (site.directory / "sql" / "1_notes.sql").write_text(
        "CREATE TABLE notes AS SELECT n AS id, 'note ' || n AS note FROM generate_series(1, 100) n;\n")
    for name in ("pg_dump", "check"):
        (site.directory / name).write_text(RECORDER)
        (site.directory / name).chmod(0o755)
    site.write_config(migrations={"kind": "sql", "directory": "sql"},
                      snapshot={"pg_dump": [str(site.directory / "pg_dump")]},
                      retention={"keep_last": 3})
    site.add_checks({"name": "recorder", "command": [str(site.directory / "check")]})
    config = site.config.read_text()
    site.config.write_text(config.replace('"passphrase"', f'"copy_to": [{{"url": "file://{tmp_path}/copy"}}], "passphrase"', 1))
    env = {"HOLDFAST_PASSPHRASE": MARKS["HOLDFAST_PASSPHRASE"], "REAL_PG_DUMP": cluster.bindir + "/pg_dump", "RECORDED": str(tmp_path / "recorded")}
    secrets = [PASSWORD, encoded, *MARKS.values()]
    texts = []
    with Arguments(secrets) as arguments:
        for command, status in COMMANDS:
            for output in ([], ["--output", "json"]):
                if output and command.split()[0] not in ("snapshots", "show", "doctor", "history", "report", "verify", "plan"):
                    continue
                result = site.holdfast(*command.format(db=site.db).split(), *output, env=MARKS | env if "key add" in command else env, check=status)
                texts.append(result.stdout + result.stderr)
    assert arguments.looks > 50 and not arguments.found
    for text in texts:
        assert not [secret for secret in secrets if secret in text], text

    # nothing of them on the disk, neither in the repository nor beside it
    files = [path for folder in (site.repository, tmp_path / "copy", site.directory) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 50
    for path in files:
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path
    for path in (path for folder in (site.repository, tmp_path / "copy") for path in [folder, *folder.rglob("*")]):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path

    # a child is told no more than it needs, and inherits no descriptor
    recorded = (tmp_path / "recorded").read_text().splitlines()
    assert {line.split()[0] for line in recorded} == {"pg_dump", "check"}
    for line in recorded:
        assert not [mark for mark in MARKS.values() if mark in line], line
        assert (PASSWORD in line or encoded in line) == (line.startswith("check") or "PGPASSWORD" in line), line
        assert not re.search(re.escape(str(tmp_path)) + r"/(site/repo|copy)|socket:", line), line
    site.drop_databases()
