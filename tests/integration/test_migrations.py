"""`holdfast migrations`: what the folder and the ledger say together, and how the ledger is corrected."""
import itertools
import shutil

import pytest

from harness.site import Site

_numbers = itertools.count(1)

PRISMA = "SELECT migration_name, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, applied_steps_count, logs FROM _prisma_migrations ORDER BY started_at, id"


class Folder:
    """An empty database and a folder of migrations of either kind, under the same names."""

    def __init__(self, cluster, directory, kind):
        self.kind = kind
        self.db = f"migrations{next(_numbers)}"
        cluster.createdb(self.db)
        self.site = Site(cluster, self.db, directory, create=False)
        self.directory = self.site.directory / "folder"
        self.directory.mkdir()
        self.site.write_config(migrations={"kind": kind, "directory": "folder"})
        self.site.holdfast("init", check=0)

    def name(self, name):
        return name if self.kind == "prisma" else name + ".sql"

    def write(self, name, sql):
        path = self.directory / self.name(name)
        if self.kind == "prisma":
            path.mkdir(exist_ok=True)
            path = path / "migration.sql"
        path.write_text(sql)

    def remove(self, name):
        path = self.directory / self.name(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def psql(self, sql):
        return self.site.cluster.psql(self.db, sql)

    def leave_open(self, name):
        """As a migration that a kill cut short leaves the ledger."""
        if self.kind == "prisma":
            self.psql(f"UPDATE _prisma_migrations SET finished_at = NULL, applied_steps_count = 0, logs = 'why' WHERE migration_name = '{name}'")
        else:
            self.psql(f"UPDATE _holdfast_migrations SET applied_at = NULL WHERE name = '{self.name(name)}'")

    def states(self, check):
        document = self.site.json("migrations", "status", check=check)
        return {m["name"].removesuffix(".sql"): m["state"] for m in document["migrations"]}, document

    def resolve(self, option, name, check=0):
        return self.site.holdfast("migrations", "resolve", option, self.name(name), check=check)


@pytest.fixture(params=["prisma", "sql"])
def folder(cluster, tmp_path, request):
    made = Folder(cluster, tmp_path / "site", request.param)
    yield made
    made.site.drop_databases()


@pytest.mark.long(after=1)
def test_status(folder):
    for name in ("1_a", "2_b", "3_c", "4_d"):
        folder.write(name, f"CREATE TABLE t{name[0]} (id int);")
    states, document = folder.states(7)
    assert set(states.values()) == {"pending"} and document["pending"] == 4
    assert document["obstacle"] is None and "4 pending" in document["error"]["message"]

    folder.site.holdfast("deploy", check=0)
    states, document = folder.states(0)
    assert set(states.values()) == {"applied"} and document["pending"] == 0
    assert all(m["at"].startswith("20") and m["at"].endswith("Z") for m in document["migrations"])
    assert "up to date: 4 applied" in folder.site.holdfast("migrations", "status", check=0).stdout

    folder.write("2_b", "CREATE TABLE t2 (id bigint);")
    folder.remove("3_c")
    folder.write("5_e", "SELECT 1;")
    states, document = folder.states(7)
    assert states == {"1_a": "applied", "2_b": "edited", "3_c": "missing", "4_d": "applied", "5_e": "pending"}
    assert document["pending"] == 1
    text = folder.site.holdfast("migrations", "status", check=7)
    assert "applied, and its file was changed since" in text.stdout and "applied, and its file is not here" in text.stdout
    assert "1 pending, 1 edited after being applied, 1 applied without a file here" in text.stderr

    folder.leave_open("4_d")
    states, document = folder.states(36)
    assert states["4_d"] == "failed" and document["obstacle"]["message"] == document["error"]["message"]
    assert "migrations resolve --rolled-back" in document["error"]["hint"]
    assert ("P3009" in document["error"]["message"]) == (folder.kind == "prisma")
    assert "P3009" not in folder.site.holdfast("deploy", check=4).stderr or folder.kind == "prisma"


@pytest.mark.long(after=1)
def test_resolve(folder):
    folder.write("1_a", "CREATE TABLE a (id int);")
    folder.write("2_b", "CREATE TABLE b (id int);")
    assert "in the migrations folder" in folder.resolve("--applied", "9_none", 36).stderr
    assert folder.site.cluster.psql(folder.db, "SELECT count(*) FROM pg_class WHERE relname ~ '_migrations$'") == "0"

    folder.site.holdfast("deploy", check=0)
    for option, name, words in (("--applied", "1_a", "is applied already"), ("--rolled-back", "1_a", "did not fail"),
                                ("--rolled-back", "9_none", "was never applied")):
        assert words in folder.resolve(option, name, 36).stderr
    folder.leave_open("2_b")
    folder.psql("DROP TABLE b")
    assert "pending again" in folder.resolve("--rolled-back", "2_b").stdout
    states, _ = folder.states(7)
    assert states == {"1_a": "applied", "2_b": "rolled back" if folder.kind == "prisma" else "pending"}
    folder.site.holdfast("deploy", check=0)
    assert folder.psql("SELECT count(*) FROM b") == "0"

    folder.leave_open("2_b")
    folder.resolve("--applied", "2_b")
    states, _ = folder.states(0)
    assert states == {"1_a": "applied", "2_b": "applied"}
    if folder.kind == "prisma":
        assert folder.psql(PRISMA).splitlines()[-1] == "2_b|t|f|0|"
        folder.resolve("--rolled-back", "2_b")  # its earlier rows did not finish: nothing to do, and no error
    both = folder.site.holdfast("migrations", "resolve", "--applied", "x", "--rolled-back", "x", check=2)
    assert "exclude" in both.stderr
    folder.site.holdfast("migrations", "resolve", check=2)
    folder.site.holdfast("migrations", "undo", check=2)


def test_not_of_a_command(small_site):
    small_site.write_config(migrations={"kind": "command", "command": ["true"]})
    for arguments in (["migrations", "status"], ["migrations", "resolve", "--applied", "x"], ["migrations", "baseline"], ["drift"]):
        assert "run by a command" in small_site.holdfast(*arguments, check=2).stderr


def test_not_empty(cluster, tmp_path):
    folder = Folder(cluster, tmp_path / "site", "prisma")
    folder.psql("CREATE TABLE a (id int)")
    folder.write("1_a", "CREATE TABLE a (id int);")
    states, document = folder.states(36)
    assert states == {"1_a": "pending"} and "P3005" in document["error"]["message"]
    folder.site.drop_databases()


def test_dangerous_commands_are_refused(small_site):
    small_site.write_config(migrations={"kind": "command", "command": ["echo", "prisma", "migrate", "reset"]})
    assert "may empty the database" in small_site.holdfast("deploy", check=4).stderr
    # The same database under another URL is seen; another one is fine.
    small_site.write_config(migrations={"kind": "command", "command": ["echo", "prisma", "migrate", "deploy"]})
    same = small_site.url.replace("127.0.0.1", "localhost") + "?application_name=other"
    refused = small_site.holdfast("deploy", env={"SHADOW_DATABASE_URL": same}, check=4)
    assert "the shadow database is the target itself" in refused.stderr
    small_site.holdfast("deploy", env={"SHADOW_DATABASE_URL": small_site.cluster.url("postgres")}, check=0)


def test_codes_in_the_output_are_explained(small_site):
    small_site.write_config(migrations={"kind": "command", "command": ["sh", "-c", "echo 'Error: P3005' >&2; exit 1"]})
    assert "holdfast migrations baseline" in small_site.holdfast("deploy", check=3).stderr


@pytest.mark.long(after=1)
def test_the_timeout_is_of_the_whole_file(folder):
    """Not of each statement, and not for the file to change."""
    folder.site.write_config(migrations={"kind": folder.kind, "directory": "folder", "timeout": "1s"})
    folder.write("1_a", "CREATE TABLE a (id int);")
    folder.write("2_b", "SET statement_timeout = 0; CREATE TABLE b (id int);" + "SELECT pg_sleep(0.4);" * 50)
    refused = folder.site.holdfast("deploy", check=3)
    assert "took longer than migrations.timeout" in refused.stderr and "2_b" in refused.stderr
    assert folder.psql("SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b')") == "0"
