"""The sample application's database, and migration folders for deploys."""
import hashlib
import shutil
from pathlib import Path

from .postgres import quote_name, quote_text

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "marketplace"
MIGRATIONS = ROOT / "prisma" / "migrations"
EXTRA = ("good", "fail-halfway", "fail-concurrently", "break-health")
TABLES = ("local_users", "local_missions", "local_offers", "mission_events", "mission_photos", "invoices", "stripe_events", "email_otp")

LEDGER = """CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)"""


def folders(extra=None):
    """The migration folders in order: the application's own, or those of migrations-`extra`."""
    parent = ROOT / f"migrations-{extra}" if extra else MIGRATIONS
    return sorted(folder for folder in parent.iterdir() if folder.is_dir())


def migration_sql(folder):
    return (folder / "migration.sql").read_text(encoding="utf-8")


def apply(cluster, db, folder, *, record=True):
    """Runs one migration as Prisma does, and writes its row to the ledger. Times and ids are fixed, so databases are alike."""
    cluster.psql_one_message(db, migration_sql(folder))
    if not record:
        return
    name = folder.name
    digest = hashlib.md5(name.encode()).hexdigest()
    uuid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"
    checksum = hashlib.sha256((folder / "migration.sql").read_bytes()).hexdigest()
    started = "-".join((name[:4], name[4:6], name[6:8])) + "T" + ":".join((name[8:10], name[10:12], name[12:14]))
    values = ", ".join(map(quote_text, (uuid, checksum, started + ".418Z", name, started + ".102Z")))
    cluster.psql(db, "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count) "
                     f"VALUES ({values}, 1)")


def apply_extra(cluster, db, extra, *, record=True):
    """Runs the migrations of migrations-`extra`; raises PostgresError where one fails."""
    for folder in folders(extra):
        apply(cluster, db, folder, record=record)


def build(cluster, db, *, scale=1):
    """Makes the database: migrations, ledger, data."""
    cluster.createdb(db)
    cluster.psql(db, LEDGER)
    for folder in folders():
        apply(cluster, db, folder)
    cluster.psql(db, ROOT / "seed.sql", variables={"scale": scale})


def template(cluster, scale):
    """The name of a database to copy, which the cluster keeps, so that only the first call is slow."""
    template = f"marketplace_template_{scale}"
    if not cluster.psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = {quote_text(template)}"):
        unfinished = template + "_unfinished"
        cluster.dropdb(unfinished)
        build(cluster, unfinished, scale=scale)
        cluster.psql("postgres", f"ALTER DATABASE {quote_name(unfinished)} RENAME TO {quote_name(template)};"
                                 f"ALTER DATABASE {quote_name(template)} ALLOW_CONNECTIONS false IS_TEMPLATE true")
    return template


def create(cluster, db, *, scale=1):
    """As build(), but quickly."""
    cluster.createdb(db, template=template(cluster, scale))


def copy_migrations(destination, *extra):
    """Makes `destination`/prisma and `destination`/.github; with each named extra set on top of the migrations."""
    destination = Path(destination)
    for part in ("prisma", ".github"):
        shutil.copytree(ROOT / part, destination / part, dirs_exist_ok=True)
    for name in extra:
        shutil.copytree(ROOT / f"migrations-{name}", destination / "prisma" / "migrations", dirs_exist_ok=True)
    return destination / "prisma" / "migrations"


def remove_migrations(destination, *extra):
    """Takes the named extra sets out again, as a revert of the commit would."""
    for name in extra:
        for folder in folders(name):
            shutil.rmtree(Path(destination) / "prisma" / "migrations" / folder.name, ignore_errors=True)
