"""Runs commands under valgrind's memcheck and tells what it finds."""
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import marketplace, proc  # noqa: E402
from harness.postgres import Cluster  # noqa: E402
from harness.site import Site  # noqa: E402

FOUND = 99  # valgrind's own exit status where it found something
SUPPRESSIONS = Path(__file__).with_name("suppressions")


def wrap(folder, program):
    """A program that is holdfast under valgrind; each process writes a log of its own."""
    wrapper = folder / "holdfast"
    wrapper.write_text(f"""#!/bin/sh
exec valgrind --quiet --leak-check=full --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible \\
    --error-exitcode={FOUND} --suppressions={SUPPRESSIONS} --log-file={folder}/log.%p {program} "$@"
""")
    wrapper.chmod(0o755)
    return wrapper


def cases(site):
    """(what, command, expected exit status), after what it needs was prepared."""
    yield "init", ("init",), 0
    yield "backup", ("backup",), 0
    yield "restore", ("restore", "latest", "--into", site.db + "__copy"), 0
    yield "plan", ("plan",), 0
    yield "doctor", ("doctor",), 0
    site.add_migrations("fail-halfway")
    yield "a deploy whose migration fails", ("deploy",), 3
    site.remove_migrations("fail-halfway")
    site.add_migrations("good")
    site.add_checks({"name": "never", "sql": {"query": "SELECT 1", "equals": 2}})
    yield "a deploy whose check fails", ("deploy",), 3
    site.checks.clear()
    site.write_config()
    yield "a deploy that works", ("deploy", "--retry"), 0
    for command in ("report", "latest"), ("history",), ("verify",), ("diff", "latest", "live"), ("prove",), ("prune",), ("gc",):
        yield command[0], command, 7 if command[0] == "diff" else 0


def main():
    found = []
    with tempfile.TemporaryDirectory(prefix="hf-valgrind-") as folder, Cluster(fsync=False, autovacuum="off") as cluster:
        folder = Path(folder)
        os.environ["HOLDFAST"] = str(wrap(folder, proc.binary()))
        marketplace.create(cluster, "valgrind", scale=0.02)
        site = Site(cluster, "valgrind", folder / "site", create=False)
        site.write_config(retention={"keep_last": 1})
        for what, command, status in cases(site):
            for log in folder.glob("log.*"):
                log.unlink()
            result = site.holdfast(*command, timeout=900)
            logs = sorted(folder.glob("log.*"))
            said = "".join(log.read_text(errors="replace") for log in logs)
            clean = logs and result.returncode == status and not re.search(r"==\d+== \S", said)
            print(f"{'clean' if clean else 'FOUND'}  {what}", flush=True)
            if not clean:
                found.append(what)
                print(said, result, sep="\n")
    print(f"\n{len(found)} commands with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
