"""Who is told of a deploy, a backup and drift; a service that does not listen changes nothing but the report."""
import email
import email.policy
import json
import signal
import time

import pytest

from harness import proc, s3
from harness.recorder import Recorder, Smtp, free_port

SLACK, DISCORD, TEAMS, HOOK = ("/services/T0/B0/slack-secret", "/api/webhooks/1/discord-secret", "/teams-secret", "/hook-secret")
NASTY = "<!channel> @everyone *b* `x` ``` [l](http://e.example) \\ \"q\" ümlaut\u202e"


@pytest.fixture
def server():
    with Recorder() as running:
        yield running


def tell(site, *entries, contacts=None):
    site.top = {"notify": list(entries)} | ({"contacts": contacts} if contacts else {})
    site.write_config()


def environment(server):
    return {"SLACK": server.url(SLACK), "DISCORD": server.url(DISCORD), "TEAMS": server.url(TEAMS), "HOOK": server.url(HOOK),
            "PING": server.url("/ping/uuid-0123?a=b"), "TOKEN": "github-token-0123456789", "AUTH": "Key hook-key-0123456789", "no_proxy": "127.0.0.1"}


def migration(site, name, sql):
    (site.directory / "sql" / f"{name}.sql").write_text(sql)


def fail_with(text):
    quoted = text.replace("'", "''")
    return f"DO $$ BEGIN RAISE EXCEPTION '%', '{quoted}'; END $$;"


def assert_no_secret(*texts):
    for text in texts:
        for secret in ("slack-secret", "discord-secret", "teams-secret", "hook-secret", "github-token", "hook-key", "uuid-0123"):
            assert secret not in text, text


CHATS = [{"slack": {"url": {"env": "SLACK"}}}, {"discord": {"url": {"env": "DISCORD"}}}, {"teams": {"url": {"command": ["printenv", "TEAMS"]}}},
         {"name": "pager", "webhook": {"url": {"env": "HOOK"}, "authorization": {"env": "AUTH"}, "headers": {"X-Source": "holdfast"},
                                       "template": '{"sum": "{{title}}", "all": "{{ text }}", "dedup": "{{cycle}}"}'},
          "events": ["rollback", "stuck"]},
         {"github": {"repository": "shop/app", "token": {"env": "TOKEN"}, "labels": ["deploy"], "api": "API"}}]


def test_each_service_gets_its_form(shop, server):
    """A deploy that works, one that is rolled back with a message made to break each format, and one that is refused."""
    CHATS[4]["github"]["api"] = server.url("")
    tell(shop, *CHATS, contacts={"rollback": ["Dana +49 30 1234", "dba@shop.example"]})
    env = environment(server)
    migration(shop, "1_good", "CREATE TABLE fine ()")
    good = shop.json("deploy", env=env, check=0)["cycle"]
    migration(shop, "2_bad", fail_with(NASTY))
    result = shop.holdfast("deploy", "--output", "json", env=env, check=3)
    bad = result.json()["cycle"]
    shop.holdfast("deploy", env=env, check=4)
    assert [phase["state"] for phase in good["phases"]][-1] == "deployed" and good["phases"][-1].get("took_ms") is None

    # Slack: entities, and no markup in what came from outside.
    start, success, start2, rollback, start3, refused = [request.json() for request in server.to(SLACK)]
    assert start["text"] == "holdfast: site: deploy started" and "migrated and verified" in success["text"]
    assert rollback["text"].endswith("ROLLED BACK: the database equals the snapshot") and "refused" in refused["text"]
    body = rollback["attachments"][0]["text"]
    assert "&lt;!channel&gt; @everyone" in body and "<" not in body and rollback["attachments"][0]["mrkdwn_in"] == []
    assert f"kept: the failed database, as \"{bad['failed_database']}\"; snapshot {bad['snapshot']}" in body
    assert f"next: holdfast report --target site {bad['id']}" in body and "call: Dana +49 30 1234, dba@shop.example" in body
    assert "call:" not in refused["attachments"][0]["text"] and "\u202e" not in body and bad["id"] in body
    # Discord: each character of markup behind a backslash, and nobody called.
    discord = server.to(DISCORD)[3].json()
    assert discord["allowed_mentions"] == {"parse": []} and "\\<\\!channel\\> \\@everyone \\*b\\* \\`x\\`" in discord["embeds"][0]["description"]
    # Teams: text runs, which have no markup.
    card = server.to(TEAMS)[3].json()["attachments"][0]["content"]
    runs = ["".join(run["text"] for run in block["inlines"]) for block in card["body"]]
    assert any(run.startswith("why: ") and "<!channel> @everyone *b* `x`" in run for run in runs)
    # The webhook: its own template, only the events it wants.
    hook, = server.to(HOOK)
    assert hook.json()["dedup"] == bad["id"] and '"q"' in hook.json()["all"] and hook.headers["Authorization"] == "Key hook-key-0123456789"
    assert hook.headers["X-Source"] == "holdfast"
    # GitHub: one issue for the rollback, in a block of code that the text cannot leave.
    issue, = server.issues.list
    assert issue["labels"] == ["deploy"] and f"<!-- holdfast: {bad['id']} site -->\n````text\n" in issue["body"] and issue["body"].rstrip().endswith("````")
    # What became of them, in the report.
    told = {(item["to"], item["event"], item["ok"]) for item in bad["notifications"]}
    assert {("slack", "start", True), ("slack", "rollback", True), ("pager", "rollback", True), ("github", "rollback", True)} <= told
    assert len(bad["notifications"]) == 8
    assert_no_secret(result.stdout, result.stderr, shop.holdfast("report", "--output", "json").stdout)


@pytest.mark.long
def test_a_service_that_does_not_listen(shop, server):
    """Hangs, is down, answers 429 and 500, refuses, cannot be read: the outcome is the same, and the cycle does not wait."""
    names = ("hang", "busy", "broken", "no", "rude")
    server.answers = {"/hang": ["hang"], "/busy": [(429, {"Retry-After": "1"}), 200], "/broken": [500, 502, 200], "/no": [404],
                      "/rude": [(429, {"Retry-After": "3600"})]}
    env = {name.upper(): server.url("/" + name) for name in names} | {"DOWN": f"http://127.0.0.1:{free_port()}/down-secret", "no_proxy": "127.0.0.1"}
    entries = [{"name": name, "webhook": {"url": {"env": name.upper()}, "format": "text"}, "events": ["start"]} for name in (*names, "down")]
    entries.append({"name": "unset", "slack": {"url": {"env": "NOT_SET"}}, "events": ["success"]})
    tell(shop, *entries)
    migration(shop, "1_good", "CREATE TABLE fine ()")
    began = time.monotonic()
    result = shop.holdfast("deploy", "--output", "json", env=env, check=0)
    took = time.monotonic() - began
    cycle = result.json()["cycle"]
    assert cycle["state"] == "deployed" and sum(phase.get("took_ms", 0) for phase in cycle["phases"]) == cycle["took_ms"]
    assert cycle["took_ms"] / 1000 < took - 8, "the cycle itself waited"
    assert took < 60
    got = {item["to"]: item for item in cycle["notifications"]}
    assert {name: got[name]["ok"] for name in got} == {"hang": False, "busy": True, "broken": True, "no": False, "rude": False, "down": False, "unset": False}
    assert got["busy"]["tries"] == 2 and server.to("/busy")[1].at - server.to("/busy")[0].at >= 0.95
    assert got["broken"]["tries"] == 3 and got["no"]["tries"] == 1 and "404" in got["no"]["error"] and got["rude"]["tries"] == 1
    assert "NOT_SET" in got["unset"]["error"]
    for name in ("hang", "no", "rude", "down", "unset"):
        assert f'notify "{name}"' in result.stderr
    assert "down-secret" not in result.stderr + result.stdout


def test_each_state_is_told_once_whatever_was_killed(shop, server, faults):
    """Killed while migrating, stuck, and brought to an end by two resumes: one message of each, one issue for all."""
    CHATS[4]["github"]["api"] = server.url("")
    tell(shop, CHATS[0], CHATS[4])
    env = environment(server)
    migration(shop, "1_bad", fail_with("no"))
    shop.holdfast("deploy", env={**env, "HOLDFAST_FAULT": "deploy.before_migrations:kill"}, check=-signal.SIGKILL)
    shop.holdfast("resume", env={**env, "HOLDFAST_FAULT": "swap.before_rename:fail"}, check=5)
    assert "STUCK" in server.to(SLACK)[-1].json()["text"] and "holdfast resume --target site" in server.to(SLACK)[-1].body
    assert server.issues.list[0]["title"].startswith("holdfast: site: STUCK")
    shop.holdfast("resume", env=env, check=3)
    texts = [request.json()["text"] for request in server.to(SLACK)]
    assert [sum(word in text for text in texts) for word in ("started", "STUCK", "ROLLED BACK")] == [1, 1, 1]
    issue, = server.issues.list
    assert "ROLLED BACK" in issue["title"] and len(issue["comments"]) == 1
    assert {item["event"] for item in shop.json("report")["cycle"]["notifications"]} >= {"stuck", "rollback"}


def test_who_has_to_decide_is_told_what_to_type(shop, server):
    """A check could not tell; told to go back, rows were written: each is told once, with what to type; the fence stays up until the end."""
    tell(shop, CHATS[0], {"name": "pager", "webhook": {"url": {"env": "HOOK"}}, "events": ["held"]}, contacts={"held": ["Dana +49 30 1234"]})
    shop.write_config(deploy={"fence": {"kind": "hook", "before": ["touch", "up"], "after": ["rm", "up"]}, "rollback": {"if_written": "hold"}})
    shop.add_checks({"name": "errors", "metric": {"url": f"http://127.0.0.1:{free_port()}/", "jq": ".errors", "at_most": 5}})
    env = environment(server)
    migration(shop, "1_code", "DO $$ BEGIN DELETE FROM invoices WHERE id = 1; END $$")

    held = shop.holdfast("deploy", env=env, check=8)
    message = server.to(HOOK)[-1].json()
    assert message["event"] == "held" and message["title"].endswith("HELD: the deploy waits for somebody to decide")
    assert 'check "errors" could not tell' in message["why"] and "behind its fence" in message["kept"]
    assert message["next"] == "holdfast resume --target site runs the checks again; with --accept it lets pass what they cannot tell, with --roll-back it goes back"
    assert message["contacts"] == "Dana +49 30 1234" and "the fence stays up" in held.stderr
    shop.holdfast("resume", env=env, check=8)  # held as before: nobody is told again

    waits = shop.holdfast("resume", "--roll-back", env=env, check=8)
    assert "the fence stays up until `holdfast resume` has ended the cycle" in waits.stderr and (shop.directory / "up").exists()
    first, second = server.to(HOOK)
    message, cycle = second.json(), shop.json("report")["cycle"]
    assert message["event"] == "held" and "told to go back" in message["why"] and "rows were written since the snapshot" in message["why"]
    assert message["next"].startswith(f"holdfast report --target site {cycle['id']} lists the rows; holdfast resume --target site --proceed takes")
    assert cycle["state"] == "waiting" and cycle["next"][0]["command"] == "holdfast resume --target site --proceed"
    assert shop.holdfast("report").stdout.startswith("WAITING")

    shop.holdfast("resume", "--proceed", env=env, check=3)
    assert not (shop.directory / "up").exists() and len(server.to(HOOK)) == 2
    assert [request.json()["text"].split(": ")[2] for request in server.to(SLACK)] == ["deploy started", "HELD", "HELD", "ROLLED BACK"]
    told = [item["event"] for item in shop.json("report")["cycle"]["notifications"] if item["to"] == "pager" and item["ok"]]
    assert told == ["held", "held"]


def test_mail(shop, tmp_path):
    ca, certificate, key = s3.test_certificate(tmp_path / "tls")
    with Smtp(tls=(certificate, key), user="deploys", password="mail-password-0123") as server:
        entry = {"server": f"smtp://localhost:{server.port}", "from": "deploys@shop.example", "to": ["team@shop.example", "dba@shop.example"],
                 "user": "deploys", "password": {"env": "PASSWORD"}, "ca_file": str(ca)}
        tell(shop, {"email": entry, "events": ["rollback"]})
        migration(shop, "1_bad", fail_with("ümlaut\r\n.\r\nRCPT TO:<x@evil.example> " + "x" * 3000))
        server.refusals = ["451 4.7.1 later"]
        env = {"PASSWORD": "mail-password-0123"}
        cycle = shop.json("deploy", env=env, check=3)["cycle"]
        assert cycle["notifications"] == [{"to": "email", "event": "rollback", "ok": True, "error": None, "tries": 2}]
        mail, = server.mails
        assert mail["tls"] and mail["from"] == "deploys@shop.example" and mail["to"] == entry["to"]
        message = email.message_from_string(mail["data"], policy=email.policy.default)
        assert message["Subject"] == "holdfast: site: ROLLED BACK: the database equals the snapshot" and message["To"] == ", ".join(entry["to"])
        assert "ümlaut" in message.get_content() and cycle["id"] in message.get_content() and cycle["id"] in message["References"]
        assert max(map(len, mail["data"].split("\r\n"))) < 100 and message["Auto-Submitted"] == "auto-generated"
        # A wrong password, and a certificate that nobody vouches for, are told at once.
        wrong = shop.holdfast("notify", "--test", env={"PASSWORD": "another-password"}, check=44)
        assert "another-password" not in wrong.stdout + wrong.stderr
        del entry["ca_file"]
        tell(shop, {"email": entry})
        assert "certificate" in shop.holdfast("notify", "--test", env=env, check=44).stdout
        assert len(server.mails) == 1
    # A relay without TLS is spoken to only if that is said, and then without a login.
    with Smtp() as server:
        entry = {"server": f"smtp://127.0.0.1:{server.port}", "from": "a@shop.example", "to": ["b@shop.example"]}
        tell(shop, {"email": entry})
        shop.holdfast("notify", "--test", check=44)
        assert server.mails == []
        tell(shop, {"email": {**entry, "tls": False}})
        shop.holdfast("notify", "--test", check=0)
        assert "a test message" in email.message_from_string(server.mails[0]["data"], policy=email.policy.default)["Subject"]


def test_backups_ping_and_fail_loudly(shop, server):
    """Start, success, and fail with the end of the log; people are told of a failed backup and of drift, by one open issue."""
    CHATS[4]["github"]["api"] = server.url("")
    shop.write_config(retention={"keep_last": 5})
    tell(shop, {"ping": {"url": {"env": "PING"}, "commands": ["backup", "verify", "prove", "prune", "gc"]}},
         {"name": "other", "ping": {"url": {"env": "HOOK"}, "commands": ["backup"], "target": "another"}}, CHATS[0], CHATS[4])
    env = environment(server)
    for command in (("backup",), ("backup", "--all"), ("verify",), ("prune",), ("gc",), ("prove",)):
        server.requests.clear()
        shop.holdfast(*command, env=env, check=0)
        start, success = server.requests
        assert start.path.startswith("/ping/uuid-0123/start?a=b&rid=") and success.path.startswith("/ping/uuid-0123?a=b&rid=")
        assert start.path.split("rid=")[1] == success.path.split("rid=")[1]
    server.requests.clear()
    result = shop.holdfast("backup", "--exclude", "[", env={**env, "DATABASE_URL": shop.url + "_gone"}, check=(2, 30, 31))
    fail, = server.to("/ping/uuid-0123/fail")
    assert "error" in fail.body and result.stderr.strip().splitlines()[0] in fail.body
    told, = server.to(SLACK)
    assert "site: backup FAILED" in told.json()["text"] and "holdfast doctor --target site" in told.body
    # Drift, twice: two messages, one issue.
    server.requests.clear()
    migration(shop, "1_good", "CREATE TABLE fine ()")
    shop.holdfast("deploy", env=env, check=0)
    shop.cluster.psql(shop.db, "ALTER TABLE fine ADD by_hand int")
    for _ in range(2):
        shop.holdfast("drift", env=env, check=7)
    assert sum("live schema" in request.body for request in server.to(SLACK)) == 2
    issue, = server.issues.list
    assert "holdfast drift --target site" in issue["body"] and issue["comments"] == []
    assert_no_secret(result.stdout, result.stderr)


def test_the_test_message(shop, server):
    tell(shop, *CHATS[:4], {"ping": {"url": {"env": "PING"}, "commands": ["backup"]}})
    env = environment(server)
    result = shop.json("notify", "--test", env=env, check=0)
    assert [item["ok"] for item in result["notifications"]] == [True] * 5
    assert [request.path.split("?")[0] for request in server.requests if "ping" in request.path] == ["/ping/uuid-0123/log"]
    server.requests.clear()
    shop.holdfast("notify", "--test", "pager", env=env, check=0)
    assert len(server.requests) == 1 and server.requests[0].json()["sum"] == "holdfast: a test message"
    assert "pager" in shop.holdfast("notify", "--test", "pagr", env=env, check=10).stderr
    server.answers[SLACK] = [403]
    failed = shop.holdfast("notify", "--test", "slack", env=env, check=44)
    assert "status 403" in failed.stdout
    assert_no_secret(failed.stdout, failed.stderr)
    shop.holdfast("notify", check=2)


def test_mistakes_are_found_when_the_configuration_is_read(shop):
    tell(shop, {"webhook": {"url": {"env": "HOOK"}, "template": '{"a": "{{titel}}"}'}})
    result = shop.holdfast("deploy", check=2)
    assert 'unknown field "titel"' in result.stderr and 'did you mean "title"?' in result.stderr
    line = next(number for number, text in enumerate(shop.config.read_text().splitlines(), 1) if "titel" in text)
    assert f"holdfast.yaml:{line}:" in result.stderr
    assert proc.holdfast("history", cwd=shop.directory, env=shop.env, check=2).returncode == 2
