"""The harness and the sample application are what the other tests take them for."""
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from harness import compare, marketplace, proc
from harness.app import App
from harness.postgres import Cluster, PostgresError, _alive


def test_cluster__is_private(cluster):
    assert cluster.psql("postgres", "SHOW listen_addresses") == "127.0.0.1"
    assert cluster.psql("postgres", "SHOW data_checksums") == "on"
    assert cluster.psql("postgres", "SHOW server_encoding") == "UTF8"
    assert len(cluster.directory + "/.s.PGSQL.65535") < 108
    assert os.stat(cluster.data).st_uid != 0


def test_psql__raises_on_error(cluster):
    with pytest.raises(PostgresError, match="division by zero"):
        cluster.psql("postgres", "SELECT 1; SELECT 1/0; SELECT 2;")


def test_psql__one_message_is_one_transaction(cluster):
    with pytest.raises(PostgresError, match="division by zero"):
        cluster.psql_one_message("postgres", "CREATE TABLE half (); SELECT 1/0;")
    assert cluster.psql("postgres", "SELECT to_regclass('half') IS NULL") == "t"


@pytest.mark.long
def test_cluster__password_restart_and_kill9():
    with Cluster(fsync=False, auth="scram", password="pass:w@rd/%", shared_buffers="32MB") as own:
        directory = own.directory
        own.psql("postgres", "CREATE TABLE t AS SELECT 1 AS a; CHECKPOINT")
        assert "pass%3Aw%40rd%2F%25@" in own.url()
        assert own.client("psql", "-XAtq", "-c", "SELECT a FROM t", own.url()) == b"1\n"
        with pytest.raises(PostgresError, match="password authentication failed"):
            own.psql("postgres", "SELECT 1", user="postgres", password="wrong")
        own.restart()
        own.kill9()
        assert not own.running()
        with pytest.raises(PostgresError, match="Connection refused"):
            own.psql("postgres", "SELECT 1")
        own.start()
        assert own.psql("postgres", "SELECT a FROM t") == "1"
    assert not os.path.exists(directory)


def test_cluster__says_why_it_does_not_start():
    with pytest.raises(PostgresError, match="no_such_setting"):
        with Cluster(fsync=False, no_such_setting=1):
            pass


def test_cluster__goes_away_with_a_killed_owner():
    script = textwrap.dedent("""
        import sys, time
        from harness.app import App
        from harness.postgres import Cluster
        cluster = Cluster(fsync=False).create()
        app = App(cluster.url())
        print(cluster.directory, cluster.postmaster_pid(), app.process.pid, flush=True)
        time.sleep(600)
    """)
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
    with owner:
        directory, postmaster, app = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while os.path.exists(directory) or _alive(int(postmaster)) or _alive(int(app)):
        assert time.monotonic() < deadline, "something was left behind"
        time.sleep(0.1)


@pytest.mark.long
def test_marketplace__rows_and_skew(site):
    counts = {name: rows for name, (rows, _) in compare.content(site.cluster, site.db).items()}
    total = sum(counts.values())
    assert 290_000 < total < 310_000
    assert max(counts, key=counts.get) == "public.mission_events"
    assert counts["public._prisma_migrations"] == len(marketplace.folders()) >= 12
    assert all(counts["public." + name] > 5000 for name in marketplace.TABLES)


@pytest.mark.long
def test_marketplace__the_seed_is_deterministic(site):
    cluster = site.cluster
    try:
        marketplace.build(cluster, "again")
        compare.assert_same(cluster, site.db, cluster, "again", facts=True)
    finally:
        cluster.dropdb("again")


@pytest.mark.long
def test_marketplace__the_foreign_keys_hold(site):
    statements = site.cluster.psql(site.db, """
        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s;', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE contype = 'f'""")
    site.cluster.psql(site.db, statements)


@pytest.mark.long
def test_marketplace__has_what_it_is_a_fixture_for(site):
    def one(sql):
        return site.cluster.psql(site.db, sql)
    types = set(one("SELECT DISTINCT format_type(atttypid, NULL) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid "
                    "WHERE c.relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0").split("\n"))
    assert {"uuid", "numeric", "timestamp with time zone", "jsonb", "text[]", "integer[]", "bytea", "mission_status"} <= types
    assert one("SELECT count(*) FROM pg_attribute WHERE attgenerated = 's'") == "1"
    assert one("SELECT count(*) FROM pg_attribute WHERE attidentity = 'a'") == "1"
    assert int(one("SELECT count(*) FROM pg_constraint WHERE contype = 'f'")) >= 8
    assert int(one("SELECT count(*) FROM pg_index WHERE indpred IS NOT NULL AND indrelid >= 16384")) >= 3
    assert int(one("SELECT count(*) FROM pg_index WHERE indexprs IS NOT NULL AND indrelid >= 16384")) >= 2
    assert one("SELECT count(*) FROM mission_overview") == one("SELECT count(*) FROM local_missions")
    before = int(one("SELECT count(*) FROM mission_events WHERE kind = 'status_changed'"))
    changed = one("WITH u AS (UPDATE local_missions SET status = 'done' WHERE status = 'disputed' RETURNING 1) SELECT count(*) FROM u")
    assert int(changed) > 0
    assert int(one("SELECT count(*) FROM mission_events WHERE kind = 'status_changed'")) == before + int(changed)


@pytest.mark.long
def test_app__answers(site, app):
    assert app.get("/healthz").json() == {"status": "ok"}
    health = app.get("/api/v1/health")
    assert health.status == 200 and health.json()["status"] == "ok"
    assert health.json()["counts"]["events"] == 160_000
    missions = app.get("/api/v1/missions?limit=3")
    assert missions.status == 200 and len(missions.json()["missions"]) == 3
    assert app.get("/api/v1/missions?limit=x").status == 400
    assert app.get("/api/v1/me").status == 401
    assert app.get("/api/v1/me", headers={"Authorization": "Bearer x"}).status == 200
    assert app.get("/nothing").status == 404


@pytest.mark.long
def test_app__survives_a_swap_by_renaming(site, app):
    cluster, old = site.cluster, site.db + "__old"
    cluster.psql("postgres", f"ALTER DATABASE {site.db} RENAME TO {old}")
    assert app.get("/healthz").status == 500
    cluster.psql("postgres", f"ALTER DATABASE {old} RENAME TO {site.db}")
    assert app.get("/healthz").status == 200


@pytest.mark.long
def test_app__ignores_prisma_parameters(site):
    with App(site.url + "?schema=public&connection_limit=5") as app:
        assert app.get("/healthz").status == 200


@pytest.mark.long
def test_migrations__good(site, app):
    marketplace.apply_extra(site.cluster, site.db, "good")
    assert app.get("/api/v1/health").status == 200
    assert site.cluster.psql(site.db, "SELECT count(*) FROM local_offers WHERE currency = 'EUR'") == "60000"


@pytest.mark.long
def test_migrations__break_health(site, app):
    marketplace.apply_extra(site.cluster, site.db, "break-health")
    for path in ("/healthz", "/api/v1/health"):
        answer = app.get(path)
        assert answer.status == 500
        assert answer.json()["status"] == "error" and "display_name" in answer.json()["error"]


@pytest.mark.long
def test_migrations__fail_halfway(site):
    first, second = marketplace.folders("fail-halfway")
    marketplace.apply(site.cluster, site.db, first)
    assert int(site.cluster.psql(site.db, "SELECT count(*) FROM payouts")) > 5000
    with pytest.raises(PostgresError, match="local_offers_mission_id_provider_id_key"):
        marketplace.apply(site.cluster, site.db, second)
    assert site.cluster.psql(site.db, "SELECT to_regclass('local_offers_provider_id_idx') IS NOT NULL") == "t"
    # Sent statement by statement, the same file leaves its first half behind.
    with pytest.raises(PostgresError, match="local_offers_mission_id_provider_id_key"):
        site.cluster.psql(site.db, second / "migration.sql")
    assert site.cluster.psql(site.db, "SELECT to_regclass('local_offers_provider_id_idx') IS NULL") == "t"


@pytest.mark.long
def test_migrations__fail_concurrently(site):
    first, second = marketplace.folders("fail-concurrently")
    marketplace.apply(site.cluster, site.db, first)
    with pytest.raises(PostgresError, match="local_users_phone_key"):
        marketplace.apply(site.cluster, site.db, second)
    assert site.cluster.psql(site.db, "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == "local_users_phone_key"


@pytest.mark.parametrize("sql, expected", [
    ("UPDATE local_users SET settings = settings || '{\"x\": 1}' WHERE email = (SELECT min(email) FROM local_users)",
     "table public.local_users"),
    ("DELETE FROM email_otp WHERE id = 7", "table public.email_otp"),
    ("DROP INDEX local_missions_tags_idx", "local_missions_tags_idx"),
    ("SELECT nextval('mission_events_id_seq')", "sequence public.mission_events_id_seq"),
    ("ALTER TABLE local_missions DISABLE TRIGGER local_missions_status_changed", "DISABLE TRIGGER"),
    ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'local_missions_tags_idx'::regclass", "invalid index"),
    ("SELECT lo_create(4711)", "large object 4711"),
    ("CREATE TABLE more (a int)", "table public.more"),
])
@pytest.mark.long(after=2)
def test_compare__finds_a_difference(cluster, sql, expected):
    try:
        for name in ("one", "other"):
            marketplace.create(cluster, name, scale=0.01)
        compare.assert_same(cluster, "one", cluster, "other")
        cluster.psql("other", sql)
        with pytest.raises(AssertionError, match=expected):
            compare.assert_same(cluster, "one", cluster, "other")
    finally:
        cluster.dropdb("one")
        cluster.dropdb("other")


@pytest.mark.long
def test_site__work_folder(site):
    site.add_migrations("good")
    names = sorted(path.name for path in (site.directory / "prisma" / "migrations").iterdir() if path.is_dir())
    assert names[-1].startswith("2025") and len(names) == len(marketplace.folders()) + 1
    site.remove_migrations("good")
    assert len(list((site.directory / "prisma" / "migrations").glob("2025*"))) == 0
    assert (site.directory / ".github" / "prisma-verification.json").exists()
    site.add_checks({"name": "rows", "command": {"run": ["true"]}})
    assert f'repository: {{"url": "file://{site.repository}"}}' in site.config.read_text()


def test_proc__status_and_timeout(monkeypatch, tmp_path):
    fake = tmp_path / "holdfast"
    fake.write_text('#!/bin/bash\n[ "$1" = sleep ] && { echo started; sleep 60; }\necho "{\\"a\\": \\"$HF_TEST\\"}"; exit 3\n')
    fake.chmod(0o755)
    monkeypatch.setenv("HOLDFAST", str(fake))
    assert proc.holdfast("x", env={"HF_TEST": "b"}, check=3).json() == {"a": "b"}
    with pytest.raises(AssertionError, match="exit status 3, expected 0"):
        proc.holdfast("x", check=True)
    with pytest.raises(AssertionError, match="(?s)no end after 1 s.*started"):
        proc.holdfast("sleep", timeout=1)
