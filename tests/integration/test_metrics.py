"""Metrics as Prometheus reads them, the history as a table, and what doctor knows of hosting services."""
import csv
import io
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})\{{({LABEL}(?:,{LABEL})*)\}} (-?[0-9.e+]+)")
CONF = Path(__file__).resolve().parents[2] / "conf"


def parse(text):
    """The text format, strictly: each name has its HELP and TYPE before its samples, in one block, and no sample twice."""
    assert text.endswith("\n")
    samples, helped, typed, current = {}, set(), set(), None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            assert current not in helped
            helped.add(current)
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [current, "gauge"]
            typed.add(current)
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match[1] == current in typed, line
            labels = tuple(sorted((key, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value))
                                  for key, value in re.findall(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"', match[2])))
            assert (current, labels) not in samples
            samples[current, labels] = float(match[3])
    return samples


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted({"target": "site", **labels}.items()))))


class Gateway(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.server.seen.append((self.path, self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"text format parsing error")

    def log_message(self, *_):
        pass


def test_metrics_and_history(shop):
    sql = shop.directory / "sql"
    empty = parse(shop.holdfast("metrics", check=0).stdout)
    assert value(empty, "holdfast_snapshots") == 0 and value(empty, "holdfast_snapshot_newest_timestamp_seconds") is None

    (sql / "1_first.sql").write_text("CREATE TABLE one ()")
    odd = 'odd "name", with \\ and\nmore'
    shop.add_checks({"name": odd, "sql": {"query": "SELECT 1", "equals": 1}})
    shop.holdfast("deploy", check=0)
    (sql / "2_=second.sql").write_text("CREATE TABLE two ()")
    shop.add_checks({"name": "never", "command": ["false"]})
    shop.holdfast("deploy", check=3)
    shop.holdfast("prove", check=0)
    file = shop.directory / "holdfast.prom"
    shop.holdfast("metrics", "--file", str(file), check=0)
    samples = parse(file.read_text())
    now = time.time()
    assert value(samples, "holdfast_snapshots") == 2
    assert value(samples, "holdfast_deploys", result="deployed") == value(samples, "holdfast_deploys", result="rolled_back") == 1
    assert value(samples, "holdfast_deploy_last_result", result="rolled_back") == 1
    assert value(samples, "holdfast_deploy_last_result", result="deployed") == 0
    assert value(samples, "holdfast_deploy_unfinished") == 0
    assert value(samples, "holdfast_check_passed", check=odd) == 1 and value(samples, "holdfast_check_passed", check="never") == 0
    assert value(samples, "holdfast_snapshot_rows") >= 700
    for name in ("holdfast_snapshot_newest", "holdfast_snapshot_proven", "holdfast_deploy_last_success", "holdfast_deploy_last"):
        assert now - 600 < value(samples, name + "_timestamp_seconds") <= now
    assert value(samples, "holdfast_deploy_last_phase_seconds", phase="restoring") > 0
    assert 0 <= value(samples, "holdfast_snapshot_reused_ratio") <= 1

    # Pushed: the same text; an answer that is no success is an error, a password in an argument is refused.
    gateway = HTTPServer(("127.0.0.1", 0), Gateway)
    gateway.seen, gateway.status = [], 200
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{gateway.server_port}"
    shop.holdfast("metrics", "--push", url, check=0)
    path, kind, text = gateway.seen[0]
    assert path == "/metrics/job/holdfast" and kind.startswith("text/plain") and parse(text) == samples
    gateway.status = 400
    assert "parsing error" in shop.holdfast("metrics", "--push", url + "/metrics/job/shop", check=44).stderr
    assert gateway.seen[1][0] == "/metrics/job/shop"
    gateway.shutdown()
    gateway.server_close()
    told = shop.holdfast("metrics", "--push", "http://me:S3CRET@127.0.0.1/", check=2)
    assert "S3CRET" not in told.stderr

    # The alerts and the dashboard ask for what there is.
    names = {name for name, _ in samples}
    for conf in ("holdfast-alerts.yaml", "holdfast-dashboard.json"):
        asked = set(re.findall(r"\bholdfast_[a-z_]+", (CONF / conf).read_text()))
        assert asked and asked <= names, asked - names
    assert json.loads((CONF / "holdfast-dashboard.json").read_text())["panels"]

    # The history, and what it can be asked for.
    def ids(*args):
        return [cycle["id"] for cycle in shop.json("history", *args)["cycles"]]
    first, second = ids()
    assert ids("--result", "deployed") == [first] and ids("--result", "rolled_back") == [second] and ids("--result", "stuck") == []
    assert ids("--migration", "2_*") == [second] and ids("--migration", "1_first.sql") == [first]
    assert ids("--limit", "1") == [second] and ids("--since", "1h ago") == [first, second] and ids("--until", "1h ago") == []
    operator = shop.json("history")["cycles"][0]["operator"]
    assert ids("--operator", operator["user"]) == [first, second] == ids("--operator", f"*@{operator['host']}")
    assert ids("--operator", "somebody-else") == []
    rows = list(csv.DictReader(io.StringIO(shop.holdfast("history", "--format", "csv", check=0).stdout)))
    assert [row["result"] for row in rows] == ["deployed", "rolled_back"]
    assert rows[1]["migrations"] == "2_=second.sql" and rows[1]["snapshot"] and "never" in rows[1]["why"]
    table = shop.holdfast("history", "--format", "markdown", check=0).stdout.splitlines()
    assert len(table) == 4 and {line.replace("\\|", "").count("|") for line in table} == {11}
    shop.holdfast("history", "--result", "good", check=2)
    shop.holdfast("history", "--since", "tomorrowish", check=2)

    # What a restore in place replaced is no newest snapshot.
    shop.holdfast("restore", "latest", "--in-place", check=0)
    after = parse(shop.holdfast("metrics", check=0).stdout)
    assert value(after, "holdfast_snapshots") == 3
    assert value(after, "holdfast_snapshot_newest_timestamp_seconds") == value(samples, "holdfast_snapshot_newest_timestamp_seconds")


def test_doctor_knows_hosting_services(shop):
    env = {"DATABASE_URL": "postgresql://u:secret@db.railway.internal:5432/railway?connect_timeout=1"}
    document = shop.holdfast("doctor", "--output", "json", env=env, check=6).json()
    host = next(finding for finding in document["findings"] if finding["what"] == "host")
    assert host["level"] == "bad" and "Railway" in host["seen"] and "DATABASE_PUBLIC_URL" in host["remedy"]
    assert not [finding for finding in shop.json("doctor", check=(0, 6))["findings"] if finding["what"] == "host"]
