"""Full disks, cut and stalled networks, a clock that is set back: each ends in one of the two states, or in a refusal that says why."""
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from harness.postgres import Cluster
from harness.site import Site


class Proxy:
    """Passes bytes on to the server, until told otherwise."""

    def __init__(self, port):
        self.target, self.closed, self.stalled, self.pairs = port, False, set(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            pair = (client, socket.create_connection(("127.0.0.1", self.target)))
            self.pairs.append(pair)
            for a, b in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(pair, a, b), daemon=True).start()

    def _pump(self, pair, a, b):
        try:
            while data := a.recv(1 << 16):
                while pair in self.stalled:
                    time.sleep(0.05)
                b.sendall(data)
        except OSError:
            pass
        for sock in pair:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """All connections end, and no new one is made, until mend()."""
        self.closed = True
        for pair in self.pairs:
            for sock in pair:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def mend(self):
        self.closed = False

    def stall(self):
        """No byte passes any more through the connections that there are."""
        self.stalled = set(self.pairs)


@pytest.fixture(scope="module")
def cluster():
    with Cluster(fsync=False, autovacuum="off") as running:
        yield running


@pytest.fixture
def shop(cluster, tmp_path, request):
    """A database of one table, and a migrator that is a script."""
    site = Site(cluster, "hostile_" + str(abs(hash(request.node.name)) % 100000), tmp_path / "site", create=False)
    cluster.createdb(site.db)
    cluster.psql(site.db, "CREATE TABLE kept AS SELECT i, md5(i::text) FROM generate_series(1, 2000) i")
    site.holdfast("init", check=0)
    yield site
    site.drop_databases()


def migrator(site, script, **deploy):
    (site.directory / "migrate.sh").write_text(f"#!/bin/sh\n{script}\n")
    (site.directory / "migrate.sh").chmod(0o755)
    site.write_config(migrations={"kind": "command", "command": ["./migrate.sh"]}, deploy=deploy)


def rows(site):
    return site.cluster.psql(site.db, "SELECT count(*), (to_regclass('made') IS NOT NULL)::int FROM kept")


def wait_for(path):
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def small_disk():
    """Mounts a file system of so many KiB; gives its folder."""
    mounted = []

    def mount(kib):
        folder = Path(tempfile.mkdtemp(prefix="hf-disk-", dir="/tmp"))
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=777", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            folder.rmdir()
            pytest.skip(f"no file system can be mounted here: {done.stderr}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.parametrize("machine", ["this", "another"])
def test_the_repositorys_disk_is_full(shop, small_disk, machine):
    """Before the snapshot it is refused; on the way back, where each entry of the journal fails, the database is put back all the same."""
    disk = small_disk(160 * 1024)
    shop.repository = disk / "repo"
    migrator(shop, 'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"')
    shop.holdfast("init", check=0)
    fill = f"cat /dev/zero > {disk}/filler 2>/dev/null"
    subprocess.run(["sh", "-c", fill], check=False)
    refused = shop.holdfast("deploy")
    assert refused.returncode in (4, 14, 21), refused
    assert "left on device" in refused.stderr + refused.stdout or "free" in refused.stderr, refused
    assert rows(shop) == "2000|0"
    (disk / "filler").unlink()
    migrator(shop, f'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"; {fill}; exit 1')
    result = shop.holdfast("deploy")
    assert result.returncode == 3 and "the journal could not be written" in result.stderr, result
    assert rows(shop) == "2000|0" and len(shop.failed_databases()) == 1
    (disk / "filler").unlink()
    cluster, knows = shop.cluster, machine == "this"
    elsewhere = {"XDG_STATE_HOME": "/nonexistent"}
    cluster.psql(shop.db, "INSERT INTO kept VALUES (0, 'after it')")
    before = cluster.psql("postgres", "SELECT oid, datname FROM pg_database ORDER BY 1")
    assert shop.json("history", env=elsewhere)["cycles"][-1]["state"] != "rolled_back"  # the repository knows less than has happened
    resumed = shop.holdfast("resume", env=None if knows else elsewhere, check=3)  # nothing is restored once more
    assert ("now has what only this machine knew" in resumed.stderr) == knows
    assert rows(shop) == "2001|0" and cluster.psql("postgres", "SELECT oid, datname FROM pg_database ORDER BY 1") == before
    cycle = shop.json("report", env=elsewhere)["cycle"]
    assert cycle["state"] == "rolled_back" and [cycle["failed_database"]] == shop.failed_databases()
    shop.holdfast("resume", check=10)


@pytest.mark.parametrize("way", ["swap", "in-place"])
@pytest.mark.long(after=1)
def test_the_servers_disk_is_full(cluster, shop, small_disk, way):
    """While a restore loads: the live database stays as it is, nothing is left beside, and once there is room it works."""
    folder, space = small_disk(96 * 1024) / "space", shop.db + "_space"
    folder.mkdir()
    cluster.give(folder)
    cluster.psql("postgres", f"CREATE TABLESPACE {space} LOCATION '{folder}'")
    cluster.psql("postgres", f"ALTER DATABASE {shop.db} SET TABLESPACE {space}")
    cluster.psql(shop.db, "INSERT INTO kept SELECT i, repeat(md5(i::text), 8) FROM generate_series(2001, 20000) i; CHECKPOINT")
    shop.holdfast("backup", check=0)
    fill = f"cat /dev/zero > {folder}/filler 2>/dev/null; truncate -s -%dM {folder}/filler"
    full = "hint: a disk of the database server is full: make room there"
    subprocess.run(["sh", "-c", fill % 2], check=False)  # the copy's first session cannot even begin
    assert full in shop.holdfast("restore", "latest", "--" + way, check=30).stderr
    assert rows(shop) == "20000|0" and [name for name in cluster.databases() if name.startswith(shop.db)] == [shop.db]
    (folder / "filler").unlink()
    migrator(shop, f'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"; {fill % 3}; exit 1', rollback={"way": way})
    for command in ("deploy", "resume") if way == "in-place" else ("deploy",):
        stuck = shop.holdfast(command, check=5)
        assert full in stuck.stderr and rows(shop) == "20000|1"
        why, cause = stuck.stdout.index("a disk of the database server is full"), stuck.stdout.index("ended with status 1")
        assert why < cause  # the hint stands by what it belongs to
    (folder / "filler").unlink()
    shop.holdfast("resume", check=3)
    assert rows(shop) == "20000|0" and len(shop.failed_databases()) == (way == "swap")
    shop.drop_databases()
    cluster.psql("postgres", f"DROP TABLESPACE {space}")


def test_the_network_is_cut(cluster, shop):
    """For a second on the way back: it goes on. For good while migrating: a later resume ends it."""
    proxy = Proxy(cluster.port)
    through = {"DATABASE_URL": shop.url.replace(str(cluster.port), str(proxy.port))}
    migrator(shop, 'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"; touch made; while [ ! -e go ]; do sleep 0.05; done; exit 1')
    process = shop.spawn("deploy", env=through)
    wait_for(shop.directory / "made")
    proxy.cut()
    (shop.directory / "go").touch()
    time.sleep(1)
    proxy.mend()
    assert process.communicate(timeout=120) and process.returncode == 3
    assert rows(shop) == "2000|0"
    for name in ("made", "go"):
        (shop.directory / name).unlink()
    process = shop.spawn("deploy", env=through)
    wait_for(shop.directory / "made")
    proxy.cut()
    process.terminate()  # nobody waits for two minutes here
    time.sleep(0.5)
    process.kill()
    process.communicate(timeout=60)
    assert rows(shop) == "2000|1"
    shop.holdfast("resume", check=3)
    assert rows(shop) == "2000|0"


def test_the_name_leads_to_another_server(cluster, shop):
    """While migrating, and to one that has a database of that name: nothing is changed there, and resume refuses until it leads back."""
    proxy = Proxy(cluster.port)
    through = {"DATABASE_URL": shop.url.replace(str(cluster.port), str(proxy.port))}
    migrator(shop, 'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"; touch made; while [ ! -e go ]; do sleep 0.05; done; exit 1',
             fence={"kind": "read_only"})
    with Cluster(fsync=False, autovacuum="off") as other:
        other.createdb(shop.db)
        other.psql(shop.db, "CREATE TABLE kept AS SELECT 1 AS i")
        process = shop.spawn("deploy", env=through)
        wait_for(shop.directory / "made")
        proxy.target = other.port
        (shop.directory / "go").touch()
        told = process.communicate(timeout=120)[1]
        assert process.returncode == 5 and "leads to another server now" in told and "nothing is changed there" in told, told
        assert "leads to another server now" in shop.holdfast("resume", env=through, check=8).stderr
        settled = Site(other, shop.db, shop.directory.parent / "settled", create=False)
        shutil.copytree(shop.repository, settled.repository)
        settled.write_config(deploy={"fence": {"kind": "read_only"}})
        settled.holdfast("resume", "--settled", check=0)  # had the first one been gone for good
        assert rows(settled) == "1|0" and other.databases() == [shop.db]
        assert other.psql("postgres", "SELECT count(*) FROM pg_db_role_setting") == "0"
        assert rows(shop) == "2000|1" and cluster.psql(shop.db, "SHOW default_transaction_read_only") == "on"
    shop.holdfast("resume", check=3)  # the same server under another address
    assert rows(shop) == "2000|0" and cluster.psql(shop.db, "SHOW default_transaction_read_only") == "off"


def test_a_server_that_stands_still(cluster, shop):
    """Of the connections that there are no byte passes any more: the time limit ends the phase, though nothing answers the cancel."""
    proxy = Proxy(cluster.port)
    through = {"DATABASE_URL": shop.url.replace(str(cluster.port), str(proxy.port)) + "?connect_timeout=2"}
    (shop.directory / "sql").mkdir()
    (shop.directory / "sql" / "1.sql").write_text("CREATE TABLE made (); SELECT pg_sleep(600)")
    shop.write_config(migrations={"kind": "sql", "directory": "sql"}, deploy={"timeouts": {"migrate": "3s"}})
    process = shop.spawn("deploy", env=through)
    deadline = time.monotonic() + 60
    while cluster.psql("postgres", f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{shop.db}' AND query LIKE '%pg_sleep%' AND state = 'active'") != "1":
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    proxy.stall()
    output = process.communicate(timeout=150)
    assert process.returncode == 3, output
    assert "took longer than 3.0s" in output[1] and rows(shop) == "2000|0"


def test_the_clock_is_set_back(shop):
    """The cycle that is begun then is the last one all the same, and is not forgotten."""
    fake = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    if fake is None:
        pytest.skip("libfaketime is not installed")
    migrator(shop, "true")
    shop.holdfast("deploy", check=0)
    migrator(shop, 'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"; kill -9 $PPID')
    yesterday = {"LD_PRELOAD": fake, "FAKETIME": "-26h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    shop.holdfast("deploy", env=yesterday, check=-9)
    assert "holdfast resume" in shop.holdfast("deploy", check=8).stderr
    shop.holdfast("resume", check=3)
    cycles = shop.json("history")["cycles"]
    assert [cycle["state"] for cycle in cycles] == ["deployed", "rolled_back"] and rows(shop) == "2000|0"


def test_a_journal_that_was_changed_is_found(shop):
    migrator(shop, "true")
    shop.holdfast("deploy", check=0)
    assert shop.holdfast("history", "--verify", check=0).stdout == "1 journal read, each whole\n"
    journal, = (shop.repository / "cycles" / "site").iterdir()
    journal.write_text(journal.read_text().replace('"state":"deployed"', '"state":"refused"'))
    # No filter leaves it out: whether it fits is not known.
    for filter in ((), ("--result", "deployed"), ("--operator", "nobody"), ("--migration", "none")):
        assert "chain is broken" in shop.holdfast("history", "--verify", *filter, check=12).stderr
