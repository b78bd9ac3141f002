"""Thousands of tables: no query for each on the way, and a clear word when the server's lock table is full."""
import re

import pytest

from harness.postgres import Cluster
from harness.site import Site

TABLES = 1500
MAKE = f"""DO $$ BEGIN FOR i IN 1..{TABLES} LOOP
    EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, x text)', i);
    IF i % 30 = 0 THEN EXECUTE format('INSERT INTO t%s VALUES (1, ''a'')', i); END IF;
    IF i % 20 = 0 THEN COMMIT; END IF; END LOOP; END $$"""
ALL = f"""DO $$ BEGIN EXECUTE 'CREATE VIEW everything AS ' ||
    (SELECT string_agg('SELECT id FROM t' || i, ' UNION ALL ') FROM generate_series(1, {TABLES}) i); END $$"""


@pytest.fixture
def crowded(tmp_path):
    """Gives a function: a site with thousands of tables on a server with these settings."""
    clusters = []

    def make(**settings):
        cluster = Cluster(fsync=False, autovacuum="off", **settings).create()
        clusters.append(cluster)
        cluster.createdb("many")
        cluster.psql("many", MAKE)
        site = Site(cluster, "many", tmp_path / "site", create=False)
        site.holdfast("init", check=0)
        return site

    yield make
    for cluster in clusters:
        cluster.destroy()


def statements(site, act):
    """What holdfast's own sessions send while `act` runs."""
    site.cluster.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'; ALTER SYSTEM SET log_line_prefix = '%a|'; SELECT pg_reload_conf()")
    before = len(site.cluster.log_tail(10_000_000))
    act()
    log = site.cluster.log_tail(10_000_000)[before:]
    return [words for who, words in re.findall(r"^holdfast: (\w+)\|LOG:  (?:statement|execute [^:]*): (.*)", log, re.M) if who != "pg_dump"]


def test_no_statement_for_each_table(crowded):
    site = crowded(max_locks_per_transaction="256")
    sent = statements(site, lambda: site.holdfast("backup", check=0, timeout=200))
    filled = TABLES // 30
    assert sum("COPY" in words for words in sent) == filled
    assert len(sent) < filled + 100, sent[-5:]
    sent = statements(site, lambda: site.holdfast("restore", "latest", "--into", "many__copy", check=0, timeout=200))
    made = [words for words in sent if words.startswith(("CREATE TABLE", "ALTER TABLE"))]
    assert len(made) == 2 * TABLES
    assert sum("FROM STDIN" in words for words in sent) == sum("TO STDOUT" in words for words in sent) == filled
    # of a table with rows also BEGIN with TRUNCATE, and COMMIT
    assert len(sent) < len(made) + 5 * filled + 100, sent[-5:]
    assert site.cluster.psql("many__copy", "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^t[0-9]+$'") == str(TABLES)
    assert site.cluster.psql("many__copy", "SELECT count(*) FROM t30") == "1"


@pytest.mark.long
def test_a_full_lock_table_names_the_setting(crowded):
    site = crowded(max_locks_per_transaction="256")
    site.cluster.psql("many", ALL)
    site.holdfast("backup", check=0, timeout=200)
    site.cluster.psql("postgres", "ALTER SYSTEM SET max_locks_per_transaction = 10")
    site.cluster.psql("postgres", "ALTER SYSTEM SET max_connections = 20")
    site.cluster.restart()
    for words in (("backup",), ("restore", "latest", "--into", "many__copy")):
        result = site.holdfast(*words, "--output", "json", check=None, timeout=200)
        error = result.json()["error"]
        assert result.returncode not in (0, 2)
        assert "max_locks_per_transaction" in error["message"] + (error["hint"] or ""), error
        assert site.cluster.databases() == ["many"]
    assert len(site.json("snapshots")["snapshots"]) == 1
