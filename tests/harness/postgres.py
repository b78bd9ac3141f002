"""A private PostgreSQL in a temporary folder.

    with Cluster(fsync=False) as cluster:
        cluster.createdb("shop")
        cluster.psql("shop", "SELECT 1")     # -> "1"
        cluster.url("shop")                  # -> postgresql://postgres@127.0.0.1:PORT/shop

PostgreSQL refuses to run as root; then the server belongs to the user postgres. A watchdog process removes everything when
this process goes away, however it goes.
"""
import atexit
import fcntl
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from urllib.parse import quote

WATCHDOG = """
read -r word
[ "$word" = leave ] && exit 0
"$1"/pg_ctl stop -D "$2" -m immediate -s -t 10 >/dev/null 2>&1
rm -rf "${@:3}"
"""


class PostgresError(Exception):
    """A command against the server failed; the message holds its error output."""


def find_bindir():
    """The folder of PostgreSQL's programs: PG_BINDIR, else Debian's newest, else PATH's."""
    if os.environ.get("PG_BINDIR"):
        return os.environ["PG_BINDIR"]
    versions = [d for d in glob.glob("/usr/lib/postgresql/*/bin") if os.path.exists(d + "/initdb")]
    if versions:
        return max(versions, key=lambda d: float(d.split("/")[4]))
    initdb = shutil.which("initdb")
    if initdb:
        return os.path.dirname(os.path.realpath(initdb))
    raise PostgresError("no PostgreSQL server programs found; install postgresql or set PG_BINDIR")


def quote_name(name):
    return '"' + name.replace('"', '""') + '"'


def quote_text(text):
    return "'" + text.replace("'", "''") + "'"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def clean_environment(**more):
    """The environment without the caller's PG… and locale settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_")) and k not in ("LANG", "LANGUAGE")}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


class Cluster:
    """`settings` are lines of postgresql.conf (shared_buffers="256MB"). `auth` is "trust" or "scram-sha-256".

    `prepared(cluster)` puts databases into it. Where HOLDFAST_TEST_IMAGES names a folder, that is done once, and all clusters that want it are
    copies, with the same system identifier.
    """

    def __init__(self, *, fsync=True, auth="trust", password=None, bindir=None, directory=None, prepared=None, **settings):
        if auth == "scram":
            auth = "scram-sha-256"
        if auth != "trust" and not password:
            raise ValueError("authentication with a password needs one")
        self.bindir = bindir or find_bindir()
        self.fsync, self.auth, self.password = fsync, auth, password
        self.settings, self.prepared = settings, prepared
        self.user, self.host, self.port = "postgres", "127.0.0.1", None
        # The socket's path may have 107 bytes, so TMPDIR is not asked.
        self.directory = directory or tempfile.mkdtemp(prefix="hf-", dir="/tmp")
        self.data, self.log = self.directory + "/data", self.directory + "/log"
        self.watchdog = None
        self.as_postgres = []
        self.owner = None  # (uid, gid) of the server where that is not this process's
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            self.owner = (owner.pw_uid, owner.pw_gid)
            os.makedirs(self.directory, exist_ok=True)
            self.give(self.directory)
            self.as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        self.pg_dump = None  # the configuration's snapshot.pg_dump, where holdfast does not find the right one itself

    def give(self, path):
        """Makes the server the owner of a file or folder."""
        if self.owner:
            os.chown(path, *self.owner)

    def outside(self, path):
        """A path of the server's as this process sees it."""
        return path

    def folders(self):
        """What is to be removed in the end."""
        return [self.directory]

    # Life

    def __enter__(self):
        if self.port is None:
            self.create()
        return self

    def __exit__(self, *_):
        self.destroy()

    def create(self):
        """initdb, or a copy, and start."""
        atexit.register(self.destroy)
        self._watch()
        image = self._image()
        if image:
            subprocess.run([*self.as_postgres, "cp", "-a", "--reflink=auto", image, self.data], cwd="/", check=True)
        else:
            self._initdb()
        settings = {
            "listen_addresses": self.host, "unix_socket_directories": self.directory, "log_line_prefix": "%m [%p] %d ",
            "log_lock_waits": "on", "lc_messages": "C", "timezone": "UTC", "max_wal_size": "2GB",
        }
        if not self.fsync:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings |= self.settings
        with open(self.data + "/postgresql.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = {quote_text(str(value))}\n" for name, value in settings.items())
        # Between finding a free port and using it another process may take it.
        for attempt in range(5):
            self.port = free_port()
            try:
                self.start()
                break
            except PostgresError as error:
                if "could not bind" not in str(error) or attempt == 4:
                    raise
        if self.prepared and not image:
            self.prepared(self)
        return self

    def _image(self):
        """The data folder to copy, made by the first who wants it; None: there is to be none."""
        images = os.environ.get("HOLDFAST_TEST_IMAGES")
        if not images or not self.prepared:
            return None
        image = f"{images}/{os.path.basename(os.path.dirname(self.bindir))}"
        with open(image + ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(image):
                made = Cluster(fsync=False, bindir=self.bindir)
                with made:
                    self.prepared(made)
                    made.stop()
                    shutil.copytree(made.data, image + ".new", symlinks=True)
                for folder, _, files in os.walk(image + ".new"):
                    for path in (folder, *(os.path.join(folder, name) for name in files)):
                        self.give(path)
                os.rename(image + ".new", image)
        return image

    def _initdb(self):
        arguments = ["-D", self.data, "-U", self.user, "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums",
                     "--no-instructions", f"--auth={self.auth}"]
        if not self.fsync:
            arguments.append("--no-sync")
        password_file = self.directory + "/password"
        if self.password:
            with open(password_file, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(self.password + "\n")
            self.give(password_file)
            arguments.append(f"--pwfile={password_file}")
        try:
            self._server_command("initdb", *arguments)
        finally:
            if self.password:
                os.unlink(password_file)

    def start(self):
        try:
            self._server_command("pg_ctl", "start", "-w", "-s", "-t", "60", "-D", self.data, "-l", self.log, "-o", f"-p {self.port}")
        except PostgresError as error:
            raise PostgresError(f"{error}\n--- end of the server's log ---\n{self.log_tail()}") from None

    def stop(self, mode="fast"):
        """`mode`: smart, fast or immediate."""
        self._server_command("pg_ctl", "stop", "-w", "-s", "-t", "60", "-D", self.data, "-m", mode)

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def kill9(self):
        """SIGKILL to the server and all its processes; returns when they are gone."""
        postmaster = self.postmaster_pid()
        if postmaster is None:
            raise PostgresError("the server is not running")
        family = [postmaster] + _children(postmaster)
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 30
        while any(_alive(pid) for pid in family):
            if time.monotonic() > deadline:
                raise PostgresError("the server's processes survived SIGKILL")
            time.sleep(0.01)
        # A zombie counts as running for the next start, and not every init reaps orphans at once.
        if _stat(postmaster) is not None:
            for lock in (self.data + "/postmaster.pid", f"{self.directory}/.s.PGSQL.{self.port}.lock"):
                if os.path.exists(lock):
                    os.unlink(lock)

    def postmaster_pid(self):
        try:
            with open(self.data + "/postmaster.pid", encoding="utf-8") as file:
                pid = int(file.readline())
        except (FileNotFoundError, ValueError):
            return None
        return pid if _alive(pid) else None

    def running(self):
        return self.postmaster_pid() is not None

    def leave(self):
        """The server keeps running, and its folder stays, when this process ends."""
        atexit.unregister(self.destroy)
        if self.watchdog:
            self.watchdog.stdin.write(b"leave\n")
            self.watchdog.stdin.close()
            self.watchdog.wait()
            self.watchdog = None

    def destroy(self):
        """Stops the server and removes everything. Harmless when done twice."""
        atexit.unregister(self.destroy)
        if self.running():
            try:
                self.stop("immediate")
            except PostgresError:
                self.kill9()
        for folder in self.folders():
            if os.path.islink(folder):
                os.unlink(folder)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        if self.watchdog:
            self.watchdog.stdin.close()
            self.watchdog.wait()
            self.watchdog = None

    def _watch(self):
        # Its own session: a Ctrl-C on the terminal must not reach it. It sees this process's end as the end of its input.
        self.watchdog = subprocess.Popen(
            self.as_postgres + ["/bin/bash", "-c", WATCHDOG, "watchdog", self.bindir, self.data, *self.folders()], cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def _server_command(self, program, *arguments):
        # Not pipes: the server inherits them, and reading would wait for the server's end.
        with tempfile.TemporaryFile() as output:
            status = subprocess.run(self.as_postgres + [f"{self.bindir}/{program}", *arguments], cwd="/", stdin=subprocess.DEVNULL,
                                    stdout=output, stderr=output, env=clean_environment(), check=False).returncode
            if status != 0:
                output.seek(0)
                raise PostgresError(f"{program} ended with {status}: {output.read().decode(errors='replace').strip()}")

    def log_tail(self, lines=30):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return "".join(file.readlines()[-lines:]).rstrip()
        except FileNotFoundError:
            return "(no log)"

    # Use

    def version(self):
        """The server's major version."""
        return int(self.psql("postgres", "SHOW server_version_num")) // 10000

    def url(self, dbname="postgres", user=None, password=None):
        password = password or (self.password if user is None else None)
        secret = ":" + quote(password, safe="") if password else ""
        return f"postgresql://{quote(user or self.user, safe='')}{secret}@{self.host}:{self.port}/{quote(dbname, safe='')}"

    def environment(self, dbname="postgres", user=None, password=None):
        """The environment in which psql, pg_dump and the like reach the database; the password stays out of argv."""
        password = password or (self.password if user is None else None)
        more = {"PGHOST": self.host, "PGPORT": str(self.port), "PGUSER": user or self.user, "PGDATABASE": dbname,
                "PGCONNECT_TIMEOUT": "10", "PGCLIENTENCODING": "UTF8"}
        if password:
            more["PGPASSWORD"] = password
        return clean_environment(**more)

    def client(self, program, *arguments, dbname="postgres", user=None, password=None, input=None, env=None):
        """Runs a client program; its standard output as bytes. Raises PostgresError when it fails."""
        done = subprocess.run([f"{self.bindir}/{program}", *arguments], input=input, capture_output=True, check=False, cwd="/",
                              stdin=None if input is not None else subprocess.DEVNULL,
                              env={**self.environment(dbname, user, password), **(env or {})})
        if done.returncode != 0:
            raise PostgresError(f"{program} ended with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def psql(self, dbname, sql, *, user=None, password=None, variables=None):
        """Runs SQL, a script or a file (a Path); the rows as text, fields separated by |. Statements commit one by one."""
        options = ["-XAtq", "-v", "ON_ERROR_STOP=1"]
        for name, value in (variables or {}).items():
            options += ["-v", f"{name}={value}"]
        if isinstance(sql, os.PathLike):
            with open(sql, "rb") as file:
                sql = file.read()
        else:
            sql = sql.encode()
        return self.client("psql", *options, "-f", "-", dbname=dbname, user=user, password=password, input=sql).decode().rstrip("\n")

    def psql_one_message(self, dbname, sql, *, user=None, password=None):
        """Sends the whole text as one simple Query message, as Prisma does: several statements are one transaction."""
        return self.client("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, dbname=dbname, user=user,
                           password=password).decode().rstrip("\n")

    def createdb(self, name, *, template=None, owner=None):
        options = (f" TEMPLATE {quote_name(template)}" if template else "") + (f" OWNER {quote_name(owner)}" if owner else "")
        self.psql("postgres", f"CREATE DATABASE {quote_name(name)}{options}")

    def make_tablespace(self, name):
        """In a folder beside the server's data; harmless when done twice."""
        folder = f"{self.directory}/{name}"
        if not os.path.isdir(folder):
            os.mkdir(folder)
            self.give(folder)
            self.psql("postgres", f"CREATE TABLESPACE {quote_name(name)} LOCATION {quote_text(folder)}")

    def dropdb(self, name):
        """Also when somebody is connected, and when connections are not allowed."""
        self.psql("postgres", f"DROP DATABASE IF EXISTS {quote_name(name)} WITH (FORCE)")

    def databases(self):
        """The names of all databases but the server's own."""
        sql = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1"
        return self.psql("postgres", sql).splitlines()


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return re.sub(r".*\) ", "", file.read(), flags=re.S).split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _alive(pid):
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def _children(parent):
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) and int(stat[1]) == parent]
