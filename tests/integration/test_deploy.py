"""The guarded deploy: whatever fails, the database is as it was; whatever works, it is migrated and verified."""
import json
import signal
import subprocess
import sys
import threading
import time

import pytest

from harness import compare, marketplace, proc
from harness.app import App
from harness.postgres import PostgresError
from harness.site import Site


def take(site):
    return compare.fingerprint(site.cluster, site.db, facts=True)


def deploy(site, status, *args, **options):
    result = site.holdfast("deploy", "--output", "json", *args, check=status, **options)
    document = result.json()
    document["text"] = result.stderr
    return document


def assert_back(site, before, document, failed_in=None):
    """Rolled back: equal to before, equal to the snapshot, the failed database kept."""
    cycle = document["cycle"]
    assert cycle["state"] == "rolled_back" and cycle["snapshot"]
    found = compare.fingerprint_differences(before, take(site))
    assert not found, "\n".join(found[:50])
    assert site.json("diff", cycle["snapshot"], "live")["equal"] is True
    kept, = site.failed_databases()
    assert cycle["failed_database"] == kept
    report = site.json("report")["cycle"]
    assert failed_in is None or failed_in in [phase["state"] for phase in report["phases"]]
    return kept


def assert_untouched(site, before):
    assert not compare.fingerprint_differences(before, take(site))
    assert site.failed_databases() == []
    assert not [name for name in site.cluster.databases() if "__hf_" in name]


def sql_migrations(site, **files):
    (site.directory / "sql").mkdir(exist_ok=True)
    for name, text in files.items():
        (site.directory / "sql" / f"{name}.sql").write_text(text)
    site.write_config(migrations={"kind": "sql", "directory": "sql"})


def test_good(small_site):
    cluster, expected = small_site.cluster, small_site.db + "__expected"
    marketplace.create(cluster, expected, scale=0.02)
    marketplace.apply_extra(cluster, expected, "good")
    small_site.add_migrations("good")
    small_site.add_checks({"name": "critical", "schema": ".github/prisma-verification.json"})
    before = take(small_site)
    document = deploy(small_site, 0)
    assert document["cycle"]["state"] == "deployed"
    compare.assert_same(cluster, expected, cluster, small_site.db, facts=True, ignore=("public._prisma_migrations",))
    assert small_site.failed_databases() == []
    # The snapshot is of before, and stays.
    small_site.holdfast("restore", document["cycle"]["snapshot"], "--into", small_site.db + "__copy", check=0)
    assert not compare.fingerprint_differences(before, compare.fingerprint(cluster, small_site.db + "__copy", facts=True))
    again = deploy(small_site, 0)
    assert again["cycle"]["state"] == "deployed"
    compare.assert_same(cluster, expected, cluster, small_site.db, facts=True, ignore=("public._prisma_migrations",))


@pytest.mark.parametrize("extra, in_the_kept", [
    ("fail-halfway", "SELECT 'yes' FROM payouts LIMIT 1"),
    ("fail-concurrently", "SELECT 'yes' FROM pg_index WHERE NOT indisvalid"),
])
@pytest.mark.long(after=1)
def test_a_failing_migration(small_site, extra, in_the_kept):
    cluster, db = small_site.cluster, small_site.db
    cluster.psql(db, f"CREATE ROLE {db}_app; ALTER DATABASE {db} OWNER TO {db}_app; GRANT CONNECT ON DATABASE {db} TO {db}_app WITH GRANT OPTION;"
                 f"ALTER DATABASE {db} SET work_mem = '7MB'; ALTER ROLE {db}_app IN DATABASE {db} SET jit = off;"
                 f"ALTER DATABASE {db} CONNECTION LIMIT 23; COMMENT ON DATABASE {db} IS 'the \"shop\"'")
    try:
        before = take(small_site)
        small_site.add_migrations(extra)
        document = deploy(small_site, 3)
        kept = assert_back(small_site, before, document, "restoring")
        assert document["error"]["code"] == "ROLLED_BACK"
        assert cluster.psql(kept, in_the_kept) == "yes"
        # The same again is refused and touches nothing; --retry is told to; another set is welcome.
        refused = deploy(small_site, 4)
        assert marketplace.folders(extra)[-1].name in refused["error"]["message"] and "--retry" in refused["error"]["hint"]
        assert not compare.fingerprint_differences(before, take(small_site)) and len(small_site.failed_databases()) == 1
        deploy(small_site, 3, "--retry")
        assert not compare.fingerprint_differences(before, take(small_site)) and len(small_site.failed_databases()) == 2
        path = small_site.directory / "prisma" / "migrations" / marketplace.folders(extra)[-1].name / "migration.sql"
        path.write_text("CREATE TABLE corrected (a int);")
        assert deploy(small_site, 0)["cycle"]["state"] == "deployed"
        assert cluster.psql(db, "SELECT count(*) FROM corrected") == "0"
    finally:
        small_site.drop_databases()
        cluster.psql("postgres", f"DROP ROLE {db}_app")


CHECKS = {
    "command": {"command": ["sh", "-c", "echo looked at it; exit 3"]},
    "sql": {"sql": {"query": "SELECT count(*) FROM mission_reviews", "at_least": 1}},
    "schema": {"schema": "critical.json"},
    "http": {"http": {"url": "http://127.0.0.1:1/"}},
}


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.long(after=1)
def test_a_failing_check(small_site, kind):
    text = (small_site.directory / ".github" / "prisma-verification.json").read_text()
    (small_site.directory / "critical.json").write_text(text.replace('"invoices"', '"invoices_that_are_not_there"'))
    assert "invoices_that_are_not_there" in (small_site.directory / "critical.json").read_text()
    before = take(small_site)
    small_site.add_checks({"name": f"the {kind}", **CHECKS[kind]}, {"name": "only a warning", "severity": "warn", "command": ["false"]})
    small_site.add_migrations("good")
    document = deploy(small_site, 3)
    kept = assert_back(small_site, before, document, "verifying")
    assert f"the {kind}" in document["error"]["message"]
    assert small_site.cluster.psql(kept, "SELECT count(*) FROM mission_reviews") == "0"
    assert f"the {kind}" in json.dumps(small_site.json("report")["cycle"]["checks"])
    # With the check repaired the same migrations need --retry, as a whole.
    small_site.checks = []
    small_site.write_config()
    deploy(small_site, 4)
    assert deploy(small_site, 0, "--retry")["cycle"]["state"] == "deployed"


def test_nothing_pending_and_a_failing_check_touches_nothing(small_site):
    before = take(small_site)
    small_site.add_checks({"name": "never", "command": ["false"]})
    assert deploy(small_site, 4)["cycle"]["state"] == "refused"
    assert_untouched(small_site, before)


def test_health_breaks_while_clients_reconnect(cluster, tmp_path):
    """The application, and a client that connects again and again, live through the swap."""
    marketplace.create(cluster, "deploy_clients", scale=0.05)
    cluster.make_tablespace("deploy_space")
    cluster.psql("postgres", "ALTER DATABASE deploy_clients SET TABLESPACE deploy_space")
    site = Site(cluster, "deploy_clients", tmp_path / "site", create=False)
    done, seen = threading.Event(), {"ok": 0, "refused": 0}

    def reconnect():
        while not done.is_set():
            try:
                cluster.psql(site.db, "SELECT count(*) FROM local_users; SELECT pg_sleep(0.01)")
                seen["ok"] += 1
            except PostgresError:
                seen["refused"] += 1

    holder = subprocess.Popen([cluster.bindir + "/psql", "-Xq", "-c", "SELECT pg_sleep(600)"], env=cluster.environment(site.db),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    clients = [threading.Thread(target=reconnect) for _ in range(3)]
    try:
        with App(site.url) as app:
            site.holdfast("init", check=0)
            site.add_health_checks(app, within="2s")
            deploy(site, 0)
            before = take(site)
            for client in clients:
                client.start()
            site.add_migrations("break-health")
            document = deploy(site, 3)
            assert holder.wait(10) != 0, "a session of the failed database has been ended"
            ok = seen["ok"]
            proc.wait_for(lambda: seen["ok"] > ok + 2)
            done.set()
            for client in clients:
                client.join()
            assert_back(site, before, document, "verifying")
            assert app.get("/healthz").status == 200
    finally:
        done.set()
        holder.kill()
        holder.wait()
        site.drop_databases()


@pytest.mark.long
def test_a_second_deploy_is_told_who_is_first(small_site):
    sql_migrations(small_site, one="SELECT pg_sleep(600); CREATE TABLE never ()")
    before = take(small_site)
    first = small_site.spawn("deploy")
    try:
        proc.wait_for(lambda: small_site.cluster.psql("postgres", "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%' AND state = 'active'") == "1")
        for command in ("deploy", "resume"):
            busy = small_site.holdfast(command, check=14)
            assert str(first.pid) in busy.stderr and "deploy" in busy.stderr
        # From another repository, only the server knows.
        other = Site(small_site.cluster, small_site.db, small_site.directory.parent / "other", create=False)
        other.holdfast("init", check=0)
        assert "another holdfast" in other.holdfast("deploy", check=14).stderr
        # What only reads may go on.
        small_site.holdfast("snapshots", check=0)
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
    assert first.returncode == 3
    assert not compare.fingerprint_differences(before, take(small_site))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.long(after=1)
def test_a_signal_while_migrating_leads_back(small_site, number):
    sql_migrations(small_site, one="DELETE FROM email_otp", two="SELECT pg_sleep(600)")
    before = take(small_site)
    process = small_site.spawn("deploy", "--output", "json")
    proc.wait_for(lambda: small_site.cluster.psql("postgres", "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%' AND state = 'active'") == "1")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, stderr
    assert_back(small_site, before, json.loads(stdout), "migrating")
    # A signal is nobody's fault: the same set may be tried again.
    (small_site.directory / "sql" / "two.sql").write_text("SELECT 1")
    deploy(small_site, 0)


@pytest.mark.parametrize("point, status", [
    ("snapshot.after_export", 4), ("repository.before_object", 4), ("snapshot.before_seal", 4), ("snapshot.after_seal", 4),
    ("deploy.before_migrations", 3), ("deploy.before_checks", 3), ("restore.after_create", 3), ("swap.before_rename", 3),
])
@pytest.mark.long(after=1)
def test_sigterm_at(small_site, faults, point, status):
    small_site.add_migrations("fail-halfway" if point.startswith(("restore", "swap")) else "good")
    before = take(small_site)
    document = deploy(small_site, status, env={"HOLDFAST_FAULT": f"{point}:term"})
    if status == 3:
        assert_back(small_site, before, document)
    else:
        assert document["cycle"]["state"] == "refused"
        assert_untouched(small_site, before)


@pytest.mark.parametrize("point", ["snapshot.after_export", "snapshot.before_chunk", "snapshot.before_seal", "repository.before_manifest",
                                   "repository.before_pointer", "storage.local.before_rename"])
@pytest.mark.long(after=1)
def test_no_seal_no_statement(small_site, faults, point):
    """P1: the migrations begin with a statement that leaves a trace outside of any transaction."""
    cluster = small_site.cluster
    cluster.psql(small_site.db, "CREATE SEQUENCE trace")
    sql_migrations(small_site, one="SELECT nextval('trace'); SELECT 1/0")
    small_site.holdfast("deploy", env={"HOLDFAST_FAULT": f"{point}:fail"})
    assert cluster.psql(small_site.db, "SELECT is_called FROM trace") == "f"
    assert small_site.json("snapshots")["snapshots"] == []
    document = deploy(small_site, 3)
    log = document["text"]
    assert log.index("the snapshot is sealed") < log.index("applying one")
    assert cluster.psql(document["cycle"]["failed_database"], "SELECT is_called FROM trace") == "t"


@pytest.mark.long
def test_a_migration_sees_the_snapshot_there(small_site):
    """P1 from the migration's own side: when its first statement runs, the snapshot exists and verifies."""
    script = small_site.directory / "migrate.py"
    script.write_text("import os, subprocess, sys\n"
                      "run = lambda *a: subprocess.run([sys.argv[1], *a], check=True, capture_output=True, text=True).stdout\n"
                      "assert run('snapshots').count('\\n') >= 2\nrun('verify', '--full')\nassert 'email_otp' in run('show', 'latest')\n"
                      "print('all there')\n")
    small_site.write_config(migrations={"kind": "command", "command": [sys.executable, str(script), proc.binary()]})
    assert "all there" in deploy(small_site, 0)["text"]


@pytest.mark.long
def test_plain_sql(small_site):
    cluster, db = small_site.cluster, small_site.db
    sql_migrations(small_site, a1="CREATE TABLE made (a int); INSERT INTO made VALUES (1)", a2="CREATE INDEX CONCURRENTLY made_a ON made (a)")
    assert deploy(small_site, 0)["cycle"]["state"] == "deployed"
    assert cluster.psql(db, "SELECT a FROM made") == "1" and cluster.psql(db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'made_a'::regclass") == "t"
    before = take(small_site)
    sql_migrations(small_site, a3="INSERT INTO made VALUES (2)", a4="UPDATE made SET a = a / 0")
    assert_back(small_site, before, deploy(small_site, 3))


def test_a_command(small_site):
    cluster, db = small_site.cluster, small_site.db
    command = [cluster.bindir + "/psql", "-Xq", "-v", "ON_ERROR_STOP=1"]
    statement = 'exec "$@" -d "$DATABASE_URL" -c "$SQL"'
    small_site.write_config(migrations={"kind": "command", "command": ["sh", "-c", statement, "sh", *command]})
    deploy(small_site, 0, env={"SQL": "CREATE TABLE by_command (a int)"})
    assert cluster.psql(db, "SELECT count(*) FROM by_command") == "0"
    before = take(small_site)
    document = deploy(small_site, 3, env={"SQL": "DROP TABLE invoices CASCADE; COMMIT; SELECT 1/0"})
    assert "division by zero" in document["error"]["message"]
    assert_back(small_site, before, document)
    process = small_site.spawn("deploy", env={"SQL": "DELETE FROM email_otp; SELECT pg_sleep(601)"})
    proc.wait_for(lambda: cluster.psql("postgres", "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(601)%' AND pid <> pg_backend_pid() AND state = 'active'") == "1")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert not compare.fingerprint_differences(before, take(small_site))


@pytest.mark.long
def test_hostile_migrations(small_site):
    """They end every session, change the database itself, and drop what they can."""
    db = small_site.db
    before = take(small_site)
    sql_migrations(small_site, a1="DELETE FROM invoices; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
                   a2=f"ALTER DATABASE {db} CONNECTION LIMIT 0; ALTER DATABASE {db} SET default_transaction_read_only = on; COMMENT ON DATABASE {db} IS 'x';"
                      "DROP SCHEMA public CASCADE; CREATE SCHEMA public; SELECT 1/0")
    assert_back(small_site, before, deploy(small_site, 3))


def test_preflight_refuses(cluster, small_site):
    db, role = small_site.db, small_site.db + "_limited"
    small_site.add_migrations("good")
    cluster.psql(db, f"CREATE ROLE {role} LOGIN; ALTER DATABASE {db} OWNER TO {role}; GRANT pg_read_all_data TO {role}; GRANT ALL ON SCHEMA public TO {role};"
                 f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    url = {"DATABASE_URL": cluster.url(db, user=role)}
    try:
        before = take(small_site)
        refused = deploy(small_site, 4, env=url)
        assert "may not create databases" in refused["error"]["message"] and "CREATEDB" in refused["error"]["hint"]
        cluster.psql(db, f"ALTER ROLE {role} CREATEDB; ALTER DATABASE {db} OWNER TO postgres")
        before = take(small_site)
        refused = deploy(small_site, 4, env=url)
        assert "does not own" in refused["error"]["message"]
        assert deploy(small_site, 4, "--expect", "another")["error"]["code"] == "REFUSED"
        assert_untouched(small_site, before)
        assert small_site.json("snapshots")["snapshots"] == []
    finally:
        small_site.drop_databases()
        cluster.psql("postgres", f"DROP ROLE {role}")


def test_an_ordinary_role_is_enough(cluster, tmp_path):
    cluster.psql("postgres", "CREATE ROLE deploy_plain LOGIN CREATEDB; CREATE ROLE deploy_reader; ALTER ROLE deploy_plain SET statement_timeout = '40ms'")
    cluster.createdb("deploy_plain", owner="deploy_plain")
    cluster.psql("deploy_plain", "CREATE TABLE t (id serial PRIMARY KEY, s varchar); INSERT INTO t (s) VALUES ('a'), ('b');"
                 "CREATE VIEW v AS SELECT * FROM t; GRANT SELECT ON t TO deploy_reader; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO deploy_reader;"
                 "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", user="deploy_plain")
    site = Site(cluster, "deploy_plain", tmp_path / "site", create=False)
    try:
        site.holdfast("init", check=0)
        before = take(site)
        sql_migrations(site, one="REVOKE ALL ON t FROM deploy_reader; DROP VIEW v; DELETE FROM t; SELECT 1/0")
        assert_back(site, before, deploy(site, 3, env={"DATABASE_URL": cluster.url(site.db, user="deploy_plain")}))
    finally:
        site.drop_databases()
        cluster.psql("postgres", "DROP ROLE deploy_plain; DROP ROLE deploy_reader")


@pytest.mark.long
def test_a_failed_database_is_dropped_when_its_time_is_up(cluster, small_site):
    small_site.write_config(deploy={"rollback": {"keep_failed": "2s"}})
    small_site.add_migrations("fail-halfway")
    small_site.holdfast("deploy", check=3)
    small_site.remove_migrations("fail-halfway")
    assert len(small_site.failed_databases()) == 1
    time.sleep(2.5)
    small_site.add_migrations("good")
    result = small_site.holdfast("deploy", check=0)
    assert "whose time was up" in result.stderr
    assert small_site.failed_databases() == []
