"""conf/runbook.yaml, a runbook's checklists as one file, as it stands there: a cycle that works, and each reason for a way back alone."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness import compare, marketplace
from harness.app import App
from harness.recorder import Recorder
from harness.site import Site

CONF = Path(__file__).resolve().parents[2] / "conf"
OUTSIDE = "the deploy of the test"  # why it goes through the window

PROGRAMS = {
    "maintenance": 'echo "$1 $HOLDFAST_STATE" >> maintenance.log\nif [ "$1" = off ] && [ -x ./meanwhile ]; then ./meanwhile; fi',
    "running-revision": "echo release-41",
    "deploy-revision": 'echo "$HOLDFAST_REVISION" >> redeployed.log',
    "smoke-tests": "if [ -e broken ]; then echo '2 of 40 tests fail: checkout, sign-in'; exit 1; fi; echo '40 tests pass'",
}


class Prometheus:
    """Answers each query with `rate`."""

    def __init__(self):
        self.rate = 0.5
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.startswith("/set/"):
                    outer.rate = float(self.path[5:])
                body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": [
                    {"metric": {}, "value": [time.time(), str(outer.rate)]}]}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Shop(Site):
    """The sample application with the runbook; only the places that it names are exchanged for those of the test."""

    def write_config(self, **_):
        text = (CONF / "runbook.yaml").read_text(encoding="utf-8")
        for there, here in self.places.items():
            assert there in text, there
            text = text.replace(there, here)
        self.config.write_text(text, encoding="utf-8")

    def program(self, name, lines):
        path = self.directory / name
        path.write_text("#!/bin/sh\n" + lines + "\n")
        path.chmod(0o755)


@pytest.fixture
def shop(cluster, tmp_path):
    name = f"shop_{tmp_path.name[-8:]}".lower()
    marketplace.create(cluster, name, scale=0.02)
    prometheus = Prometheus()
    with App(cluster.url(name)) as app, Recorder() as chat:
        Shop.places = {
            "file:///var/lib/holdfast": "file://./repo", "https://shop.example": app.url, "https://prometheus.example": prometheus.url,
            '{days: [mon-thu], from: "01:00"': '{dates: [2020-01-01], from: "01:00"', "/var/log/shop/": f"{tmp_path}/site/logs/", "{for: 5m, every: 10s": "{for: 200ms, every: 50ms", "within: 60s": "within: 1s"}
        site = Shop(cluster, name, tmp_path / "site", create=False)
        site.prometheus, site.chat = prometheus, chat
        for program, lines in PROGRAMS.items():
            site.program(program, lines)
        (site.directory / "logs").mkdir()
        (site.directory / "logs" / "shop.log").write_text('ERROR: table "of last week" does not exist\n')
        site.holdfast("init", check=0)
        site.holdfast("backup", env={"SLACK_URL": chat.url("/slack")}, check=0)
        yield site
    prometheus.stop()
    site.drop_databases()


def deploy(site, status):
    """As somebody does who has looked at the plan, and has a reason to do it now."""
    digest = site.json("plan")["plan"]["digest"]
    return site.holdfast("deploy", "--approve", digest, "--override", "window", "--reason", OUTSIDE,
                         env={"SLACK_URL": site.chat.url("/slack")}, check=status)


def told(site):
    return [request.body for request in site.chat.requests]


def test_the_runbook_works(shop):
    shop.holdfast("config", "check", check=0)
    refused = shop.holdfast("deploy", env={"SLACK_URL": shop.chat.url("/slack")}, check=4)
    assert "window" in refused.stderr
    shop.add_migrations("good")
    shop.prometheus.rate = 0  # and then an error, which is no reason
    shop.program("meanwhile", f"curl -s {shop.prometheus.url}/set/0.05 >/dev/null")
    deploy(shop, 0)
    cycle = shop.json("report", "latest")["cycle"]
    assert cycle["state"] == "deployed" and cycle["revision"] == "release-41"
    assert {entry["name"]: entry["outcome"] for entry in cycle["checks"]["results"]} == dict.fromkeys(
        ("critical schema", "nothing invalid", "no table shrank", "sequences", "invoices add up", "health", "api", "smoke tests", "log",
         "error rate", "fresh snapshot"), "passed")
    assert [override["reason"] for override in cycle["overrides"]] == [OUTSIDE]
    assert cycle["observed"]["rounds"] >= 1
    lines = (shop.directory / "maintenance.log").read_text().splitlines()
    assert [line.split()[0] for line in lines][-3:] == ["on", "off", "off"]
    assert not (shop.directory / "redeployed.log").exists()
    report = shop.holdfast("report", "latest", check=0).stdout
    assert "deployed: migrated and verified" in report and "error rate" in report and "release-41" in report
    assert any("deployed" in text for text in told(shop)), told(shop)


# The one thing that goes wrong: (what is done to the site, what happens during the deploy, which check, its words in the report).
REASONS = {
    "the application": (lambda shop: shop.add_migrations("break-health"), "", "health", "500"),
    "the log": (None, "echo 'ERROR: table \"local_offers\" does not exist' >> logs/shop.log", "log",
                'ERROR: table "local_offers" does not exist'),
    "the dashboard": (None, "curl -s {prometheus}/set/4.5 >/dev/null", "error rate", "4.5, and 0.5 before the deploy"),
    "the tests": (lambda shop: (shop.directory / "broken").touch(), "", "smoke tests", "2 of 40 tests fail: checkout, sign-in"),
}


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.long(after=1)
def test_each_reason_alone_leads_back(shop, reason):
    prepare, meanwhile, check, words = REASONS[reason]
    if prepare:
        prepare(shop)
    if reason != "the application":
        shop.add_migrations("good")
    if meanwhile:
        shop.program("meanwhile", meanwhile.format(prometheus=shop.prometheus.url))
    before = compare.fingerprint(shop.cluster, shop.db, facts=True)
    deploy(shop, 3)
    cycle = shop.json("report", "latest")["cycle"]
    assert cycle["state"] == "rolled_back"
    failed = {entry["name"]: entry["seen"] for entry in cycle["checks"]["results"] if entry["outcome"] != "passed"}
    assert check in failed and words in failed[check], failed
    assert set(failed) <= {"health", "api"} if reason == "the application" else set(failed) == {check}, failed
    differences = compare.fingerprint_differences(before, compare.fingerprint(shop.cluster, shop.db, facts=True))
    assert not differences, "\n".join(differences[:30])
    # What was kept, what was redeployed, who was told, and the words of the reason in each form of the report.
    assert shop.failed_databases() and (shop.directory / "redeployed.log").read_text() == "release-41\n"
    assert any("on call: +49 30 1234" in text for text in told(shop)), told(shop)
    shop.holdfast("report", "latest", "--html", "report.html", check=0)
    escaped = words.replace('"', "&quot;")
    page = (shop.directory / "report.html").read_text()
    assert words in page or escaped in page
    assert words in shop.holdfast("report", "latest", check=0).stdout
    incidents = [path.read_text() for path in (shop.directory / "holdfast-reports").glob("*.md")]
    assert len(incidents) == 1 and check in incidents[0]
