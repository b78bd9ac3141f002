"""The real Prisma CLI, from the npm registry, in build/prisma of this checkout; installed once."""
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "prisma"
FOLDER = SOURCE.parents[1] / "build" / "prisma"
CONFIG = "export default {schema: 'schema.prisma', migrations: {path: %s}, datasource: {url: process.env.DATABASE_URL}}\n"
OLDEST_NODE = (20, 19)  # of this CLI; an older machine gets one from the registry too
NODE = "22.21.1"


class Missing(Exception):
    """npm, or the registry, is not there; the message is for people."""


def _node_is_old():
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return True
    return tuple(map(int, version.strip().lstrip("v").split(".")[:2])) < OLDEST_NODE


def _install(package):
    for name in ("node_modules", "package-lock.json"):
        path = FOLDER / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.copytree(SOURCE, FOLDER, dirs_exist_ok=True)
    (FOLDER / "package.json").write_text(package)
    done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], cwd=FOLDER,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise Missing("npm could not install the Prisma CLI: " + done.stderr.strip()[-500:])


class Prisma:
    def __init__(self):
        if shutil.which("npm") is None:
            raise Missing("npm is missing, so nothing is compared with the real Prisma CLI")
        package = json.loads((SOURCE / "package.json").read_text())
        node = None
        if _node_is_old():
            node = "node-linux-" + {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]
            package["dependencies"][node] = NODE
            del package["overrides"]  # its npm knows no folders there; without them more is installed, and not used
        text = json.dumps(package)
        stamp = hashlib.sha256(text.encode() + (SOURCE / "schema-engine.cjs").read_bytes()).hexdigest()
        FOLDER.mkdir(parents=True, exist_ok=True)
        with open(FOLDER / "lock", "w", encoding="utf-8") as lock:  # another preset's tests may be at it
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = FOLDER / "installed"
            if not done.exists() or done.read_text() != stamp:
                _install(text)
                done.write_text(stamp)
        self.path = f"{FOLDER}/node_modules/{node}/bin:{os.environ['PATH']}" if node else os.environ["PATH"]

    def run(self, directory, url, *arguments, migrations="migrations"):
        """`prisma migrate …` in `directory`: (exit status, all it said)."""
        (directory / "schema.prisma").write_text('datasource db {\n  provider = "postgresql"\n}\n')
        (directory / "prisma.config.mjs").write_text(CONFIG % json.dumps(migrations))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        environment |= {"PATH": self.path, "DATABASE_URL": url, "CHECKPOINT_DISABLE": "1", "PRISMA_HIDE_UPDATE_MESSAGE": "1",
                        "NO_COLOR": "1", "PRISMA_SCHEMA_ENGINE_BINARY": str(FOLDER / "schema-engine.cjs"), "HOME": str(directory)}
        done = subprocess.run(["node", str(FOLDER / "node_modules/prisma/build/index.js"), "migrate", *arguments], cwd=directory,
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        return done.returncode, done.stdout + done.stderr
