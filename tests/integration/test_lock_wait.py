"""Migrations that wait for a lock: who blocks whom is shown, and what left nothing behind is tried again."""
import subprocess
import time

import pytest


class Session:
    """A psql that keeps its transaction open."""

    def __init__(self, cluster, db, sql, name="reporting"):
        self.psql = subprocess.Popen([f"{cluster.bindir}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", cluster.url(db)],
                                     env=cluster.environment(db) | {"PGAPPNAME": name}, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.psql.stdin.write(f"BEGIN;\n{sql};\nSELECT 'ready';\n")
        self.psql.stdin.flush()
        while "ready" not in self.psql.stdout.readline():
            assert self.psql.poll() is None

    def close(self):
        if self.psql.poll() is None:
            self.psql.stdin.close()
            self.psql.wait(30)


@pytest.fixture
def holding(cluster, shop):
    sessions = []

    def hold(sql, **options):
        sessions.append(Session(cluster, shop.db, sql, **options))
        return sessions[-1]
    yield hold
    for session in sessions:
        session.close()


def use(shop, sql, name="1.sql", **options):
    (shop.directory / "sql" / name).write_text(sql)
    shop.write_config(migrations={"kind": "sql", "directory": "sql", "lock_timeout": "700ms", **options})


def test_is_tried_again_until_the_lock_is_free(shop, holding):
    use(shop, "ALTER TABLE invoices ADD note text; UPDATE invoices SET note = 'x'", lock_retries=60)
    blocker = holding("SELECT id, $p1$hunter2$p1$ FROM invoices LIMIT 1")
    deploy = shop.spawn("deploy", "--output", "json")
    seen = ""
    for line in deploy.stderr:
        seen += line
        if "trying again (1 of 60)" in line:
            break
    blocker.close()
    stdout, rest = deploy.communicate(timeout=120)
    assert deploy.returncode == 0, seen + rest
    assert "1.sql waits for a lock" in seen and "AccessExclusiveLock on invoices" in seen
    assert '"reporting", idle in transaction for' in seen and "hunter2" not in seen + rest + stdout
    assert "nothing of it was applied" in seen
    assert shop.cluster.psql(shop.db, "SELECT count(*), count(note) FROM invoices") == "700|700"
    assert shop.cluster.psql(shop.db, "SELECT count(*) FROM _holdfast_migrations WHERE applied_at IS NOT NULL") == "1"
    tree = shop.json("report", "latest")["cycle"]["blocked"]["1.sql"]
    assert [session["depth"] for session in tree] == [0, 1]
    assert tree[1]["application"] == "reporting" and tree[1]["query"] == "SELECT …" and tree[1]["age_ms"] > 0


def test_gives_up_and_names_who_was_in_the_way(shop, holding):
    use(shop, "CREATE TABLE made (id int); ALTER TABLE invoices ADD note text", lock_retries=1)
    reader = holding("SELECT id FROM invoices LIMIT 1")
    writer = subprocess.Popen([f"{shop.cluster.bindir}/psql", "-Xq", shop.url, "-c", "LOCK invoices IN EXCLUSIVE MODE; SELECT pg_sleep(600)"],
                              env=shop.cluster.environment(shop.db) | {"PGAPPNAME": "writer"})
    try:
        # the way back ends the sessions of the failed database
        result = shop.holdfast("deploy", "--output", "json", check=3)
    finally:
        writer.kill()
        writer.wait()
        reader.close()
    document = result.json()
    assert "55P03" in document["error"]["message"] and "in the way was pid" in document["error"]["hint"]
    assert "pg_terminate_backend" in document["error"]["hint"]
    assert result.stderr.count("trying again") == 1
    names = {session["application"] for session in document["cycle"]["blocked"]["1.sql"]}
    assert {"reporting", "writer"} <= names
    assert shop.cluster.psql(shop.db, "SELECT to_regclass('made') IS NULL") == "t"


@pytest.mark.parametrize("sql", ["CREATE TABLE made (id int); COMMIT; ALTER TABLE invoices ADD note text",
                                 "SET lock_timeout = '300ms'; COMMIT; ALTER TABLE invoices ADD note text"])
@pytest.mark.long(after=1)
def test_is_not_tried_again_where_something_may_be_there(shop, holding, sql):
    use(shop, sql, lock_retries=9)
    holding("SELECT id FROM invoices LIMIT 1")
    result = shop.holdfast("deploy", check=3)
    assert "trying again" not in result.stderr and "55P03" in result.stderr


def test_a_file_keeps_its_own_timeout_and_concurrently_has_none(shop, holding):
    use(shop, "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS t")
    (shop.directory / "sql" / "2.sql").write_text("SET LOCAL lock_timeout = '7s'; INSERT INTO seen SELECT current_setting('lock_timeout')")
    (shop.directory / "sql" / "3.sql").write_text("CREATE INDEX CONCURRENTLY late ON invoices (id)")
    old = holding("UPDATE invoices SET status = 'paid' WHERE id = 1")
    deploy = shop.spawn("deploy")
    for line in deploy.stderr:
        if "3.sql waits for a lock" in line:
            break
    time.sleep(1.5)  # more than two lock timeouts
    assert deploy.poll() is None
    old.close()
    _, rest = deploy.communicate(timeout=120)
    assert deploy.returncode == 0, rest
    assert shop.cluster.psql(shop.db, "SELECT string_agg(t, ' ' ORDER BY t) FROM seen") == "700ms 7s"
    assert shop.cluster.psql(shop.db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'late'::regclass") == "t"
