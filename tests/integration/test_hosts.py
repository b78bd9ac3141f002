"""What stands between holdfast and the server, and what goes on in the database meanwhile."""
import os
import shutil
import socket
import subprocess
import time

import pytest

from harness import compare


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def pooler(cluster, tmp_path):
    """Starts PgBouncer in the given mode; gives its port."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    running = []

    def start(mode):
        folder = tmp_path / f"pgbouncer-{mode}"
        folder.mkdir()
        port = free_port()
        (folder / "users").write_text('"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = any\nauth_file = {folder}/users\npool_mode = {mode}\nlogfile = {folder}/log\n"
            "ignore_startup_parameters = extra_float_digits\nserver_reset_query_always = 0\n"
            "[databases]\n" + f"* = host=127.0.0.1 port={cluster.port} user=postgres\n")
        for path in (folder, folder / "users", folder / "pgbouncer.ini"):
            os.chmod(path, 0o777)
        for parent in folder.parents:
            if str(parent).startswith(str(tmp_path.parents[2])) and str(parent) != "/tmp":
                os.chmod(parent, 0o755)
        argv = [program, str(folder / "pgbouncer.ini")]
        if os.geteuid() == 0:
            argv = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *argv]
        running.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 20
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < deadline, (folder / "log").read_text() if (folder / "log").exists() else "no log"
            time.sleep(0.05)
        return port

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_pooler_in_transaction_mode_is_refused(small_site, pooler):
    url = f"postgresql://postgres@127.0.0.1:{pooler('transaction')}/{small_site.db}"
    error = small_site.holdfast("backup", "--output", "json", env={"DATABASE_URL": url}, check=15).json()["error"]
    assert "transaction mode" in error["message"] and "direct URL" in error["hint"]
    assert small_site.json("snapshots")["snapshots"] == []


@pytest.mark.long
def test_a_pooler_in_session_mode_is_fine(cluster, small_site, pooler):
    url = f"postgresql://postgres@127.0.0.1:{pooler('session')}/{small_site.db}"
    small_site.holdfast("backup", env={"DATABASE_URL": url}, check=0)
    small_site.holdfast("restore", "latest", "--into", small_site.db + "__copy", check=0)
    compare.assert_same(cluster, small_site.db, cluster, small_site.db + "__copy")


def test_definitions_that_change_meanwhile_start_it_over(cluster, small_site, tmp_path):
    """A pg_dump that alters a view before it reads: once, and the second try is taken; always, and there is no snapshot."""
    real = shutil.which("pg_dump", path=cluster.bindir)
    cluster.psql(small_site.db, "CREATE VIEW seen AS SELECT 1 AS one")
    for times, status in ((1, 0), (9, 34)):
        count = tmp_path / f"count{times}"
        script = tmp_path / f"pg_dump{times}"
        script.write_text(
            "#!/bin/sh\n"
            f"case \"$*\" in *--version*) exec {real} --version;; esac\n"
            f"echo x >> {count}\n"
            f"if [ $(wc -l < {count}) -le {times} ]; then {cluster.bindir}/psql -Xqc 'CREATE OR REPLACE VIEW seen AS SELECT 1 AS one -- again' "
            f"-d {small_site.url} >&2; fi\nexec {real} \"$@\"\n")
        script.chmod(0o755)
        small_site.write_config(snapshot={"jobs": 2, "pg_dump": [str(script)]})
        before = len(small_site.json("snapshots")["snapshots"])
        result = small_site.holdfast("backup", "--output", "json", check=status).json()
        tries = len(count.read_text().split())
        assert tries == (2 if status == 0 else 3)
        assert len(small_site.json("snapshots")["snapshots"]) == before + (status == 0)
        if status:
            assert "definitions changed" in result["error"]["message"]


@pytest.mark.long
def test_temporary_tables_of_others_do_not_count(cluster, small_site):
    """An application that makes temporary tables all the time does not keep a backup from being taken."""
    busy = subprocess.Popen([cluster.bindir + "/psql", "-Xq"], env=cluster.environment(small_site.db), stdin=subprocess.PIPE,
                            stdout=subprocess.DEVNULL, text=True)
    try:
        busy.stdin.write("DO $$ BEGIN FOR i IN 1..200 LOOP EXECUTE format('CREATE TEMP TABLE t%s (id serial PRIMARY KEY, x text)', i); "
                         "COMMIT; PERFORM pg_sleep(0.02); END LOOP; END $$;\n")
        busy.stdin.flush()
        small_site.holdfast("backup", check=0)
    finally:
        busy.stdin.close()
        busy.terminate()
        busy.wait()
