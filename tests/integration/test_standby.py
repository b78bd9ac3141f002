"""A hot standby as the source of snapshots."""
import time

import pytest

from harness import compare, marketplace
from harness.postgres import Cluster, free_port
from harness.site import Site

# A commit that waits for the log, and so for all before it; then the end of what is written.
WRITTEN = "DO 'BEGIN PERFORM txid_current(); END'; SELECT pg_current_wal_lsn()"


class Standby(Cluster):
    """A copy of a running Cluster, which follows it."""

    def __init__(self, primary, **settings):
        super().__init__(fsync=False, bindir=primary.bindir, **settings)
        self.primary = primary

    def create(self):
        self._watch()
        self._server_command("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", self.primary.url())
        with open(self.data + "/postgresql.conf", "a", encoding="utf-8") as file:
            file.write(f"unix_socket_directories = '{self.directory}'\n")
            file.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())
        self.port = free_port()
        self.start()
        return self

    def follow(self):
        """Returns when all that the primary has written is replayed here."""
        lsn = self.primary.psql("postgres", WRITTEN)
        deadline = time.monotonic() + 30
        while self.psql("postgres", f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'") != "t":
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def primary():
    with Cluster(fsync=False, synchronous_commit="on", shared_buffers="64MB", autovacuum="off") as running:
        marketplace.create(running, "shop", scale=0.02)
        running.psql("shop", """
            CREATE UNLOGGED TABLE scratch (id serial PRIMARY KEY, x text);
            INSERT INTO scratch (x) SELECT 'x' FROM generate_series(1, 100);
            SELECT lo_from_bytea(0, 'an object');
            CREATE TABLE victim AS SELECT i FROM generate_series(1, 1000) i""")
        yield running


@pytest.fixture(scope="module")
def standby(primary):
    with Standby(primary, max_standby_streaming_delay="0") as running:
        running.follow()
        yield running


@pytest.fixture
def site(standby, tmp_path):
    made = Site(standby, "shop", tmp_path / "site", create=False)
    made.holdfast("init", check=0)
    return made


def test_backup(site, primary, standby):
    result = site.holdfast("backup", check=0)
    assert "the rows of an unlogged table, which a standby does not have: public.scratch" in result.stderr, result
    assert "the value of an unlogged sequence, which a standby does not have: public.scratch_id_seq" in result.stderr, result
    snapshot = site.json("show", "latest")["snapshot"]
    excluded = [table["name"] for table in snapshot["tables"] if table["data_excluded"]]
    assert excluded == ["scratch"]
    assert "scratch_id_seq" not in [sequence["name"] for sequence in snapshot["sequences"]]
    assert snapshot["schema"]["entries"] > 0 and snapshot["rows"] > 1000
    site.holdfast("verify", check=0)

    # It goes back into the primary, whole but for what the standby did not have.
    site.holdfast("restore", "latest", "--into", "shop_copy", env={"DATABASE_URL": primary.url("shop")}, check=0)
    found = compare.differences(primary, "shop", primary, "shop_copy", facts=True, ignore=("public.scratch",))
    assert [line for line in found if "scratch_id_seq" not in line] == []
    assert primary.psql("shop_copy", "SELECT count(*) FROM scratch") == "0"
    primary.dropdb("shop_copy")


def conflicting(site, primary, standby, times):
    """A pg_dump before which the primary removes rows that the snapshot sees, so many times."""
    script, count = site.directory / "pg_dump", site.directory / "count"
    script.write_text(f"""#!/bin/sh
case "$1" in --version) exec {primary.bindir}/pg_dump --version;; esac
echo >>{count}
if [ $(wc -l <{count}) -le {times} ]; then
    psql="{primary.bindir}/psql -XAtq -U postgres -h 127.0.0.1 -d shop"
    $psql -p {primary.port} -c "UPDATE victim SET i = i + 1" -c "VACUUM victim"
    lsn=$($psql -p {primary.port} -c "{WRITTEN}")
    until [ "$($psql -p {standby.port} -c "SELECT pg_last_wal_replay_lsn() >= '$lsn'")" = t ]; do sleep 0.1; done
fi
exec {primary.bindir}/pg_dump "$@"
""")
    script.chmod(0o755)
    count.write_text("")
    site.write_config(snapshot={"jobs": 2, "pg_dump": [str(script)]})
    return count


def test_a_conflict_starts_it_over(site, primary, standby):
    count = conflicting(site, primary, standby, 2)
    site.holdfast("backup", check=0)
    assert len(count.read_text()) == 3
    site.holdfast("verify", check=0)
    table, = [table for table in site.json("show", "latest")["snapshot"]["tables"] if table["name"] == "victim"]
    assert table["rows"] == 1000


@pytest.mark.long
def test_conflicts_without_end(site, primary, standby):
    count = conflicting(site, primary, standby, 99)
    result = site.holdfast("backup")
    assert result.returncode != 0 and "conflict with recovery" in result.stderr and "3 times" in result.stderr, result
    assert "hot_standby_feedback" in result.stderr and "max_standby_streaming_delay" in result.stderr, result
    assert len(count.read_text()) == 3
    assert site.json("snapshots")["snapshots"] == []


def test_deploy_is_refused(site, standby):
    site.add_migrations("good")
    result = site.holdfast("deploy")
    assert result.returncode != 0 and "the server is a standby and accepts no changes" in result.stderr, result
    assert "connect to the primary" in result.stderr, result
    assert site.json("snapshots")["snapshots"] == []
