"""What bad input gets: a clear error with a hint, and nothing lost."""
import json
import os
import subprocess
import threading
import time

import pytest

from harness.postgres import Cluster
from harness.site import Site


def error_of(site, status, *args, **options):
    """The error of `holdfast backup`, which leaves no snapshot and no temporary file."""
    result = site.holdfast(*(args or ("backup",)), "--output", "json", check=status, **options)
    assert site.json("snapshots", env=options.get("env"))["snapshots"] == []
    assert leftovers(site) == []
    error = result.json()["error"]
    assert error["message"] in result.stderr
    return error


def leftovers(site):
    return [path for path in site.repository.rglob("*") if path.is_file() and ("tmp" in path.name or path.name.startswith("."))]


def pg_dump_script(site, text):
    path = site.directory / "fake_pg_dump"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    site.write_config(snapshot={"jobs": 2, "pg_dump": [str(path)]})


def test_an_unreachable_server(small_site):
    started = time.monotonic()
    error = error_of(small_site, 31, env={"DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/none?connect_timeout=1"})
    assert "127.0.0.1:1" in error["message"] and error["hint"] and "hunter2" not in json.dumps(error)
    assert time.monotonic() - started < 40


def test_a_wrong_password_and_a_database_that_is_not_there(tmp_path):
    with Cluster(fsync=False, auth="scram", password="right horse") as cluster:
        cluster.createdb("guarded")
        site = Site(cluster, "guarded", tmp_path / "site", create=False)
        site.holdfast("init", check=0)
        for command in ("backup", "deploy"):
            result = site.holdfast(command, env={"DATABASE_URL": cluster.url("guarded", user="postgres", password="wr0ng p@ss")})
            assert result.returncode in (32, 4) and "password authentication failed" in result.stderr
            assert "wr0ng" not in result.stdout + result.stderr and "%40ss" not in result.stderr
        assert '"nowhere"' in error_of(site, (30, 31, 10), "backup", env={"DATABASE_URL": cluster.url("nowhere")})["message"]
        # The right one is neither in an argv nor in what is written.
        seen, done = set(), threading.Event()

        def watch():
            while not done.is_set():
                for pid in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            seen.add(file.read())
                    except OSError:
                        pass

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            result = site.holdfast("backup", "--verbose", check=0)
            deployed = site.holdfast("deploy", "--verbose")
        finally:
            done.set()
            watcher.join()
        assert any(b"pg_dump" in argv for argv in seen)
        assert not [argv for argv in seen if b"right horse" in argv or b"right%20horse" in argv]
        for text in (result.stdout + result.stderr, deployed.stdout + deployed.stderr):
            assert "right" not in text
        for path in site.repository.rglob("*"):
            assert not path.is_file() or b"horse" not in path.read_bytes()


def test_a_role_that_may_not_read(small_site):
    cluster, role = small_site.cluster, small_site.db + "_reader"
    cluster.psql(small_site.db, f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};"
                 f"REVOKE SELECT ON invoices, email_otp FROM {role}")
    try:
        pg_dump_script(small_site, 'case "$1" in --version) exec pg_dump --version;; esac\ntouch ran; exec pg_dump "$@"\n')
        error = error_of(small_site, 33, env={"DATABASE_URL": cluster.url(small_site.db, user=role)})
        assert "public.invoices" in error["message"] and "public.email_otp" in error["message"] and "local_users" not in error["message"]
        assert "GRANT" in error["hint"] and not (small_site.directory / "ran").exists()
        # Rows that a policy hides must not be left out silently.
        cluster.psql(small_site.db, f"GRANT SELECT ON invoices, email_otp TO {role}; ALTER TABLE invoices ENABLE ROW LEVEL SECURITY")
        error = error_of(small_site, 33, env={"DATABASE_URL": cluster.url(small_site.db, user=role)})
        assert "row-level security" in error["message"] and "public.invoices" in error["message"]
    finally:
        small_site.drop_databases()
        cluster.psql("postgres", f"DROP ROLE {role}")


def test_pg_dump_is_too_old_or_none_at_all(small_site):
    pg_dump_script(small_site, 'echo "pg_dump (PostgreSQL) 13.4"\n')
    error = error_of(small_site, 35)
    assert "13" in error["message"] and f"postgresql-client-{small_site.cluster.version()}" in error["hint"]
    pg_dump_script(small_site, "echo I am something else\n")
    assert "version" in error_of(small_site, 35)["message"]
    small_site.write_config(snapshot={"jobs": 2, "pg_dump": ["/does/not/exist"]})
    assert "/does/not/exist" in error_of(small_site, 35)["message"]


@pytest.mark.parametrize("end", ["kill -9 $$", "exit 0", "echo 'pg_dump: error: out of luck' >&2; exit 1"])
@pytest.mark.long
def test_pg_dump_dies_half_way(small_site, end):
    real = small_site.cluster.bindir + "/pg_dump"
    pg_dump_script(small_site, f'case "$1" in --version) exec {real} --version;; esac\n{real} "$@" | head -c 3000\n{end}\n')
    result = small_site.holdfast("backup", "--output", "json")
    assert result.returncode in (12, 35), result
    assert small_site.json("snapshots")["snapshots"] == [] and leftovers(small_site) == []
    if "luck" in end:
        assert "out of luck" in result.stderr
    document = small_site.holdfast("deploy", "--output", "json", check=4).json()
    assert document["cycle"]["state"] == "refused"


@pytest.mark.long
def test_a_full_disk(small_site, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    place = tmp_path / "small_disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        small_site.repository = place / "repo"
        small_site.write_config()
        small_site.holdfast("init", check=0)
        error = error_of(small_site, 21)
        assert error["code"] == "STORAGE_FULL"
        subprocess.run(["mount", "-o", "remount,size=100m", str(place)], check=True)
        small_site.holdfast("backup", check=0)
        small_site.holdfast("verify", "--full", check=0)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.long
def test_a_table_goes_away_while_the_backup_begins(small_site):
    """Tables come and go the whole time; each backup either works and is consistent, or says why."""
    cluster, done = small_site.cluster, threading.Event()

    def churn():
        while not done.is_set():
            cluster.psql(small_site.db, "CREATE TABLE passing (a int); INSERT INTO passing VALUES (1); DROP TABLE passing")

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        results = [small_site.holdfast("backup", check=(0, 34)) for _ in range(6)]
    finally:
        done.set()
        worker.join()
    assert all("while they were" in result.stderr for result in results if result.returncode), results
    for number, snapshot in enumerate(small_site.json("snapshots")["snapshots"]):
        small_site.holdfast("restore", snapshot["id"], "--into", f"{small_site.db}__copy{number}", check=0)


@pytest.mark.long
def test_somebody_waits_for_our_own_locks(small_site):
    """A DROP waits for the backup, and pg_dump behind the DROP: the backup lets go, and begins again."""
    cluster = small_site.cluster
    cluster.psql(small_site.db, "CREATE TABLE passing (a int)")
    psql = f"{cluster.bindir}/psql -XAtqd {small_site.url}"
    pg_dump_script(small_site, f"""case "$1" in --version) exec {cluster.bindir}/pg_dump --version;; esac
{psql} -c 'DROP TABLE IF EXISTS passing' >&2 &
for i in $(seq 100); do
    [ "$({psql} -c "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass('passing')")" = 1 ] && break
    kill -0 $! 2>/dev/null || break
done
for arg; do shift; set -- "$@" "${{arg%=10s}}"; [ "$arg" = "${{arg%=10s}}" ] || set -- "$@" 500; done
exec {cluster.bindir}/pg_dump "$@"
""")
    small_site.holdfast("backup", check=0)
    [snapshot] = small_site.json("snapshots")["snapshots"]
    assert "passing" not in str(small_site.json("show", snapshot["id"]))


def test_a_locked_table_names_its_holder(small_site):
    cluster = small_site.cluster
    small_site.write_config(snapshot={"jobs": 2, "lock_timeout": "1s"})
    holder = subprocess.Popen([cluster.bindir + "/psql", "-Xq"], env={**cluster.environment(small_site.db), "PGAPPNAME": "the culprit"},
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        holder.stdin.write("BEGIN; LOCK TABLE invoices;\n")
        holder.stdin.flush()
        deadline = time.monotonic() + 20
        while cluster.psql(small_site.db, "SELECT count(*) FROM pg_locks WHERE relation = 'invoices'::regclass AND mode = 'AccessExclusiveLock' AND granted") == "0":
            assert time.monotonic() < deadline
        error = error_of(small_site, 34)
        assert "public.invoices" in error["message"] and "the culprit" in error["message"]
        # An application's own statements do not queue behind the waiting backup for long.
        assert cluster.psql(small_site.db, "SET lock_timeout = '4s'; SELECT count(*) > 0 FROM local_users") == "t"
        document = small_site.holdfast("deploy", "--output", "json", check=4).json()
        assert document["cycle"]["state"] == "refused" and "the culprit" in document["error"]["message"]
    finally:
        holder.communicate("ROLLBACK;\n")
    small_site.holdfast("backup", check=0)


def test_a_repository_of_a_newer_format_or_none(small_site):
    marker = small_site.repository / "holdfast.json"
    good = marker.read_text()
    newer = json.loads(good)
    key = next(key for key in newer if "format" in key)
    newer[key] = 99
    for text, word in ((json.dumps(newer), "99"), ("{", ""), ("", "")):
        marker.chmod(0o600)
        marker.write_text(text)
        for command in ("backup", "snapshots", "deploy", "verify"):
            result = small_site.holdfast(command, "--output", "json")
            assert result.returncode in (12, 13) and word in result.json()["error"]["message"], result
    marker.write_text(good)
    small_site.holdfast("backup", check=0)


@pytest.mark.parametrize("text, where, word", [
    ("repository:\n  url: file://repo\ntargets:\n  site:\n    database: {url: {env: DATABASE_URL}}\n    snapshot: {jobs: many}\n", "6:22", "jobs"),
    ("repository:\n  url: file://repo\n targets: {}\n", "3:", "YAML"),
    ("repository:\n  url: repo\ntargets:\n  site:\n    database: {url: {env: DATABASE_URL}}\n    checks: [{name: x, htttp: {}}]\n", "6:24", "http"),
    ("repository:\n  url: repo\ntargets:\n  site:\n    database: {url: {env: DATABASE_URL}}\n    checks: [{name: x, http: {url: 'http://x', jq: '.a['}}]\n", "6:", "jq"),
    ("", " the file is empty", "holdfast init"),
    ("\x00\x01", "1:1", ""),
])
@pytest.mark.long(after=2)
def test_a_configuration_with_a_mistake(small_site, text, where, word):
    small_site.config.write_text(text)
    for command in ("backup", "deploy"):
        if word == "jq" and command == "backup":
            continue  # it runs no check
        result = small_site.holdfast(command, check=(2, 4))
        assert f"holdfast.yaml:{where}" in result.stderr and word in result.stderr, result
