"""The torture database: one of every kind of thing that a PostgreSQL database can hold. fixtures/torture/README.md lists them."""
import os
import shutil
import subprocess
from pathlib import Path

from .postgres import quote_name

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "torture"
OTHERS = {
    "sql_ascii": "ENCODING 'SQL_ASCII' LOCALE 'C'",
    "latin1": "ENCODING 'LATIN1' LOCALE 'C'",
    "fooling": "",
    "icu": "LOCALE_PROVIDER icu ICU_LOCALE 'sv-u-co-search' ENCODING 'UTF8'",
    "inexact": "",
}

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
    folder = cluster.directory + "/torture_space"
    if not os.path.isdir(folder):
        os.mkdir(folder)
        if cluster.as_postgres:
            shutil.chown(folder, "postgres", "postgres")
        cluster.psql("postgres", f"CREATE TABLESPACE torture_space LOCATION '{folder}'")


def install_extension(cluster):
    """Puts the home-made extension beside the server's own; False where that is not allowed. Harmless when done twice."""
    share = subprocess.run([cluster.bindir + "/pg_config", "--sharedir"], capture_output=True, text=True, check=False).stdout.strip()
    folder = Path(share or f"/usr/share/postgresql/{cluster.version()}") / "extension"
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
