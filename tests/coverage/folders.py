"""Sums gcovr's summary up by folder."""
import json
import sys
from collections import defaultdict

LEAST = 90
HELD = ("src/base", "src/stream", "storage-backends", "src/repository", "src/snapshot", "restore", "src/deploy")


def folder_of(path):
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "src" else parts[0]


def main(path):
    with open(path, encoding="utf-8") as file:
        files = json.load(file)["files"]
    lines, covered, worst = defaultdict(int), defaultdict(int), defaultdict(list)
    for entry in files:
        folder = folder_of(entry["filename"])
        lines[folder] += entry["line_total"]
        covered[folder] += entry["line_covered"]
        worst[folder].append((entry["line_total"] - entry["line_covered"], entry["filename"]))
    missing = [folder for folder in HELD if not lines[folder]]
    below = [folder for folder in HELD if folder not in missing and 100 * covered[folder] < LEAST * lines[folder]]
    print(f"{'folder':20} {'lines':>7} {'covered':>8}  most lines that no test runs")
    for folder in sorted(lines):
        left = ", ".join(f"{name.split('/')[-1]} {count}" for count, name in sorted(worst[folder], reverse=True)[:3] if count)
        print(f"{folder:20} {lines[folder]:7} {100 * covered[folder] / max(lines[folder], 1):7.1f}%  {left}")
    total = sum(lines.values())
    print(f"{'all':20} {total:7} {100 * sum(covered.values()) / max(total, 1):7.1f}%")
    for folder in below:
        print(f"below {LEAST} %: {folder}")
    for folder in missing:
        print(f"not counted: {folder}")
    return 1 if below or missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
