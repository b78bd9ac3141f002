"""Snapshots that go from one version to another, deploys on the newer ones, and pg_dumps older and newer than the server."""
import re
import subprocess
import time

import pytest
from conftest import start
from harness import compare, marketplace, torture
from harness.chroot import SUITES
from harness.site import Site
from test_deploy import assert_back, deploy, take
from test_torture import HASHED, Tortured, configure, content_differences, holdfast, say, schema_differences

NEWER = [17, 18]


@pytest.fixture(scope="module")
def snapshots(servers, tmp_path_factory):
    """snapshots(15): the torture database of that version, in a repository."""
    taken = {}

    def get(version):
        if version not in taken:
            taken[version] = Tortured(servers(version), tmp_path_factory.mktemp(f"from{version}"), db="torture_source", copies=False)
        return taken[version]

    yield get
    for made in taken.values():
        torture.drop(made.cluster, made.db)


def across(source, target, db, copied):
    """What pg_dump of the source and pg_restore of the target make of it."""
    archive = source.client("pg_dump", "-Fc", dbname=db)
    target.createdb(copied, template="template0")
    subprocess.run([target.bindir + "/pg_restore", "-d", copied], input=archive, capture_output=True, check=False, cwd="/",
                   env=target.environment(copied))


@pytest.mark.parametrize("version", NEWER)
def test_into_a_newer_server(servers, snapshots, version):
    source, target = snapshots(15), servers(version)
    torture.prepare(target)
    torture.install_extension(target)
    restored, baseline = "from_15", "from_15_pg"
    result = holdfast(source.directory, "restore", "latest", "--target", "first", "--into", restored, url=target.url(), check=True)
    assert "older" not in result.stderr
    across(source.cluster, target, source.db, baseline)
    try:
        a, b = torture.schema_items(target, baseline), torture.schema_items(target, restored)
        say([f"{' '.join(key)}:\n  pg_restore: {a.get(key)}\n  restored: {b.get(key)}" for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)
             and not (a.get(key) is None and b[key] == torture.schema_items(source.cluster, source.db).get(key))])
        a, b, c = compare.content(source.cluster, source.db), compare.content(target, restored), compare.content(target, baseline)
        say([f"table {key}: {a.get(key)} in the source, {b.get(key)} restored" for key in sorted(a.keys() | b.keys())
             if b.get(key) not in (a.get(key), c.get(key)) and key not in HASHED])
        assert compare.sequences(source.cluster, source.db) == compare.sequences(target, restored)
        assert torture.large_objects(source.cluster, source.db) == torture.large_objects(target, restored)
        assert compare.database_facts(source.cluster, source.db) == compare.database_facts(target, restored)
    finally:
        for db in (restored, baseline):
            torture.drop(target, db)


def test_into_an_older_server(servers, snapshots):
    """What the older one does not know is said before anything is made."""
    source, target = snapshots(18), servers(15)
    torture.prepare(target)
    torture.install_extension(target)
    result = holdfast(source.directory, "restore", "latest", "--target", "first", "--into", "from_18", url=target.url())
    assert result.returncode == 10, result
    for feature in ("virtual generated columns", "WITHOUT OVERLAPS", "MAINTAIN", "streaming = parallel", "from PostgreSQL 18 on"):
        assert feature in result.stderr, feature
    assert "from_18" not in target.databases()


def test_plain_things_into_an_older_server(servers, tmp_path):
    source, target = servers(18), servers(15)
    marketplace.create(source, "shop18", scale=0.02)
    configure(tmp_path, "shop", pg_dump=source.pg_dump)
    holdfast(tmp_path, "backup", "--target", "shop", url=source.url("shop18"), check=True)
    result = holdfast(tmp_path, "restore", "latest", "--target", "shop", "--into", "shop18", url=target.url(), check=True)
    assert "the server is PostgreSQL 15, older than the snapshot's 18" in result.stdout + result.stderr, result
    assert compare.content(source, "shop18") == compare.content(target, "shop18")
    assert compare.sequences(source, "shop18") == compare.sequences(target, "shop18")
    # A newer setting is refused before anything, as the server would refuse it.
    source.psql("shop18", "ALTER DATABASE shop18 SET transaction_timeout = '1h'")
    holdfast(tmp_path, "backup", "--target", "shop", url=source.url("shop18"), check=True)
    result = holdfast(tmp_path, "restore", "latest", "--target", "shop", "--into", "shop18b", url=target.url())
    assert result.returncode != 0 and "transaction_timeout" in result.stderr and "shop18b" not in target.databases(), result
    for cluster in (source, target):
        cluster.dropdb("shop18")


def test_a_builtin_locale_into_a_server_without_it(servers, tmp_path):
    source, target = servers(17), servers(15)
    source.psql("postgres", "CREATE DATABASE byte_order TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'")
    configure(tmp_path, "builtin", pg_dump=source.pg_dump)
    holdfast(tmp_path, "backup", "--target", "builtin", url=source.url("byte_order"), check=True)
    result = holdfast(tmp_path, "restore", "latest", "--target", "builtin", "--into", "byte_order", url=target.url())
    assert result.returncode != 0 and "builtin" in result.stderr and "byte_order" not in target.databases(), result
    source.dropdb("byte_order")


@pytest.fixture(params=NEWER)
def site(servers, request, tmp_path):
    cluster = servers(request.param)
    marketplace.create(cluster, "site", scale=0.02)
    made = Site(cluster, "site", tmp_path / "site", create=False)
    made.holdfast("init", check=0)
    yield made
    made.drop_databases()


def test_deploy(site):
    site.add_migrations("good")
    assert deploy(site, 0)["cycle"]["state"] == "deployed"
    assert site.failed_databases() == []


def test_deploy_that_is_rolled_back(site):
    site.add_migrations("fail-halfway")
    before = take(site)
    document = deploy(site, 3)
    assert_back(site, before, document)


def recorded(folder, command):
    """The command, which writes the arguments it gets into folder/argv."""
    script = folder / "recorded"
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in command)
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{folder}/argv\nexec {quoted} "$@"\n')
    script.chmod(0o755)
    return [str(script)]


@pytest.mark.parametrize("version", NEWER)
def test_the_password_reaches_a_command(version, tmp_path):
    """By the environment; its arguments, which everybody on the machine can read, do not have it."""
    with start(version, auth="scram", password="p w'x\\y") as server:
        server.createdb("secret")
        server.psql("secret", "CREATE TABLE x (id int PRIMARY KEY)")
        configure(tmp_path, "secret", pg_dump=recorded(tmp_path, server.pg_dump))
        holdfast(tmp_path, "backup", "--target", "secret", url=server.url("secret"), check=True)
        arguments = (tmp_path / "argv").read_text()
        assert ("--schema-only" in arguments or "--no-data" in arguments) and "p w" not in arguments and "p%20w" not in arguments


@pytest.mark.parametrize("newer", NEWER)
def test_newer_pg_dump(servers, tmp_path, newer):
    """A server of 15 read by pg_dump 17 and 18: its archive is as good, and the older server takes it back."""
    server, other = servers(15), servers(newer)
    torture.create_other(server, "latin1", "newer_dump")
    configure(tmp_path, "newer", pg_dump=other.pg_dump)
    holdfast(tmp_path, "backup", "--target", "newer", url=server.url("newer_dump"), check=True)
    shown = holdfast(tmp_path, "show", "latest", "--target", "newer", "--output", "json", url=server.url(), check=True).json()
    assert f"PostgreSQL) {newer}" in shown["snapshot"]["pg_dump_version"]
    holdfast(tmp_path, "restore", "latest", "--target", "newer", "--into", "newer_dump_hf", url=server.url("newer_dump"), check=True)
    say(schema_differences(server, "newer_dump", "newer_dump_hf", "newer_dump") +
        content_differences(server, "newer_dump", "newer_dump_hf", "newer_dump"))
    for db in ("newer_dump", "newer_dump_hf"):
        server.dropdb(db)


def test_torture_by_a_newer_pg_dump(servers, tmp_path):
    """All of the torture database of 15 read by pg_dump 18 goes back into 15."""
    server = servers(15)
    made = Tortured(server, tmp_path, db="by_newer", copies=False, pg_dump=servers(18).pg_dump)
    holdfast(tmp_path, "restore", "latest", "--target", "first", "--into", "by_newer_hf", url=server.url("by_newer"), check=True)
    torture.dump_and_restore(server, made.db, "by_newer_pg", "")
    say(schema_differences(server, "by_newer", "by_newer_hf", "by_newer_pg") + content_differences(server, "by_newer", "by_newer_hf", "by_newer_pg"))
    for db in ("by_newer", "by_newer_hf", "by_newer_pg"):
        torture.drop(server, db)


@pytest.mark.parametrize("version", NEWER)
def test_older_pg_dump(servers, tmp_path, version):
    """Found here or configured: the error names what to install."""
    server = servers(version)
    server.createdb("too_new")
    older = servers(15).bindir + "/pg_dump"
    for name, pg_dump in (("found", None), ("configured", [older])):
        (tmp_path / name).mkdir()
        configure(tmp_path / name, "old", pg_dump=pg_dump)
        result = holdfast(tmp_path / name, "backup", "--target", "old", url=server.url("too_new"))
        assert result.returncode == 35 and f"postgresql-client-{version}" in result.stderr, result
        assert re.search(rf"version 15\b.*PostgreSQL {version}\b", result.stderr), result
    server.dropdb("too_new")


@pytest.mark.parametrize("version", NEWER)
def test_pg_dump_dies_half_way(servers, tmp_path, version):
    server = servers(version)
    marketplace.create(server, "half", scale=0.02)
    script = tmp_path / "dies"
    real = " ".join(server.pg_dump)
    script.write_text(f'#!/bin/sh\ncase "$1" in --version) exec {real} --version;; esac\n{real} "$@" | head -c 3000\nkill -9 $$\n')
    script.chmod(0o755)
    configure(tmp_path, "half", pg_dump=[str(script)])
    result = holdfast(tmp_path, "backup", "--target", "half", url=server.url("half"))
    assert result.returncode == 35 and "pg_dump ended with exit status 137" in result.stderr, result
    assert holdfast(tmp_path, "snapshots", "--output", "json", url=server.url("half"), check=True).json()["snapshots"] == []
    server.dropdb("half")


@pytest.mark.parametrize("version", NEWER)
def test_pg_dump_hangs(servers, tmp_path, version):
    server = servers(version)
    marketplace.create(server, "hangs", scale=0.02)
    script = tmp_path / "hangs"
    script.write_text(f'#!/bin/sh\ncase "$1" in --version) exec {" ".join(server.pg_dump)} --version;; esac\nexec sleep 3600\n')
    script.chmod(0o755)
    configure(tmp_path, "hangs", pg_dump=[str(script)])
    file = tmp_path / "holdfast.yaml"
    file.write_text(file.read_text().replace('"jobs"', '"pg_dump_timeout": "2s", "jobs"'))
    started = time.monotonic()
    result = holdfast(tmp_path, "backup", "--target", "hangs", url=server.url("hangs"))
    assert result.returncode == 35 and "pg_dump did not end within 2 s" in result.stderr and "pg_dump_timeout" in result.stderr, result
    assert time.monotonic() - started < 30
    assert holdfast(tmp_path, "snapshots", "--output", "json", url=server.url("hangs"), check=True).json()["snapshots"] == []
    assert server.psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'hangs'") == "0"
    server.dropdb("hangs")


def test_statistics_are_carried(servers, tmp_path):
    """From 18 to 18 the planner knows what it knew, of indexes, partitioned tables and views too; older servers gather their own."""
    source, older = servers(18), servers(15)
    source.createdb("stats")
    source.psql("stats", """
        CREATE SCHEMA s; CREATE TABLE s.t (a int, b text); INSERT INTO s.t SELECT n, md5((n % 50)::text) FROM generate_series(1, 5000) n;
        CREATE INDEX by_lower ON s.t (lower(b)); CREATE TABLE extended (a int, b int); INSERT INTO extended SELECT n % 10, n % 10 FROM generate_series(1, 1000) n;
        CREATE STATISTICS together ON a, b FROM extended; CREATE TABLE parts (a int) PARTITION BY RANGE (a);
        CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (100); INSERT INTO parts SELECT n % 100 FROM generate_series(1, 300) n;
        CREATE MATERIALIZED VIEW mv AS SELECT * FROM s.t; CREATE TABLE "odd ' name" ("c ' d" text); INSERT INTO "odd ' name" VALUES (E'\\\\ '' "'); ANALYZE;
        CREATE TABLE never (a int); INSERT INTO never VALUES (1), (2);
        SELECT pg_restore_attribute_stats('schemaname', 's', 'relname', 't', 'attname', 'a', 'inherited', false, 'null_frac', 0.125::real, 'avg_width', 4, 'n_distinct', -0.375::real)""")
    told = "SELECT schemaname, tablename, attname, inherited, null_frac, n_distinct, most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE schemaname IN ('s', 'public') AND tablename NOT IN ('extended', 'never') ORDER BY 1, 2, 3, 4"
    site = Site(source, "stats", tmp_path / "site", create=False)
    site.write_config(snapshot={"pg_dump": source.pg_dump})
    site.holdfast("init", check=0)
    first = site.json("backup")["snapshot"]
    restored = site.holdfast("restore", "latest", "--into", "stats_copy", check=0)
    assert "statistics" not in restored.stderr
    assert source.psql("stats_copy", told) == source.psql("stats", told) and "|0.125|-0.375|" in source.psql("stats_copy", told)
    assert {"s|t", "s|by_lower", "public|parts", "public|mv"} <= set(source.psql("stats_copy", "SELECT DISTINCT schemaname || '|' || tablename FROM pg_stats").split("\n"))
    assert source.psql("stats_copy", "SELECT reltuples FROM pg_class WHERE relname = 't'") == "5000"
    assert source.psql("stats_copy", "SELECT count(*) FROM pg_stats_ext WHERE dependencies IS NOT NULL") == "1"
    assert source.psql("stats_copy", "SELECT count(*) FROM pg_stats WHERE tablename = 'never'") == "1"
    site.json("prove")
    assert site.json("diff", "latest", "live")["equal"] is True
    older_copy = site.holdfast("restore", "latest", "--into", "stats_copy", env={"DATABASE_URL": older.url("stats")}, check=0)
    assert "statistics" not in older_copy.stderr
    assert older.psql("stats_copy", "SELECT n_distinct, null_frac FROM pg_stats WHERE tablename = 't' AND attname = 'a'") == "-1|0"
    # Values of rows that are left out are in no statistics either.
    site.holdfast("backup", "--exclude-data", "s.t", check=0)
    site.holdfast("restore", "latest", "--into", "stats_none", check=0)
    assert source.psql("stats_none", "SELECT count(*) FROM pg_stats WHERE schemaname = 's'") == "0"
    for cluster, db in ((source, "stats"), (source, "stats_copy"), (source, "stats_none"), (older, "stats_copy")):
        cluster.psql("postgres", f'DROP DATABASE "{db}"')
    assert first["warnings"] == [] or all("statistics" not in each for each in first["warnings"])


def test_every_version_has_a_suite():
    assert sorted(SUITES) == NEWER
