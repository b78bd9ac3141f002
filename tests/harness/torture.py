"""The torture database: one of every kind of thing that a PostgreSQL database can hold. fixtures/torture/README.md lists them."""
import contextlib
import copy
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from .postgres import PostgresError, quote_name, quote_text

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "torture"
OTHERS = {
    "sql_ascii": "ENCODING 'SQL_ASCII' LOCALE 'C'",
    "latin1": "ENCODING 'LATIN1' LOCALE 'C'",
    "fooling": "",
    "icu": "LOCALE_PROVIDER icu ICU_LOCALE 'sv-u-co-search' ENCODING 'UTF8'",
    "icu_rules": "LOCALE_PROVIDER icu ICU_LOCALE 'en' ICU_RULES '&Z < v' ENCODING 'UTF8'",
    "builtin": "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C' ENCODING 'UTF8'",
    "inexact": "",
}
SINCE = {"icu_rules": 16, "builtin": 17}  # the first version that has it

ROLES = r"""
DO $do$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['torture_owner', 'torture_reader', 'torture_writer', 'torture_grantor', 'torture "Ü\ user"'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
END $do$"""


def prepare(cluster):
    """Roles and the tablespace; harmless when done twice."""
    cluster.psql("postgres", ROLES)
    cluster.make_tablespace("torture_space")


def install_extension(cluster):
    """Puts the home-made extension beside the server's own; False where that is not allowed. Harmless when done twice."""
    share = subprocess.run([cluster.bindir + "/pg_config", "--sharedir"], capture_output=True, text=True, check=False).stdout.strip()
    folder = Path(cluster.outside(share or f"/usr/share/postgresql/{cluster.version()}")) / "extension"
    if not os.access(folder, os.W_OK):
        return False
    for file in (ROOT / "extension").iterdir():
        unfinished = folder / f".{file.name}.{os.getpid()}"
        shutil.copyfile(file, unfinished)
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, folder / file.name)
    return True


def files(cluster, *, extension):
    """What makes the torture database on this server, in order."""
    version = cluster.version()
    chosen = [file for file in sorted(ROOT.glob("*.sql")) if not file.name.startswith("pg")]
    if not extension:
        chosen = [file for file in chosen if file.name != "02_configuration_tables.sql"]
    newer = [file for file in sorted(ROOT.glob("pg*.sql")) if int(file.name[2:4]) <= version]
    return chosen[:-1] + newer + chosen[-1:]  # the database's own settings come last


def create(cluster, db):
    """Makes the database. True if it has the home-made extension with configuration tables."""
    prepare(cluster)
    extension = install_extension(cluster)
    cluster.createdb(db)
    for file in files(cluster, extension=extension):
        cluster.psql(db, file)
    return extension


def create_other(cluster, kind, db):
    """Makes one of the small databases of OTHERS."""
    prepare(cluster)
    cluster.psql("postgres", f"CREATE DATABASE {quote_name(db)} TEMPLATE template0 {OTHERS[kind]}")
    cluster.psql(db, ROOT / "others" / f"{kind}.sql")


def drop(cluster, db):
    """As dropdb(), but also when the database has subscriptions, which forbid it; their slots, elsewhere, are left alone."""
    if not cluster.psql("postgres", f"SELECT FROM pg_database WHERE datname = {quote_text(db)}") and db not in cluster.databases():
        return
    names = cluster.psql("postgres", "SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid "
                                     f"WHERE datname = {quote_text(db)}").splitlines()
    for name in map(quote_name, names):
        for sql in (f"ALTER SUBSCRIPTION {name} DISABLE", f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)", f"DROP SUBSCRIPTION {name}"):
            try:
                cluster.psql(db, sql)
            except PostgresError as error:
                if "slot_name = NONE" not in str(error):
                    raise
    cluster.dropdb(db)


def in_encoding(cluster, encoding):
    """The same server, whose clients speak another encoding."""
    other = copy.copy(cluster)
    other.environment = lambda *args, **options: {**cluster.environment(*args, **options), "PGCLIENTENCODING": encoding}
    return other


# What the settings of a database could change in pg_dump's text.
PLAIN = "-c quote_all_identifiers=off -c standard_conforming_strings=on -c escape_string_warning=off"


def schema_items(cluster, db):
    """{(type, schema, name): [texts]} as pg_dump --schema-only writes them."""
    text = cluster.client("pg_dump", "--schema-only", dbname=db, env={"PGOPTIONS": PLAIN}).decode()
    items, key = {}, ("", "", "")
    for block in re.split(r"\n(?=--\n-- (?:Name|TOC entry): )", text):
        head = re.match(r"--\n-- Name: (.*); Type: ([A-Z -]+); Schema: (.*); Owner: (.*)\n", block)
        key = (head[2], head[3], head[1]) if head else ("", "", "")
        lines = [line.rstrip() for line in block.splitlines()]
        # What may differ from dump to dump, and SET commands that depend on what came before in pg_dump's order.
        lines = [line for line in lines if line and not line.startswith("--") and not re.match(r"\\(un)?restrict |SET |SELECT pg_catalog.set_config", line)]
        if key[0] in ("ACL", "DEFAULT ACL"):
            lines.sort()
        if lines:
            items.setdefault(key, []).append("\n".join(lines))
    return {key: sorted(texts) for key, texts in items.items()}


def large_objects(cluster, db):
    """{oid: data, owner, ACL, comment} as one text."""
    out = cluster.client("psql", "-XAtq", "-c", "SET search_path = ''", "-c", """SELECT oid, md5(lo_get(oid)), length(lo_get(oid)), pg_get_userbyid(lomowner), lomacl,
        quote_nullable(obj_description(oid, 'pg_largeobject')) FROM pg_largeobject_metadata ORDER BY oid""", dbname=db, env={"PGOPTIONS": "-c search_path="})
    return out.decode()


WRITER = r"""
\set id random(1, 100000)
BEGIN;
UPDATE t.many_rows SET filler = 'written ' || :id WHERE id = :id;
INSERT INTO t.many_rows VALUES (-:id, 'new') ON CONFLICT DO NOTHING;
DELETE FROM t.many_rows WHERE id = -:id / 2;
COMMIT;
"""
WRITTEN = ("t.many_rows", "public.pgbench_accounts", "public.pgbench_branches", "public.pgbench_history", "public.pgbench_tellers")


@contextlib.contextmanager
def written(cluster, db):
    """pgbench writes into the database meanwhile: its own tables, and one of the torture."""
    environment = cluster.environment(db) | {"PGOPTIONS": "-c default_transaction_isolation=read\\ committed -c search_path=public"}
    pgbench = cluster.bindir + "/pgbench"
    subprocess.run([pgbench, "-i", "-I", "dtgp", "-q"], env=environment, check=True, capture_output=True)
    script = Path(cluster.directory) / "writer.sql"
    script.write_text(WRITER, encoding="ascii")
    with subprocess.Popen([pgbench, "-n", "-c", "2", "-T", "600", "-b", "tpcb-like", "-f", str(script)], env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as writer:
        try:
            while cluster.psql(db, "SELECT count(*) > 20 FROM public.pgbench_history") != "t":
                assert writer.poll() is None, writer.stderr.read()
                time.sleep(0.05)
            yield
            assert writer.poll() is None, writer.stderr.read()
        finally:
            writer.kill()
            writer.communicate()


@contextlib.contextmanager
def kept_snapshot(cluster, db, taker):
    """Keeps what the process `taker` exports, and gives the name under which it can be used even when that process has ended."""
    exported = ""
    while not exported:
        assert taker.poll() is None, "nothing was exported"
        exported = cluster.psql("postgres", "SELECT max(name) FROM pg_ls_dir('pg_snapshots') AS d (name) WHERE name NOT LIKE '%.tmp'")
    taker.send_signal(signal.SIGSTOP)  # lest it ends before the snapshot is ours as well
    with subprocess.Popen([cluster.bindir + "/psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], env=cluster.environment(db), text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as keeper:
        keeper.stdin.write(f"BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{exported}'; SELECT pg_export_snapshot();\n")
        keeper.stdin.flush()
        name = keeper.stdout.readline().strip()
        taker.send_signal(signal.SIGCONT)
        assert name, keeper.stderr.read()
        yield name
        keeper.stdin.close()
        keeper.wait()


def dump_and_restore(cluster, db, copied, options, *, snapshot=None):
    """What PostgreSQL's own programs make of it, to hold holdfast against: pg_dump -Fc | pg_restore. Its complaints, as text."""
    archive = f"{cluster.directory}/{copied}.dump"
    cluster.client("pg_dump", "-Fc", "-f", archive, *([f"--snapshot={snapshot}"] if snapshot else []), dbname=db)
    cluster.psql("postgres", f"CREATE DATABASE {quote_name(copied)} TEMPLATE template0 {options}")
    done = subprocess.run([cluster.bindir + "/pg_restore", "-d", copied, archive], capture_output=True, check=False, cwd="/",
                          env=cluster.environment(copied))
    os.unlink(archive)
    return done.stderr.decode(errors="replace")
