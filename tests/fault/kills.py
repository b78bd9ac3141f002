"""Full cycles with kills at random moments, while pgbench writes.

pgbench's own promise shows whether a database is consistent: the balances of accounts, tellers and branches and the history add up
to the same. Its rows are counted too: whatever was committed before a cycle began is in the live database after it, and what
was committed up to the kill is there as well, or, after a way back, in the failed database.
"""
import collections
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import state
from harness.postgres import Cluster, PostgresError
from harness.site import Site
from scenarios import FINAL, Broken, expect

ADDS_UP = """SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)
    AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(delta) FROM pgbench_history)
    AND (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(delta) FROM pgbench_history)"""
MIGRATION = "CREATE TABLE cycle_{n} AS SELECT i FROM generate_series(1, 1000) i; ALTER TABLE pgbench_history ADD COLUMN cycle_{n} int;"


class Pgbench:
    """Writes until told to stop; a way back and a stopped server end its connections, so it begins again."""

    def __init__(self, cluster, db):
        self.cluster, self.db, self.stopped, self.process = cluster, db, False, None
        cluster.client("pgbench", "-i", "-q", "-s", "1", dbname=db)
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        if self.process:
            self.process.terminate()
        self.thread.join()

    def _run(self):
        while not self.stopped:
            # Its own INSERT names no columns that a migration adds.
            self.process = subprocess.Popen([self.cluster.bindir + "/pgbench", "-n", "-c", "2", "-R", "200", "-T", "3600"],
                                            env=self.cluster.environment(self.db), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.process.wait()
            time.sleep(0.1)


def written(cluster, db):
    return int(cluster.psql(db, "SELECT count(*) FROM pgbench_history"))


def add_migration(site, n, fails):
    folder = site.directory / "prisma" / "migrations" / f"3{n:013d}_cycle_{n}"
    folder.mkdir()
    (folder / "migration.sql").write_text(MIGRATION.format(n=n) + (" SELECT 1 / 0;" if fails else ""))
    return folder


def strike(cluster, process, chance):
    """holdfast, PostgreSQL or both are killed; returns which."""
    who = chance.choices(("holdfast", "postgresql", "both"), (70, 20, 10))[0]
    if who != "postgresql":
        os.kill(process.pid, signal.SIGKILL)
    if who != "holdfast":
        cluster.restart("immediate")
    return who


def last_cycle(site):
    cycles = site.json("history")["cycles"]
    return (cycles[-1]["id"], cycles[-1]["state"]) if cycles else (None, None)


def end(site, chance, longest):
    """Resumes, and strikes the first resume now and then; the final state."""
    for _ in range(4):
        if last_cycle(site)[1] in FINAL.values():
            break
        process = site.spawn("resume")
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0, longest))
            strike(site.cluster, process, chance)
        process.communicate(timeout=180)
    return last_cycle(site)[1]


def one_cycle(site, n, chance, longest, tables):
    """(left, outcome, who was killed); `tables` is kept up to date."""
    cluster, fails = site.cluster, chance.random() < 0.5
    folder = add_migration(site, n, fails)
    known, at_first = last_cycle(site)[0], written(cluster, site.db)
    process = site.spawn("deploy")
    time.sleep(chance.uniform(0, longest))
    who = strike(cluster, process, chance)
    process.communicate(timeout=180)
    cycle, left = last_cycle(site)
    # While names are exchanged the live one refuses clients, or is the restored one already.
    at_kill = at_first if left == "swapping" or left in FINAL.values() else written(cluster, site.db)
    outcome = end(site, chance, longest) if cycle != known else "never began"
    expect(outcome in ("deployed", "rolled_back", "refused", "never began"), f"it ended as {outcome}")
    expect(outcome != "deployed" or not fails, "a failing migration was deployed")
    if outcome == "deployed":
        tables.append(f"cycle_{n}")
    else:
        (folder / "migration.sql").unlink()
        folder.rmdir()
    seen = cluster.psql(site.db, "SELECT relname FROM pg_class WHERE relname ~ '^cycle_[0-9]+$' ORDER BY oid").splitlines()
    expect(sorted(seen) == sorted(tables), f"tables {seen}, expected {tables}")
    expect(cluster.psql(site.db, ADDS_UP) == "t", "the balances do not add up")
    expect(written(cluster, site.db) >= at_first, "rows are lost that were there before the cycle")
    kept = site.failed_databases()
    expect(len(kept) == (outcome == "rolled_back"), f"{outcome}, and kept are {kept}")
    expect(written(cluster, kept[0] if kept else site.db) >= at_kill, "rows are lost that were there at the kill")
    for name in kept:
        expect(cluster.psql(name, ADDS_UP) == "t", "the failed database's balances do not add up")
        cluster.dropdb(name)
    return left if cycle != known else None, outcome, who


def run(cycles, seed, folder):
    print(f"seed {seed}")
    chance, counts, tables = random.Random(seed), collections.Counter(), []
    with Cluster(fsync=False, synchronous_commit="on", autovacuum="off") as cluster:
        state.prepare(cluster)
        state.create(cluster, "kills")
        site = Site(cluster, "kills", Path(folder) / "site", create=False)
        site.holdfast("init", check=0)
        with Pgbench(cluster, site.db):
            began = time.monotonic()
            add_migration(site, 0, False)
            site.holdfast("deploy", check=0)
            tables.append("cycle_0")
            longest = 2 * (time.monotonic() - began)
            for n in range(1, cycles + 1):
                try:
                    left, outcome, who = one_cycle(site, n, chance, longest, tables)
                except (Broken, AssertionError, PostgresError) as error:
                    print(f"{n:>5}/{cycles} BROKEN: {error}\n{site.holdfast('report', 'latest')}", flush=True)
                    return 1
                counts[left or "-", outcome] += 1
                print(f"{n:>5}/{cycles} {who:<12} {left or '-':<20} -> {outcome}", flush=True)
        site.holdfast("verify", check=0)
    print("\nleft as\tended as\tcycles")
    for (left, outcome), count in sorted(counts.items()):
        print(f"{left}\t{outcome}\t{count}")
    return 0
