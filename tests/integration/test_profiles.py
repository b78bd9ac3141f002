"""Other migrators as commands: their files and ledgers read as they are, and two of them run for real."""
import itertools
import os
import shutil
import sys

import pytest

from harness.site import Site

_numbers = itertools.count(1)

FLYWAY = """CREATE TABLE flyway_schema_history (installed_rank integer PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,
 type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL,
 installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL);
INSERT INTO flyway_schema_history VALUES
 (1, '1', 'base', 'BASELINE', '<< Flyway Baseline >>', NULL, 'me', now(), 0, true),
 (2, '2', 'two', 'SQL', 'V2__two.sql', {two}, 'me', now(), 5, true),
 (3, '2.1', 'edited', 'SQL', 'more/V2_1__edited.sql', 7, 'me', now(), 5, true),
 (4, '3', 'gone', 'SQL', 'V3__gone.sql', 7, 'me', now(), 5, true),
 (5, NULL, 'views', 'SQL', 'R__views.sql', 7, 'me', now(), 5, true)"""
# the CRC-32 of "SELECT 2;" without its line end, signed
FLYWAY_TWO = 798974111

CASES = {
    "flyway": ({"V1__one.sql": "SELECT 1;", "V2__two.sql": "SELECT 2;\n", "more/V2_1__edited.sql": "SELECT 21;", "V10__ten.sql": "SELECT 10;",
                "V9__nine.sql": "SELECT 9;", "R__views.sql": "SELECT 'v';", "U2__undo.sql": "", "notes.txt": ""}, FLYWAY,
               [("V1__one.sql", "applied"), ("V2__two.sql", "applied"), ("more/V2_1__edited.sql", "edited"), ("V9__nine.sql", "pending"),
                ("V10__ten.sql", "pending"), ("R__views.sql", "pending"), ("V3__gone.sql", "missing")]),
    "dbmate": ({"20240101_a.sql": "-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;", "20240202_b.sql": "-- migrate:up\nSELECT 1;",
                "readme.sql": ""},
               "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); INSERT INTO schema_migrations VALUES ('20240101')",
               [("20240101_a.sql", "applied"), ("20240202_b.sql", "pending")]),
    "golang-migrate": ({"1_a.up.sql": "SELECT 1", "1_a.down.sql": "", "000002_b.up.sql": "SELECT 1", "10_c.up.sql": "SELECT 1", "9_d.up.sql": "SELECT 1"},
                       "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); "
                       "INSERT INTO schema_migrations VALUES (2, false)",
                       [("1_a.up.sql", "applied"), ("000002_b.up.sql", "applied"), ("9_d.up.sql", "pending"), ("10_c.up.sql", "pending")]),
    "rails": ({"20240101000000_create_users.rb": "class CreateUsers; end", "20240202000000_add_name.rb": "# don't\nclass AddName; end"},
              "CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY); "
              "INSERT INTO schema_migrations VALUES ('20240101000000')",
              [("20240101000000_create_users.rb", "applied"), ("20240202000000_add_name.rb", "pending")]),
    "django": ({"shop/migrations/__init__.py": "", "shop/migrations/0001_initial.py": "x", "shop/migrations/0002_more.py": "# don't", "shop/models.py": ""},
               "CREATE TABLE django_migrations (id serial PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL, "
               "applied timestamptz NOT NULL); INSERT INTO django_migrations (app, name, applied) VALUES ('auth', '0001_initial', now()), "
               "('shop', '0001_initial', now()), ('shop', '0000_lost', now())",
               [("shop.0001_initial", "applied"), ("shop.0002_more", "pending"), ("shop.0000_lost", "missing")]),
    "alembic": ({"z_first.py": "revision = 'aaa'\ndown_revision = None\n", "a_second.py": "revision: str = \"bbb\"\ndown_revision: str = \"aaa\"\n",
                 "b_branch.py": "revision = 'ccc'\ndown_revision = 'aaa'\n", "c_merge.py": "revision = 'ddd'\ndown_revision = (\n    'bbb',\n    'ccc',\n)\n",
                 "helper.py": "def f(): pass\n"},
                "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY); INSERT INTO alembic_version VALUES ('bbb')",
                [("z_first.py", "applied"), ("a_second.py", "applied"), ("b_branch.py", "pending"), ("c_merge.py", "pending")]),
}


@pytest.fixture
def make(cluster, tmp_path):
    made = []

    def one(profile, files=None, **migrations):
        site = Site(cluster, f"profile{next(_numbers)}", tmp_path / f"site{len(made)}", create=False)
        cluster.createdb(site.db)
        made.append(site)
        for name, text in (files or {}).items():
            path = site.directory / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        site.write_config(migrations={"kind": "command", "profile": profile, **({"directory": "files"} if files else {}), **migrations})
        return site
    yield one
    for site in made:
        site.drop_databases()


def states(site, check=7):
    document = site.json("migrations", "status", check=check)
    return [(one["name"], one["state"]) for one in document["migrations"]], document


@pytest.mark.parametrize("profile", CASES)
@pytest.mark.long(after=3)
def test_files_and_ledger_are_put_together(make, profile):
    files, ledger, expected = CASES[profile]
    site = make(profile, files, **({"directory": "files/"} if profile == "flyway" else {}))
    seen, _ = states(site)
    assert {state for _, state in seen} == {"pending"} and len(seen) == len([name for name, state in expected if state != "missing"])
    site.cluster.psql(site.db, ledger.format(two=FLYWAY_TWO))
    assert states(site)[0] == expected
    planned = [one["name"] for one in site.json("plan")["plan"]["migrations"]]
    assert planned == [name for name, state in expected if state == "pending"]
    if profile in ("flyway", "golang-migrate"):
        site.cluster.psql(site.db, "UPDATE flyway_schema_history SET success = false WHERE version = '2'" if profile == "flyway"
                          else "UPDATE schema_migrations SET dirty = true")
        seen, document = states(site, 36)
        assert ("V2__two.sql" if profile == "flyway" else "000002_b.up.sql", "failed") in seen
        assert ("flyway repair" if profile == "flyway" else "migrate force") in document["error"]["hint"]
        site.holdfast("init", check=0)
        assert "left the ledger" in site.holdfast("deploy", check=4).stderr


MIGRATOR = """#!/bin/sh
# a migrator in miniature: only what its environment tells, nothing in argv
case "$*" in *secret*) exit 9;; esac
printf '%s\\n' "$@" > args
env | grep -E '^(FLYWAY_|PG|DATABASE_URL)' | sort > environment
psql "$DATABASE_URL" -Xq -v ON_ERROR_STOP=1 -c "{sql}"
"""


def test_a_deploy_knows_what_is_pending_and_keeps_the_url_out_of_argv(make):
    files, ledger, _ = CASES["dbmate"]
    site = make("dbmate", files)
    site.cluster.psql(site.db, ledger)
    binaries = site.directory / "bin"
    binaries.mkdir()
    for name in ("dbmate", "flyway", "migrate"):
        (binaries / name).write_text(MIGRATOR.format(sql="CREATE TABLE IF NOT EXISTS b (); INSERT INTO schema_migrations VALUES ('20240202')"
                                                     if name == "dbmate" else "SELECT 1"))
        (binaries / name).chmod(0o755)
    env = {"PATH": f"{binaries}:{site.cluster.bindir}:{os.environ['PATH']}"}
    site.holdfast("init", check=0)

    plan = site.json("plan")["plan"]
    assert [one["name"] for one in plan["migrations"]] == ["20240202_b.sql"] and plan["digest"]
    assert "not expected" in site.holdfast("deploy", "--expect", "20240101_a.sql", env=env, check=4).stderr
    document = site.json("deploy", "--expect", "20240202_b.sql", "--approve", plan["digest"], env=env)
    assert document["cycle"]["state"] == "deployed"
    assert states(site, 0)[0] == [("20240101_a.sql", "applied"), ("20240202_b.sql", "applied")]
    assert (site.directory / "args").read_text().split() == [f"--migrations-dir={site.directory}/files", "--no-dump-schema", "migrate"]

    site.write_config(migrations={"kind": "command", "profile": "flyway", "directory": "files"})
    host, port = site.cluster.host, site.cluster.port
    site.holdfast("deploy", env=env, check=0)
    said = (site.directory / "environment").read_text()
    assert f"FLYWAY_URL=jdbc:postgresql://{host}:{port}/{site.db}" in said and "FLYWAY_USER=" in said
    assert site.cluster.user not in (site.directory / "args").read_text()
    site.cluster.psql(site.db, "DROP TABLE schema_migrations")
    site.write_config(migrations={"kind": "command", "profile": "golang-migrate", "directory": "files"})
    site.holdfast("deploy", env=env, check=0)
    assert f"PGDATABASE={site.db}" in (site.directory / "environment").read_text()
    assert (site.directory / "args").read_text().split()[1:] == ["-database=postgres://", "up"]


def test_what_is_no_sql_is_unsafe_and_what_is_dangerous_is_refused(make):
    files, ledger, _ = CASES["rails"]
    site = make("rails", files)
    site.cluster.psql(site.db, ledger)
    site.holdfast("init", check=0)
    text = site.holdfast("plan", check=0).stdout
    assert "20240202000000_add_name.rb" in text and "destructive" in text
    for command in (["bin/rails", "db:rollback"], ["bin/rails", "-e", "production", "db:schema:load"]):
        site.write_config(migrations={"kind": "command", "profile": "rails", "directory": "files", "command": command})
        assert "may empty the database" in site.holdfast("deploy", check=4).stderr
    for profile, command in (("golang-migrate", "migrate -path x -database y down"), ("alembic", "alembic -c x downgrade base"),
                             ("django", "python3 manage.py migrate shop zero"), ("dbmate", "dbmate -d x rollback"), ("flyway", "flyway -x clean")):
        site.write_config(migrations={"kind": "command", "profile": profile, "directory": "files", "command": command.split()})
        assert "may empty the database" in site.holdfast("deploy", check=4).stderr
    site.write_config(migrations={"kind": "sql", "profile": "rails", "directory": "files"})
    assert "profile is of migrations of kind command" in site.holdfast("deploy", check=2).stderr


@pytest.mark.long
def test_alembic_itself(make):
    pytest.importorskip("alembic")
    pytest.importorskip("psycopg2")
    site = make("alembic", command=[sys.executable, "-m", "alembic.config", "upgrade", "head"])
    versions = site.directory / "alembic/versions"
    versions.mkdir(parents=True)
    (site.directory / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (site.directory / "alembic/env.py").write_text(
        "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
        "with create_engine(os.environ['DATABASE_URL']).connect() as connection:\n"
        "    context.configure(connection=connection)\n    with context.begin_transaction():\n        context.run_migrations()\n")

    def revision(name, key, before, sql):
        (versions / f"{name}.py").write_text(f"from alembic import op\nrevision = {key!r}\ndown_revision = {before!r}\n\n\n"
                                             f"def upgrade():\n    op.execute({sql!r})\n")
    revision("one", "1a", None, "CREATE TABLE a (id int)")
    site.holdfast("init", check=0)
    site.holdfast("deploy", "--expect", "one.py", check=0)
    assert states(site, 0)[0] == [("one.py", "applied")]
    revision("another", "2b", "1a", "CREATE TABLE b (id int)")
    revision("bad", "3c", "2b", "SELECT 1/0")
    assert states(site)[0] == [("one.py", "applied"), ("another.py", "pending"), ("bad.py", "pending")]
    failed = site.holdfast("deploy", check=3)
    assert "division by zero" in failed.stderr
    assert site.cluster.psql(site.db, "SELECT version_num, to_regclass('b') IS NULL FROM alembic_version") == "1a|t"
    assert "was rolled back by cycle" in site.holdfast("deploy", check=4).stderr
    revision("bad", "3c", "2b", "CREATE TABLE c (id int)")
    site.holdfast("deploy", check=0)
    assert {state for _, state in states(site, 0)[0]} == {"applied"}


def test_django_itself(make):
    pytest.importorskip("django")
    pytest.importorskip("psycopg2")
    site = make("django", directory="project", command=[sys.executable, "project/manage.py", "migrate", "--noinput"])
    migrations = site.directory / "project/shop/migrations"
    migrations.mkdir(parents=True)
    shutil.rmtree(site.directory / "prisma", ignore_errors=True)
    for folder in (migrations, migrations.parent):
        (folder / "__init__.py").write_text("")
    (site.directory / "project/manage.py").write_text(
        "import os, sys\nfrom django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['django.contrib.contenttypes', 'shop'], USE_TZ=True, DEFAULT_AUTO_FIELD='django.db.models.AutoField',\n"
        "    DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE'], 'USER': os.environ['PGUSER'],\n"
        "                           'HOST': os.environ['PGHOST'], 'PORT': os.environ['PGPORT']}})\n"
        "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n")

    def migration(name, before, sql):
        (migrations / f"{name}.py").write_text(f"from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
                                               f"    dependencies = {before!r}\n    operations = [migrations.RunSQL({sql!r})]\n")
    migration("0001_initial", [], "CREATE TABLE a (id int)")
    site.holdfast("init", check=0)
    site.holdfast("deploy", "--expect", "shop.0001_initial", check=0)
    assert states(site, 0)[0] == [("shop.0001_initial", "applied")]
    assert int(site.cluster.psql(site.db, "SELECT count(*) FROM django_migrations")) > 1
    migration("0002_more", [("shop", "0001_initial")], "CREATE TABLE b (id int)")
    assert states(site)[0] == [("shop.0001_initial", "applied"), ("shop.0002_more", "pending")]
    site.holdfast("deploy", check=0)
    assert site.cluster.psql(site.db, "SELECT to_regclass('b') IS NOT NULL") == "t"
