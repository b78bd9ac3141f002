"""A deployment of the sample application: a database, a work folder with migrations, and a configuration."""
import json
from pathlib import Path

from . import marketplace, proc


class Site:
    """The configuration names one target, `site`. JSON is YAML, so its parts are written as JSON."""

    def __init__(self, cluster, db, directory, *, create=True, jobs=2, passphrase=None):
        self.cluster, self.db, self.directory = cluster, db, Path(directory)
        self.repository = self.directory / "repo"
        self.config = self.directory / "holdfast.yaml"
        self.jobs, self.checks, self.extra, self.top, self.passphrase = jobs, [], {}, {}, passphrase
        if create:
            marketplace.create(cluster, db)
        self.directory.mkdir(parents=True, exist_ok=True)
        marketplace.copy_migrations(self.directory)
        self.write_config()

    @property
    def url(self):
        return self.cluster.url(self.db)

    @property
    def env(self):
        return {"DATABASE_URL": self.url, "HOLDFAST_PASSPHRASE": self.passphrase}

    def repository_options(self):
        return {"url": f"file://{self.repository}"}

    def write_config(self, **extra):
        """Writes holdfast.yaml. `extra`: further keys of the target (deploy={…}); they stay for later calls. Those of `top` stand beside `targets`."""
        self.extra |= extra
        target = {
            "database": {"url": {"env": "DATABASE_URL"}},
            "snapshot": {"jobs": self.jobs} | ({"pg_dump": self.cluster.pg_dump} if self.cluster.pg_dump else {}),
            "migrations": {"kind": "prisma", "directory": "prisma/migrations"},
            **self.extra,
        }
        if self.checks:
            target["checks"] = self.checks
        repository = self.repository_options() | ({"passphrase": {"env": "HOLDFAST_PASSPHRASE"}} if self.passphrase else {})
        lines = [f"repository: {json.dumps(repository)}\ntargets:\n  site:\n"]
        for keys, indent in ((target, "    "), (self.top, "")):
            for key, value in keys.items():
                if isinstance(value, list):
                    lines.append(f"{indent}{key}:\n" + "".join(f"{indent}  - {json.dumps(item, ensure_ascii=False)}\n" for item in value))
                else:
                    lines.append(f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}\n")
        self.config.write_text("".join(lines), encoding="utf-8")

    def add_checks(self, *checks):
        self.checks += checks
        self.write_config()

    def add_health_checks(self, app, within="5s"):
        self.add_checks(*({"name": name, "http": {"url": app.url + path, "status": [200], "jq": '.status == "ok"', "within": within}}
                          for name, path in (("healthz", "/healthz"), ("api health", "/api/v1/health"))))

    def add_migrations(self, *extra):
        marketplace.copy_migrations(self.directory, *extra)

    def remove_migrations(self, *extra):
        marketplace.remove_migrations(self.directory, *extra)

    def holdfast(self, *args, env=None, **options):
        """Runs holdfast in the work folder with DATABASE_URL set."""
        return proc.holdfast(*args, cwd=self.directory, env={**self.env, **(env or {})}, **options)

    def spawn(self, *args, env=None, **options):
        return proc.spawn(*args, cwd=self.directory, env={**self.env, **(env or {})}, **options)

    def json(self, *args, check=True, **options):
        """Runs holdfast with --output json; the document."""
        return self.holdfast(*args, "--output", "json", check=check, **options).json()

    def failed_databases(self):
        """What ways back have left behind."""
        return [name for name in self.cluster.databases() if name.startswith(self.db + "__failed_")]

    def drop_databases(self):
        """The database and all that stand beside it."""
        for name in self.cluster.databases():
            if name == self.db or name.startswith(self.db + "__"):
                self.cluster.dropdb(name)
