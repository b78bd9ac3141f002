"""Every fault point of the program x every fault: which state is it brought to? The command line is told in `run`."""
import argparse
import collections
import itertools
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import kills  # noqa: E402
import state  # noqa: E402
from harness import proc, s3  # noqa: E402
from harness.postgres import Cluster  # noqa: E402
from scenarios import SCENARIOS, Broken, InBucket  # noqa: E402

FAULTS = ("fail", "kill", "term", "lost", "stop")
NUMBERS = itertools.count(1)
Cell = collections.namedtuple("Cell", "scenario point passage fault")


def points_of_the_binary():
    """From the section that HF_FAULT puts their names in, so none can be forgotten."""
    text = subprocess.run(["readelf", "-p", "hf_faults", proc.binary()], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^  \[ *[0-9a-f]+\]  (\S+)$", text, re.M))


def sessions(cluster, action):
    return cluster.psql("postgres", f"SELECT count({action}) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")


def while_stopped(cluster, fault):
    """What is done to the server while holdfast stands at a fault point."""
    if fault == "lost":
        sessions(cluster, "pg_terminate_backend(pid)")
    else:
        cluster.stop("immediate")


def run_with_fault(site, cell):
    """The command, and the fault at its point; (Result, whether the point was reached)."""
    site.fault = cell.fault
    inside = cell.fault if cell.fault in ("fail", "kill", "term") else "stop"
    process = site.spawn(*cell.scenario.arguments(site), env={
        **cell.scenario.env, "HOLDFAST_FAULT": f"{cell.point}:{inside}:{cell.passage}", "HOLDFAST_FAULT_LOG": site.directory / "passed"})
    if inside == "stop":
        deadline = time.monotonic() + 120
        while process.poll() is None and process_state(process.pid) != "T" and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            try:
                while_stopped(site.cluster, cell.fault)
            finally:
                os.kill(process.pid, signal.SIGCONT)
                if not site.cluster.running():
                    time.sleep(0.3)
                    site.cluster.start()
    try:
        stdout, stderr = process.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        proc.kill(process)
        raise Broken(f"no end in 180 s: {process.communicate()[1]}") from None
    passed = collections.Counter((site.directory / "passed").read_text().split())
    return proc.Result(process.args, process.returncode, stdout, stderr), passed[cell.point] >= cell.passage


def process_state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(") ", 1)[1][0]


def passages(cluster, scenario, folder):
    """{point: how often it is passed} without a fault."""
    with a_site(cluster, scenario, folder) as site:
        log = site.directory / "passages"
        site.holdfast(*scenario.arguments(site), env={**scenario.env, "HOLDFAST_FAULT_LOG": log}, check=scenario.status)
        return collections.Counter(log.read_text().split())


class a_site:
    """A site of a scenario, prepared, in a folder of its own; all of it goes in the end."""

    def __init__(self, cluster, scenario, folder):
        self.site = scenario.site(cluster, f"fault{next(NUMBERS)}", Path(folder) / f"site{next(NUMBERS)}")
        scenario.prepare(self.site)

    def __enter__(self):
        return self.site

    def __exit__(self, *_):
        self.site.drop_databases()


def spread(count, most):
    """Up to `most` of the passages 1 to count, the first and the last among them."""
    if most == 1 or count == 1:
        return [1]
    return sorted({1 + round(i * (count - 1) / (most - 1)) for i in range(most)})


def chosen_scenarios(options):
    """What each passes has to be found out first, so where few points are tried, few are chosen."""
    only = options.only.rpartition("/")[0]
    scenarios = [scenario() for scenario in SCENARIOS if (scenario is not InBucket or InBucket.server) and only in ("", scenario.name)
                 and (scenario.in_short or not options.short)]
    return random.Random(options.seed).sample(scenarios, min(options.points, len(scenarios))) if options.points else scenarios


def all_cells(cluster, folder, options):
    """In the order of the scenarios; and the points that none of them passes, if all were asked."""
    cells, missing = [], points_of_the_binary()
    scenarios = chosen_scenarios(options)
    with ThreadPoolExecutor(options.jobs) as pool:
        passed = list(pool.map(lambda scenario: passages(cluster, scenario, folder), scenarios))
    for scenario, counts in zip(scenarios, passed):
        for point, count in sorted(counts.items()):
            if scenario.all_points or point in missing or point.startswith(scenario.own or ("-",)):
                cells += [Cell(scenario, point, n, fault) for n in spread(count, options.most) for fault in FAULTS]
        missing -= {cell.point for cell in cells}
    if options.points or "/" in options.only:
        missing = set()
    elif not InBucket.server:
        missing = {point for point in missing if not point.startswith("storage.s3.")}
    return cells, missing


def one_of_each_point(cells, seed):
    """A kill or, as often, another fault."""
    chance, by_point = random.Random(seed), collections.defaultdict(list)
    for cell in cells:
        by_point[cell.point].append(cell)
    return [chance.choice([cell for cell in by_point[point] if (cell.fault == "kill") == kill])
            for point in sorted(by_point) for kill in [chance.random() < 0.5]]


def try_cell(cluster, states, cell, folder):
    """(outcome, None), or (None, why it is wrong)."""
    result = None
    try:
        with a_site(cluster, cell.scenario, folder) as site:
            result, reached = run_with_fault(site, cell)
            # The order of workers differs from run to run, so a later passage may not come.
            if not reached and cell.passage == 1:
                raise Broken("the point was not reached")
            if reached and cell.fault == "kill" and result.returncode != -signal.SIGKILL:
                raise Broken("it was not killed")
            outcome = cell.scenario.settle(site, states, result)
            return (outcome if reached else f"({outcome}; not reached)"), None
    except Exception as error:  # one broken cell must not keep the others from being tried
        if not isinstance(error, (Broken, AssertionError)):
            traceback.print_exc()
        return None, f"{error}\n{result}"


def cell_name(cell):
    return f"{cell.scenario.name}/{cell.point}:{cell.fault}:{cell.passage}"


def work(todo, results, folder, prepared):
    """One thread: a server of its own, for a fault may stop it."""
    try:
        with Cluster(fsync=False, synchronous_commit="on", autovacuum="off") as cluster:
            states = state.both(cluster)
            while True:
                cell = todo.get_nowait()
                outcome, wrong = try_cell(cluster, states, cell, folder)
                results.append((cell, outcome, wrong))
                print(f"{len(results):>5}/{prepared} {cell_name(cell):<60} {outcome or 'BROKEN'}", flush=True)
                if wrong:
                    print(wrong, flush=True)
    except queue.Empty:
        pass


def print_table(results):
    """fault point x fault -> outcomes, over the scenarios and passages."""
    rows = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    for cell, outcome, _ in results:
        rows[cell.scenario.name, cell.point][cell.fault][outcome or "BROKEN"] += 1
    print("\n" + "\t".join(("scenario", "fault point", *FAULTS)))
    for (scenario, point), faults in sorted(rows.items()):
        told = (", ".join(outcome + (f" x{n}" if n > 1 else "") for outcome, n in sorted(faults[fault].items())) or "-" for fault in FAULTS)
        print("\t".join((scenario, point, *told)))


def matrix(options, folder):
    with Cluster(fsync=False, autovacuum="off") as cluster:
        state.prepare(cluster)
        cells, missing = all_cells(cluster, folder, options)
    if options.short:
        print(f"seed {options.seed}")
        cells = one_of_each_point(cells, options.seed)
        if options.points:
            cells = random.Random(options.seed).sample(cells, min(options.points, len(cells)))
    cells = [cell for cell in cells if re.search(options.only, cell_name(cell))]
    todo, results = queue.Queue(), []
    for cell in cells:
        todo.put(cell)
    threads = [threading.Thread(target=work, args=(todo, results, folder, len(cells))) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print_table(results)
    broken = [cell_name(cell) for cell, _, wrong in results if wrong]
    print(f"\n{len(results)} of {len(cells)} cases, {len(broken)} broken")
    for line in broken:
        print("broken:", line)
    for point in sorted(missing):
        print("no scenario passes:", point)
    return 1 if broken or missing or not cells or len(results) < len(cells) else 0


def commit():
    """So that a commit is always tried with the same cases, and the next one with others."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=os.path.dirname(__file__), check=False)
    return done.stdout.strip() or "0"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=2, help="passages of each point (default 2)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cases side by side")
    parser.add_argument("--short", action="store_true", help="one case of each point, without S3")
    parser.add_argument("--points", type=int, metavar="N", help="with --short: N points of N scenarios only, unless HOLDFAST_TESTS=all")
    parser.add_argument("--seed", help="which ones; default: the commit")
    parser.add_argument("--only", default="", help="cases whose name has a match of this; SCENARIO/: all points of that scenario")
    parser.add_argument("--random", type=int, metavar="N", help="N cycles with kills at random moments instead")
    options = parser.parse_args()
    options.seed = options.seed or commit()
    if os.environ.get("HOLDFAST_TESTS") == "all":
        options.points = None
    if not points_of_the_binary():
        print("skipped: this binary has no fault points")
        return 77
    with tempfile.TemporaryDirectory(prefix="hf-fault-") as folder:
        if options.random:
            return kills.run(options.random, options.seed, folder)
        if options.short or s3.missing():
            return matrix(options, folder)
        with s3.Rados(tls=True) as InBucket.server:
            InBucket.server.create_bucket("backups")
            return matrix(options, folder)


if __name__ == "__main__":
    sys.exit(main())
