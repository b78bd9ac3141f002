"""Every kind of check: alone, and as the one reason for a way back; what could not tell, and what is observed."""
import json
import os
import queue
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness import proc
from harness.terminal import Terminal

SECRET = "s3cr3t-of-the-header"


class Server:
    """Answers from `pages`: path (without query) -> (status, body, headers); a function gives the same. `asked` has each request."""

    def __init__(self):
        self.pages, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length") or 0)
                outer.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length).decode()))
                page = outer.pages.get(self.path.split("?")[0], (404, "no such page"))
                status, body, *headers = page() if callable(page) else page
                self.send_response(status)
                for name, value in (headers[0] if headers else {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def metric(self, value):
        """What Prometheus answers."""
        result = [] if value is None else [{"metric": {}, "value": [time.time(), str(value)]}]
        self.pages["/api/v1/query"] = 200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


@pytest.fixture
def server():
    with Server() as running:
        yield running


def results(document):
    return {entry["name"]: entry for entry in document["checks"]["results"]}


def http(name, server, path, **what):
    return {"name": name, "http": {"url": server.url + path, **what}, "timeout": "5s"}


def test_http(shop, server):
    server.pages |= {"/ok": (200, '{"status": "ok"}'), "/html": (200, "<html>it works</html>"), "/denied": (401, f"who is {SECRET}?"),
                     "/moved": (302, "", {"Location": "/ok"}), "/circle": (302, "", {"Location": "/circle"}), "/huge": (200, "x" * (5 << 20)),
                     "/slow": lambda: (time.sleep(0.3), (200, "late"))[1]}
    with Server() as other:
        other.pages["/ok"] = 200, '{"status": "ok"}'
        server.pages["/away"] = 302, "", {"Location": other.url + "/ok"}
        shop.add_checks(
            http("fine", server, "/ok", method="POST", body="ping", headers={"X-Key": {"env": "KEY"}}, jq='.status == "ok"', matches='"ok"\\}$'),
            http("401 is fine", server, "/denied", status=[200, 401]),
            http("denied", server, "/denied", headers={"X-Key": {"env": "KEY"}}),
            http("html", server, "/html", jq=".status", matches="it works"),
            http("no match", server, "/html", matches="^works"),
            http("a redirect is an answer", server, "/moved", status=302),
            http("followed", server, "/moved", follow=True, jq='.status == "ok"'),
            http("away", server, "/away", follow=True, headers={"X-Key": {"env": "KEY"}}),
            http("in circles", server, "/circle", follow=True),
            http("huge", server, "/huge"),
            http("slow", server, "/slow", latency_at_most="50ms"),
            {"name": "twice", "http": {"url": server.url + "/nothing"}, "retries": 1, "every": "10ms"},
            {"name": "nobody there", "http": {"url": "http://127.0.0.1:1/"}, "severity": "warn"})
        result = shop.holdfast("check", "--output", "json", env={"KEY": SECRET}, check=6)
        seen = results(result.json())
        passed = {name for name, entry in seen.items() if entry["passed"]}
        assert passed == {"fine", "401 is fine", "a redirect is an answer", "followed", "away"}
        # The secret reached the server it is for, and nobody else.
        assert ("POST", "/ok", "ping") in [(method, path, body) for method, path, headers, body in server.asked if headers.get("X-Key") == SECRET]
        assert SECRET not in json.dumps(other.asked) and other.asked
        assert SECRET not in result.stdout + result.stderr and "who is ***?" in seen["denied"]["seen"]
    words = {"html": ["status 200, but the body is not JSON", "the body matches"], "no match": ["does not match"],
             "in circles": ["more than 10 redirects"], "huge": ["larger than 4 MiB"], "slow": ["but only after"], "nobody there": ["no answer"]}
    for name, parts in words.items():
        assert all(part in seen[name]["seen"] for part in parts), seen[name]
    assert seen["twice"]["tries"] == 2 and seen["fine"]["value"] >= 0
    assert "latency" not in seen["slow"]["expected"] and "within 50ms" in seen["slow"]["expected"]
    # A secret that cannot be had is found before anything is touched.
    refused = shop.holdfast("deploy", check=4)
    assert 'check "fine": the header "X-Key": the environment variable "KEY" is not set' in refused.stderr


@pytest.mark.long
def test_tls(shop, server, tmp_path):
    import ssl
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    server.pages["/"] = 200, "ok"
    shop.add_checks(http("unknown", server, "/"), http("known", server, "/", ca_file=str(certificate)), http("whoever", server, "/", insecure=True))
    seen = results(shop.holdfast("check", "--output", "json", check=6).json())
    assert [seen[name]["passed"] for name in ("unknown", "known", "whoever")] == [False, True, True]
    assert "certificate" in seen["unknown"]["seen"] and "INSECURE" in seen["whoever"]["expected"]
    assert '"whoever" does not check the server\'s certificate' in shop.holdfast("doctor", check=None).stdout


def test_the_database(shop, cluster):
    cluster.psql(shop.db, """
        CREATE TABLE ahead (id serial PRIMARY KEY, v int); INSERT INTO ahead (v) SELECT 1 FROM generate_series(1, 9);
        CREATE TABLE behind (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY); INSERT INTO behind VALUES (1), (7);
        CREATE TABLE shrunk AS SELECT generate_series(1, 100) AS id; CREATE TABLE gone AS SELECT 1 AS id; CREATE TABLE parts AS SELECT 1 AS id""")
    shop.holdfast("backup", check=0)
    cluster.psql(shop.db, """
        DELETE FROM shrunk WHERE id > 90; ANALYZE shrunk; DROP TABLE gone, parts; CREATE TABLE parts (id int) PARTITION BY HASH (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO parts VALUES (1);
        ALTER TABLE ahead ADD CHECK (v < 5) NOT VALID""")
    shop.add_checks(
        {"name": "rows", "rows": {"shrink_at_most": "5%"}},
        {"name": "rows, roughly", "rows": {"shrink_at_most": "5%", "count": "estimated", "dropped": "pass"}},
        {"name": "rows, some", "rows": {"shrink_at_most": "5%", "except": ["shrunk", "gone"]}},
        {"name": "rows, much", "rows": {"shrink_at_most": "10%", "tables": ["public.*"], "ignore_below": 2}},
        {"name": "sequences", "sequences": "*"}, {"name": "some sequences", "sequences": ["public.a*"]},
        {"name": "no row", "sql": {"query": "SELECT 1 WHERE false;", "rows": 0}},
        {"name": "too many", "sql": {"query": "SELECT id, 'x' FROM shrunk ORDER BY id", "rows": 0}},
        {"name": "three", "sql": {"query": "VALUES (1), (2), (3)", "rows": 3}},
        {"name": "same", "sql": {"query": "SELECT 1", "unchanged": True}},
        {"name": "valid", "schema": {"valid": "all"}},
        {"name": "broken", "sql": {"query": "SELECT nothing", "equals": 1}},
        {"name": "fresh", "snapshot": {"younger_than": "1h"}}, {"name": "proven", "snapshot": {"younger_than": "1h", "proven": True}})
    seen = results(shop.holdfast("check", "--output", "json", check=6).json())
    outcomes = {name: entry["outcome"] for name, entry in seen.items()}
    assert outcomes == {
        "rows": "failed", "rows, roughly": "failed", "rows, some": "passed", "rows, much": "passed", "sequences": "failed",
        "some sequences": "passed", "no row": "passed", "too many": "failed", "three": "passed", "same": "skipped", "valid": "failed",
        "broken": "failed", "fresh": "passed", "proven": "failed"}, seen
    words = {"rows": ['"public"."shrunk" has 90 rows, and had 100 (10% fewer)', '"public"."gone" is gone', "all counted"],
             "rows, roughly": ["has 90 rows", "of them counted, the others estimated"], "sequences": ['next is 1, and "behind"."id" has 7 already'],
             "too many": ["1 or more row: (1, x)"], "valid": ["ahead_v_check on ahead is not validated"],
             "broken": ["SQLSTATE 42703"], "proven": ["no proven snapshot"]}
    for name, parts in words.items():
        assert all(part in seen[name]["seen"] for part in parts), seen[name]
    shop.holdfast("prove", check=0)
    assert results(shop.holdfast("check", "--output", "json", check=6).json())["proven"]["passed"]


EXPECTED = """
tables:
  people:
    columns:
      id: {type: int, nullable: false, default: identity}
      email: {type: varchar(20), nullable: false, default: none}
      role: {type: '"Role"', default: "'USER'::\\"Role\\""}
      note: {nullable: true}
      at: timestamptz(3)
    indexes: [people_email_key]
    constraints: [people_team, people_email_key]
    row_security: forced
    grants: {ROLE: [SELECT, INSERT], PUBLIC: []}
  other.log: {row_security: "off", columns: {tags: 'text[]'}, grants: {ROLE: {at_least: [SELECT]}}}
enums:
  Role: [USER, ADMIN]
  other.kind: {at_least: [b]}
"""


def test_our_own_form_of_a_schema(shop, cluster):
    """All as the file says; then each of its lines made untrue, and each is said."""
    role = f"{shop.db}_app"
    cluster.psql(shop.db, f"""
        CREATE ROLE {role}; CREATE SCHEMA other; CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN'); CREATE TYPE other.kind AS ENUM ('a', 'b');
        CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(20) NOT NULL, role "Role" DEFAULT 'USER', note text,
                             at timestamptz(3), team int);
        CREATE UNIQUE INDEX people_email_key ON people (email);
        ALTER TABLE people ADD CONSTRAINT people_team CHECK (team > 0), ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        GRANT SELECT, INSERT ON people TO {role}; CREATE TABLE other.log (tags text[]); GRANT SELECT, DELETE ON other.log TO {role}""")
    (shop.directory / "expected.yaml").write_text(EXPECTED.replace("ROLE", role))
    shop.add_checks({"name": "own", "schema": "expected.yaml"})
    seen = results(shop.holdfast("check", "--output", "json", check=0).json())["own"]
    assert seen["passed"] and "all 31 of them" in seen["seen"], seen

    cluster.psql(shop.db, f"""
        ALTER TABLE people ALTER id DROP IDENTITY, ALTER email TYPE varchar(30), ALTER email DROP NOT NULL, ALTER email SET DEFAULT 'x',
            ALTER role SET DEFAULT 'ADMIN', ALTER note SET NOT NULL, DROP COLUMN at, DROP CONSTRAINT people_team, NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE people ADD CONSTRAINT people_team CHECK (team > 0) NOT VALID;
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'people_email_key'::regclass;
        REVOKE INSERT ON people FROM {role}; GRANT DELETE ON people TO PUBLIC; REVOKE SELECT ON other.log FROM {role};
        ALTER TABLE other.log ENABLE ROW LEVEL SECURITY, ALTER tags TYPE text; ALTER TYPE "Role" ADD VALUE 'GUEST' BEFORE 'ADMIN';
        ALTER TYPE other.kind RENAME VALUE 'b' TO 'c'""")
    seen = results(shop.holdfast("check", "--output", "json", check=6).json())["own"]
    assert set(seen["seen"].split("; ")) == {
        'column "people.id": expected default identity, seen default none',
        'column "people.email": expected type varchar(20), seen type character varying(30)',
        'column "people.email": expected not nullable, seen nullable',
        """column "people.email": expected default none, seen default 'x'::character varying""",
        """column "people.role": expected default 'USER'::"Role", seen default 'ADMIN'::"Role\"""",
        'column "people.note": expected nullable, seen not nullable',
        'column "people.at": expected the column, seen none',
        'index "people_email_key" is not valid (expected a valid index)',
        'constraint "people_team" is not validated (expected a validated constraint)',
        'constraint "people_email_key" is not validated (expected a validated constraint)',
        'row-level security of "people": expected forced, seen enabled',
        f'grants to "{role}" on "people": expected SELECT, INSERT, seen SELECT',
        'grants to "PUBLIC" on "people": expected none, seen DELETE',
        'row-level security of "other.log": expected off, seen enabled',
        'column "other.log.tags": expected type text[], seen type text',
        f'grants to "{role}" on "other.log": expected at least SELECT, seen DELETE',
        'labels of enum "Role": expected USER, ADMIN, seen USER, GUEST, ADMIN',
        'labels of enum "other.kind": expected at least b, seen a, c'}
    # What is missing is one finding; a mistake in the file is found with its place and without a connection.
    cluster.psql(shop.db, f'DROP TABLE people, other.log; DROP TYPE "Role", other.kind; DROP ROLE {role}')
    seen = results(shop.holdfast("check", "--output", "json", check=6).json())["own"]["seen"]
    assert 'table "people" is missing (expected a table)' in seen and 'enum "other.kind" is missing (expected an enum)' in seen
    assert "column" not in seen and "labels" not in seen and "grants" not in seen
    (shop.directory / "expected.yaml").write_text("tables:\n  people:\n    colums: {}\n")
    assert 'expected.yaml:3:5: "colums" is not known' in shop.holdfast("config", "check", check=2).stdout


# Of a migrator that also does what an application would do meanwhile.
MIGRATE = """
import os, subprocess, sys
subprocess.run(["psql", "-XqAtv", "ON_ERROR_STOP=1", os.environ["DATABASE_URL"]], input=open("change.sql").read(), text=True, check=True)
exec(open("meanwhile.py").read())
"""


def migrator(shop, sql="ALTER TABLE invoices ADD COLUMN note text;", meanwhile=""):
    (shop.directory / "migrate.py").write_text(MIGRATE)
    (shop.directory / "change.sql").write_text(sql)
    (shop.directory / "meanwhile.py").write_text(meanwhile)
    shop.write_config(migrations={"kind": "command", "command": ["python3", "migrate.py"]})


def invoices(shop, cluster):
    return cluster.psql(shop.db, "SELECT count(*), md5(string_agg(i::text, ',' ORDER BY id)) FROM invoices i")


ROTATE = """
import gzip
log = open("app.log", "a"); log.write("ERROR: relation \\"invoices\\" does not exist\\n"); log.close()
os.rename("app.log", "app.log.1")
open("app.log", "w").write("INFO after the rotation\\n")
"""
NOISE = 'open("app.log", "a").write("INFO a\\nWARN b\\nWARN c\\n")'

# name: (check, the change, what happens meanwhile, words of the error)
REASONS = {
    "log": ({"log": {"file": "*.log", "forbid": ["does not exist"]}}, "", ROTATE, '1 forbidden: ERROR: relation "invoices" does not exist'),
    "required": ({"log": {"file": "app.log", "require": ["^READY$"]}}, "", NOISE, "3 new lines; '^READY$' in none"),
    "rate": ({"log": {"file": "app.log", "rate": {"pattern": "WARN", "increase_at_most": "50%"}}}, "", NOISE,
             "'WARN' in 666.7 of 1,000 lines, and in 100 before"),
    "command log": ({"log": {"command": ["sh", "-c", "test -n \"$1\" && cat app.log >&2", "x", "{since}"], "forbid": ["WARN b"]}}, "", NOISE,
                    "1 forbidden: WARN b"),
    "metric": ({"metric": {"url": "URL", "query": "rate(errors[1m])", "increase_at_most": "50%", "at_most": 9}}, "",
               'import urllib.request; urllib.request.urlopen("URL/set/5")', "5, and 1.5 before the deploy"),
    "json": ({"metric": {"url": "URL/stats", "jq": ".errors | add", "increase_at_most": 2}}, "",
             'import urllib.request; urllib.request.urlopen("URL/worse")', "7, and 3 before the deploy"),
    "rows": ({"rows": {"shrink_at_most": "5%"}}, "DELETE FROM invoices WHERE id > 600;", "", "has 600 rows, and had 700"),
    "value": ({"sql": {"query": "SELECT sum(id) FROM invoices", "unchanged": True}}, "UPDATE invoices SET id = id + 1;", "",
              "246050, and before the deploy 245350"),
    "tests": ({"command": ["sh", "-c", "echo two of nine tests fail; exit 1"]}, "", "", "two of nine tests fail"),
}


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.long(after=1)
def test_one_reason_for_a_way_back(shop, cluster, server, reason):
    check, sql, meanwhile, words = json.loads(json.dumps(REASONS[reason]).replace("URL", server.url))
    server.metric(1.5)
    server.pages["/stats"] = 200, '{"errors": [1, 2]}'
    server.pages["/worse"] = lambda: (server.pages.update({"/stats": (200, '{"errors": [1, 6]}')}), (200, ""))[1]
    server.pages["/set/5"] = lambda: (server.metric(5), (200, ""))[1]
    (shop.directory / "app.log").write_text("INFO x\n" * 9 + "WARN y\n")
    migrator(shop, "ALTER TABLE invoices ADD COLUMN note text;" + sql, meanwhile)
    shop.add_checks({"name": "the reason", **check}, {"name": "fine", "sql": {"query": "SELECT count(*) FROM invoices", "at_least": 1}})
    before = invoices(shop, cluster)
    result = shop.holdfast("deploy", check=3)
    assert words in result.stderr and 'check "the reason" failed' in result.stderr
    cycle = shop.json("report", "latest")["cycle"]
    assert cycle["state"] == "rolled_back" and words in cycle["error"]["message"]
    outcomes = {name: entry["outcome"] for name, entry in results(cycle).items()}
    assert outcomes == {"the reason": "failed", "fine": "passed"}
    assert invoices(shop, cluster) == before


def test_what_could_not_tell_is_held(shop, cluster, server):
    server.metric(1)
    server.pages["/down"] = lambda: (server.pages.pop("/api/v1/query", None), (200, ""))[1]
    migrator(shop, meanwhile=f'import urllib.request; urllib.request.urlopen("{server.url}/down"); {NOISE}')
    (shop.directory / "app.log").touch()
    shop.add_checks({"name": "errors", "metric": {"url": server.url, "query": "up", "increase_at_most": 1}},
                    {"name": "a rate of nothing", "log": {"file": "app.log", "rate": {"pattern": "WARN", "increase_at_most": "50%"}}},
                    {"name": "5 MB", "log": {"command": ["sh", "-c", "yes $(printf %0200d 0) | head -c 5000000 >&2; echo PANIC >&2"], "forbid": ["PANIC"]}})
    before = invoices(shop, cluster)
    held = shop.holdfast("deploy", check=8)
    assert 'check "errors" could not tell' in held.stderr and "status 404" in held.stderr and "--roll-back" in held.stderr
    cycle = shop.json("report", "latest")["cycle"]
    assert cycle["state"] == "held" and [entry["outcome"] for entry in cycle["checks"]["results"]] == ["inconclusive"] * 3
    words = {name: entry["seen"] for name, entry in results(cycle).items()}
    assert "in 666.7 of 1,000 lines, and before there were no lines" in words["a rate of nothing"] and "wrote to stderr" in words["5 MB"], words
    shop.checks[1:] = []
    shop.write_config()
    assert "interrupted" not in shop.holdfast("deploy", check=8).stdout  # no other cycle begins
    shop.holdfast("resume", check=8)  # and it is still down
    # Whoever stops a resume has not said that it is to go back.
    resumes = queue.Queue()
    server.pages["/api/v1/query"] = lambda: (resumes.get().terminate(), (404, ""))[1]
    resumes.put(process := shop.spawn("resume"))
    assert "stopped by SIGTERM" in process.communicate(timeout=60)[1] and process.returncode == 8
    again = shop.json("report", "latest")["cycle"]
    assert again["state"] == "held" and again["held"] == cycle["held"] and invoices(shop, cluster) != before
    server.metric(3)  # more than 1 above what the journal has from before
    assert "3, and 1 before the deploy" in shop.holdfast("resume", check=3).stderr
    assert invoices(shop, cluster) == before

    # The same again: accepted, and told to go back.
    server.metric(1)
    shop.holdfast("deploy", check=8)
    assert shop.holdfast("resume", "--accept", check=0).returncode == 0
    assert "note" in cluster.psql(shop.db, "SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'invoices'::regclass")
    after = invoices(shop, cluster)
    server.metric(1)
    (shop.directory / "change.sql").write_text("DELETE FROM invoices;")
    shop.holdfast("deploy", check=8)
    shop.holdfast("resume", "--roll-back", check=3)
    assert invoices(shop, cluster) == after

    # A server that is down before the deploy keeps it from beginning, unless that is said not to matter.
    server.pages.pop("/api/v1/query", None)
    (shop.directory / "change.sql").write_text("SELECT 1;")
    assert 'check "errors": no number, status 404' in shop.holdfast("deploy", check=4).stderr
    shop.write_config(deploy={"on_inconclusive": "pass"})
    assert "nothing could be taken before the deploy" in shop.holdfast("deploy", check=0).stderr
    shop.write_config(deploy={"on_inconclusive": "fail"})
    server.metric(1)
    assert 'check "errors" failed' in shop.holdfast("deploy", check=3).stderr


def test_observation(shop, cluster, server):
    answers = iter(["ok"] * 3 + ["bad"] * 2 + ["ok"] * 2 + ["bad"] * 99)
    server.pages["/health"] = lambda: (200, next(answers))
    migrator(shop)
    shop.add_checks(http("health", server, "/health", matches="ok"))
    shop.write_config(deploy={"observe": {"for": "1m", "every": "20ms", "failures": 3}})
    assert 'check "health" failed 3 times while observed' in shop.holdfast("deploy", check=3).stderr
    observed = shop.json("report", "latest")["cycle"]["observed"]
    health = observed["checks"][0]
    assert (observed["rounds"], health["passed"], health["failed"]) == (7, 4, 3) and len(health["series"]) == 4  # thinned out, but for failures
    assert [point["outcome"] for point in health["series"]].count("failed") == 3

    answers = iter(["ok"] * 9999)
    shop.write_config(deploy={"observe": {"for": "300ms", "every": "20ms"}})
    shop.holdfast("deploy", "--retry", check=0)
    cycle = shop.json("report", "latest")["cycle"]
    assert cycle["state"] == "deployed" and cycle["observed"]["rounds"] >= 1 and cycle["observed"]["checks"][0]["failed"] == 0


def test_somebody_at_the_terminal_is_asked(shop, cluster, server):
    """Each answer to a check that could not tell; what is none of them is asked again."""
    prompt, good = "or hold (stop here", (200, '{"errors": 1}')
    migrator(shop)
    shop.add_checks({"name": "errors", "metric": {"url": server.url + "/stats", "jq": ".errors", "at_most": 5}})
    terminal = Terminal(shop, "deploy")
    assert 'check "errors" could not tell' in terminal.read_until(prompt) and "status 404" in terminal.text
    for line in ("yes", "again"):
        terminal.type(line)
        assert ("status 404" in terminal.read_until(prompt)) == (line == "again")
    server.pages["/stats"] = good
    assert terminal.answer("again") == 0 and shop.json("report", "latest")["cycle"]["state"] == "deployed"

    del server.pages["/stats"]
    migrator(shop, "ALTER TABLE invoices ADD COLUMN more text;")
    terminal = Terminal(shop, "deploy")
    terminal.read_until(prompt)
    assert terminal.answer("hold") == 8 and shop.json("report", "latest")["cycle"]["state"] == "held"
    terminal = Terminal(shop, "resume")
    terminal.read_until(prompt)
    assert terminal.answer("accept") == 0
    before = invoices(shop, cluster)
    migrator(shop, "DELETE FROM invoices;")
    terminal = Terminal(shop, "deploy")
    terminal.read_until(prompt)
    assert terminal.answer("back") == 3 and invoices(shop, cluster) == before != ""


MISTAKES = """repository: {url: ./repo}
targets:
  a:
    database: {url: {env: DATABASE_URL}}
    checks:
      - {name: one, http: {url: "http://x", jq: '.status =='}}
      - name: two
        log:
          file: app.log
          forbid: [fine, 'a(b']
      - {name: two, command: [x]}
      - {name: rows, rows: {shrink_at_most: 5%, except: ["a.b.c"]}}
  b:
    database: {url: {env: DATABASE_URL}}
    checks: [{name: schema, schema: missing.json}]
"""


def test_the_configuration(tmp_path):
    """All mistakes at once, with their places, and nothing is connected to."""
    config = tmp_path / "holdfast.yaml"
    config.write_text(MISTAKES)
    result = proc.holdfast("config", "check", "--output", "json", cwd=tmp_path, check=2)
    problems = [problem["message"] for problem in result.json()["problems"]]
    expected = ["6:49: the jq expression does not compile", '10:26: the regular expression "a(b" does not compile',
                '11:10: two checks have the name "two"', '12:10: check "rows": "a.b.c" is no pattern', "15:15: the schema file"]
    assert len(problems) == len(expected) == len(set(problems)), problems
    for part in expected:
        assert any(("holdfast.yaml:" + part) in problem for problem in problems), (part, problems)
    text = proc.holdfast("config", "check", "--target", "b", cwd=tmp_path, check=2)
    assert "missing.json" in text.stdout and "6:49" not in text.stdout
    # The same place finds them for check, doctor and deploy.
    assert "6:49: the jq expression" in proc.holdfast("check", "--target", "a", cwd=tmp_path, check=2).stderr
    # A broken check is in no restore's way; and what is shown can be read.
    shown = proc.holdfast("config", "show", cwd=tmp_path, check=0).stdout
    assert "on_inconclusive: hold" in shown and "keep_failed" in shown and os.fspath(tmp_path) in shown
    config.write_text(shown)
    assert proc.holdfast("config", "show", cwd=tmp_path, check=0).stdout == shown
