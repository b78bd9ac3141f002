"""The benchmark behind tests/bench/run.

Each round runs every program once, so that a noisy minute hits all alike; the medians are compared.  Peak memory is that
of the client process (ru_maxrss), without PostgreSQL's own.
"""
import argparse
import contextlib
import itertools
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import psycopg2  # noqa: E402

from harness import marketplace, proc, s3  # noqa: E402
from harness.postgres import Cluster  # noqa: E402
from harness.s3 import Rados  # noqa: E402
from harness.s3_site import S3Site  # noqa: E402
from harness.site import Site  # noqa: E402

DATABASE = "bench"


def measure(argv, env, folder):
    """Run a program; seconds and peak memory in MiB."""
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(folder)
            log = os.open(folder / "last.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.execvpe(argv[0], argv, env)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(argv)} failed ({status}): {(folder / 'last.log').read_text()[-2000:]}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def given(env):
    """Without the variables that are to be absent."""
    return {name: value for name, value in env.items() if value is not None}


class Client(threading.Thread):
    """An application that reads every 2 ms, and connects anew when it is cut off."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.answers, self.ended = url, [], threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                connection = psycopg2.connect(self.url, connect_timeout=5)
                connection.autocommit = True
                cursor = connection.cursor()
                while not self.ended.is_set():
                    cursor.execute("SELECT 1 FROM local_users LIMIT 1")
                    self.answers.append(time.time())
                    time.sleep(0.002)
            except psycopg2.Error:
                time.sleep(0.002)

    def longest_gap(self, since, until):
        """Between two answers, in milliseconds."""
        times = [at for at in self.answers if since <= at <= until]
        return 1000 * max(after - before for before, after in zip(times, times[1:]))


class Bench:
    def __init__(self, cluster, folder, jobs):
        self.cluster, self.folder, self.jobs = cluster, folder, jobs
        self.site = Site(cluster, DATABASE, folder / "site", create=False, jobs=jobs)
        self.env = given({**os.environ, **self.site.env, **cluster.environment(DATABASE)})
        self.results, self.requests, self.ways, self.numbers = {}, {}, {}, itertools.count(1)

    def take(self, name, argv, folder=None):
        seconds, memory = measure([str(part) for part in argv], self.env, folder or self.folder)
        self.results.setdefault(name, []).append((seconds, memory))

    def holdfast(self, name, *args):
        self.take(name, [proc.binary(), *args, "--quiet", "--config", self.site.config])

    def program(self, name):
        return pathlib.Path(self.cluster.bindir) / name

    def snapshot(self):
        shutil.rmtree(self.site.repository, ignore_errors=True)
        self.site.holdfast("init")
        self.holdfast("holdfast backup", "backup")
        self.holdfast("holdfast backup, unchanged", "backup")
        dump = self.folder / "dump"
        shutil.rmtree(dump, ignore_errors=True)
        self.take("pg_dump -Fd", [self.program("pg_dump"), "-Fd", "-j", self.jobs, "-f", dump, DATABASE])

    def restore(self):
        for name, options in (("holdfast restore", ()), ("  without ANALYZE", ("--no-analyze",))):
            self.holdfast(name, "restore", "latest", "--into", "bench_h", *options)
            self.cluster.dropdb("bench_h")
        self.cluster.createdb("bench_r", template="template0")
        self.take("pg_restore", [self.program("pg_restore"), "-j", self.jobs, "-d", "bench_r", self.folder / "dump"])
        self.cluster.dropdb("bench_r")

    def remote(self, server):
        """The same by way of an S3 service on this machine, a new repository each time; the requests are counted."""
        site = S3Site(self.cluster, DATABASE, self.folder / "s3", server, f"s3://backups/{next(self.numbers)}", timeout="30s")
        self.env |= given(site.env)
        site.use()
        site.holdfast("init")
        for name, args in (("holdfast backup to S3", ("backup",)), ("holdfast backup to S3, unchanged", ("backup",)),
                           ("holdfast restore from S3", ("restore", "latest", "--into", "bench_h", "--no-analyze"))):
            before = server.requests()
            self.take(name, [proc.binary(), *args, "--quiet", "--config", site.config])
            self.requests[name] = server.requests() - before
        self.cluster.dropdb("bench_h")

    def way_back(self, way):
        """A migration that fails: how long until the database is back, and for how long did nobody get an answer?"""
        db = f"bench_{way}".replace("-", "_")
        self.cluster.createdb(db, template=DATABASE)
        site = Site(self.cluster, db, self.folder / f"way{next(self.numbers)}", create=False, jobs=self.jobs)
        fails = 'psql -Xqc "CREATE TABLE made ()" "$DATABASE_URL"; sleep 2; exit 1'
        site.write_config(migrations={"kind": "command", "command": ["sh", "-c", fails]}, deploy={"rollback": {"way": way}})
        site.holdfast("init", check=0)
        client = Client(site.url)
        client.start()
        site.holdfast("deploy", check=3, timeout=3600)
        time.sleep(0.5)
        client.ended.set()
        client.join()
        cycle = site.json("report")["cycle"]
        phases = {phase["state"]: datetime.fromisoformat(phase["at"].replace("Z", "+00:00")).timestamp() for phase in cycle["phases"]}
        back = phases["rolled_back"] - phases["restoring"]
        gap = client.longest_gap(phases["restoring"] - 1, phases["rolled_back"] + 0.5)
        before = (cycle["clone"] or {}).get("blocked_ms", 0)
        self.ways.setdefault(way, []).append((back, gap, before))
        site.drop_databases()

    def print_ways(self):
        medians = {way: [statistics.median(column) for column in zip(*rows)] for way, rows in self.ways.items()}
        print(f"\n{'way back of a failed deploy':33} {'database back':>14} {'no answer':>12} {'before, to copy':>17}")
        for way, (back, gap, before) in medians.items():
            print(f"{way:33} {back:12.2f} s {gap:9.0f} ms {before:14.0f} ms  {medians['swap'][0] / back:6.2f} x swap")

    def seconds(self, name):
        return statistics.median(seconds for seconds, _ in self.results[name])

    def row(self, name, peer):
        memory = max(memory for _, memory in self.results[name])
        ratio = f"{self.seconds(peer) / self.seconds(name):6.2f} x {peer}" if peer else ""
        print(f"{name:33} {self.seconds(name):8.2f} s {memory:8.0f} MiB  {ratio}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="hf-bench-"))
    try:
        with contextlib.ExitStack() as stack, Cluster(fsync=True, shared_buffers="256MB", max_wal_size="4GB") as cluster:
            marketplace.create(cluster, DATABASE, scale=options.scale)
            size = cluster.psql(DATABASE, f"SELECT pg_size_pretty(pg_database_size('{DATABASE}'))").strip()
            bench = Bench(cluster, folder, options.jobs)
            server = None if s3.missing() else stack.enter_context(Rados())
            if server:
                server.create_bucket("backups")
            for _ in range(options.rounds):
                bench.snapshot()
                bench.restore()
                if server:
                    bench.remote(server)
                for way in ("swap", "clone", "in-place"):
                    bench.way_back(way)
            print(f"\ndatabase {size}, {options.jobs} workers, {os.cpu_count()} cores, median of {options.rounds} rounds\n")
            print(f"{'':33} {'time':>10} {'peak':>12}  speed against the peer (more is better)")
            bench.row("pg_dump -Fd", None)
            bench.row("holdfast backup", "pg_dump -Fd")
            bench.row("holdfast backup, unchanged", "pg_dump -Fd")
            bench.row("pg_restore", None)
            bench.row("holdfast restore", "pg_restore")
            bench.row("  without ANALYZE", "pg_restore")
            if server:
                bench.row("holdfast backup to S3", "holdfast backup")
                bench.row("holdfast backup to S3, unchanged", "holdfast backup, unchanged")
                bench.row("holdfast restore from S3", "  without ANALYZE")
                gib = int(cluster.psql(DATABASE, f"SELECT pg_database_size('{DATABASE}')")) / (1 << 30)
                print("\nrequests to S3 for each GiB of the database: " +
                      ", ".join(f"{name.removeprefix('holdfast ')} {count / gib:.0f}" for name, count in bench.requests.items()) +
                      ".\nThe service is Ceph's radosgw on the same cores, its objects in memory: what it computes is missing to holdfast and PostgreSQL.")
            bench.print_ways()
            print("\nholdfast restore reads every row back and compares it, and gathers statistics; pg_restore does neither.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
