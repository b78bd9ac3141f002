"""PostgreSQL of another Debian: a folder made by debootstrap, and a Cluster that runs in it by chroot.

    with ChrootCluster(debian(17), 17, fsync=False) as cluster:
        cluster.psql("postgres", "SELECT version()")
        cluster.pg_dump    # -> ["chroot", ..., "/usr/lib/postgresql/17/bin/pg_dump"]

The folders are kept in build/matrix, or where HOLDFAST_MATRIX_CACHE says, and used again. The mirror is the one of this
machine's apt.
"""
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .postgres import Cluster

SUITES = {17: "trixie", 18: "sid"}
DEBOOTSTRAP_SECONDS = 900


class Unavailable(Exception):
    """Why there is no such Debian here."""


def cache():
    folder = os.environ.get("HOLDFAST_MATRIX_CACHE") or Path(__file__).resolve().parents[2] / "build" / "matrix"
    return Path(folder).resolve()


def _apt(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def mirror():
    """The address from which this machine's apt takes Debian itself."""
    wanted = "$(SITE)|$(ORIGIN)|$(LABEL)|$(COMPONENT)"
    targets = [line.split("|") for line in _apt("apt-get", "indextargets", "--format", wanted, "Created-By: Packages").splitlines()]
    for site, origin, label, component in targets:
        if component == "main" and (origin, label) == ("Debian", "Debian"):
            return site
    for site, _, _, component in targets:  # apt has no lists yet, which would tell the origin
        if component == "main" and site.rstrip("/").endswith("/debian"):
            return site
    raise Unavailable("apt has no Debian mirror")


def _environment():
    proxy = _apt("apt-config", "--format", "%f=%v%n", "dump", "Acquire::http::Proxy").strip().removeprefix("Acquire::http::Proxy=")
    return {**os.environ, **({"http_proxy": proxy} if proxy and proxy != "DIRECT" else {}), "LC_ALL": "C.UTF-8"}


def _make(folder, major):
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", f"--include=postgresql-{major}", SUITES[major], str(unfinished), mirror()]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", env=_environment(), timeout=DEBOOTSTRAP_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"debootstrap did not end within {DEBOOTSTRAP_SECONDS} s") from None
    if done.returncode != 0 or not (unfinished / f"usr/lib/postgresql/{major}/bin/initdb").exists():
        lines = [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:"))] or done.stdout.splitlines()
        raise Unavailable(f"debootstrap of {SUITES[major]} ended with {done.returncode}: {' '.join(lines[-3:])}")
    for package in (unfinished / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()
    unfinished.rename(folder)


_unavailable = {}  # major -> why; asked once


def debian(major):
    """The folder of the Debian that has this PostgreSQL; made if it is not there. Raises Unavailable."""
    if major in _unavailable:
        raise Unavailable(_unavailable[major])
    try:
        return _find_or_make(major)
    except Unavailable as error:
        _unavailable[major] = str(error)
        raise


def _find_or_make(major):
    if os.geteuid() != 0:
        raise Unavailable("chroot needs root")
    folder = cache() / str(major)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(folder.name + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            if not shutil.which("debootstrap"):
                raise Unavailable("debootstrap is not installed")
            _make(folder, major)
    return str(folder)


# Stand for PostgreSQL's programs, so that whatever starts one of a Cluster's programs starts the one in the folder.
WRAPPER = """#!/bin/sh
exec chroot {option} '{root}' '/usr/lib/postgresql/{major}/bin/{program}' "$@"
"""
SERVER_PROGRAMS = ("initdb", "pg_ctl", "pg_basebackup")


class ChrootCluster(Cluster):
    """
    A Cluster in a folder of debootstrap. Its directory is in there too, and a link outside gives it the same path here, so
    paths, the socket's included, mean the same on both sides.
    """

    def __init__(self, root, major, **options):
        os.makedirs(root + "/tmp", exist_ok=True)
        self.root, self.inner = root, tempfile.mkdtemp(prefix="hf-", dir=root + "/tmp")
        directory = "/tmp/" + os.path.basename(self.inner)
        os.symlink(self.inner, directory)
        super().__init__(bindir=directory + "/bin", directory=directory, **options)
        self.as_postgres = []  # chroot does that
        with open(root + "/etc/passwd", encoding="utf-8") as file:
            entry = next(line.split(":") for line in file if line.startswith("postgres:"))
        self.owner = (int(entry[2]), int(entry[3]))
        self.give(directory)
        self._write_wrappers(major)
        self.pg_dump = ["chroot", "--userspec=postgres:postgres", root, f"/usr/lib/postgresql/{major}/bin/pg_dump"]

    def _write_wrappers(self, major):
        os.mkdir(self.bindir)
        for program in os.listdir(f"{self.root}/usr/lib/postgresql/{major}/bin"):
            option = "--userspec=postgres:postgres" if program in SERVER_PROGRAMS else ""
            path = f"{self.bindir}/{program}"
            with open(path, "w", encoding="utf-8") as file:
                file.write(WRAPPER.format(option=option, root=self.root, major=major, program=program))
            os.chmod(path, 0o755)

    def outside(self, path):
        return self.root + path

    def folders(self):
        return [self.directory, self.inner]
