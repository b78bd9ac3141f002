"""The operator's programs in a deploy: hooks, the application's way back, the seed."""
import json
import os
import signal
import sys
import time

import pytest

HOOKS = ("before_preflight", "after_preflight", "before_snapshot", "after_snapshot", "before_migrate", "after_migrate", "before_verify",
         "after_verify", "before_rollback", "after_rollback", "after_cycle")
FORWARD = [*HOOKS[:8], "after_cycle"]

# Writes down what it was given; ends as FAIL says: {hook: status}.
PROGRAM = """
import json, os, sys
facts = json.load(sys.stdin)
with open("hooks.log", "a") as log:
    log.write(json.dumps({"facts": facts, "argv": sys.argv[1:], "cwd": os.getcwd(), "env": {n: v for n, v in os.environ.items()},
                          "fds": sorted(map(int, os.listdir("/proc/self/fd")))}) + "\\n")
status = json.load(open("fail.json")).get(os.environ["HOLDFAST_HOOK"], 0)
print("out of", os.environ["HOLDFAST_HOOK"])
if status:
    print("it is broken", file=sys.stderr)
    sys.exit(status)
"""


def program(site, *args):
    return [sys.executable, str(site.directory / "hook.py"), *args]


def is_running(pid):
    """What has ended may be there for a while as a zombie, until its parent looks."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except FileNotFoundError:
        return False


def set_up(site, fail=None, hooks=HOOKS, **deploy):
    (site.directory / "hook.py").write_text(PROGRAM)
    (site.directory / "fail.json").write_text(json.dumps(fail or {}))
    (site.directory / "hooks.log").unlink(missing_ok=True)
    site.write_config(deploy={"hooks": {hook: program(site, "an argument; rm -rf $HOME") for hook in hooks}, **deploy})


def ran(site):
    path = site.directory / "hooks.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def names(site):
    return [call["facts"]["hook"] for call in ran(site)]


def migration(site, name, sql):
    (site.directory / "sql" / f"{name}.sql").write_text(sql)


def rows(site):
    return site.cluster.psql(site.db, "SELECT count(*) FROM invoices")


def test_each_position(shop):
    """All of them run, in order, with the facts, and with nothing else; a rolled back deploy runs those of the way back."""
    set_up(shop)
    migration(shop, "1_good", "CREATE TABLE fine ()")
    env = {"SECRET_OF_NOTIFY": "https://x.example/a-secret-of-notify"}
    shop.top = {"notify": [{"slack": {"url": {"env": "SECRET_OF_NOTIFY"}}, "events": ["drift"]}]}
    shop.write_config()
    cycle = shop.json("deploy", env=env, check=0)["cycle"]
    assert names(shop) == FORWARD
    assert [(item["hook"], item["status"]) for item in cycle["hooks"]] == [(hook, 0) for hook in FORWARD]
    calls = {call["facts"]["hook"]: call for call in ran(shop)}
    for hook, call in calls.items():
        facts, variables = call["facts"], call["env"]
        assert call["argv"] == ["an argument; rm -rf $HOME"] and call["cwd"] == os.path.realpath(shop.directory)
        assert facts["cycle"] == variables["HOLDFAST_CYCLE"] == cycle["id"] and facts["target"] == variables["HOLDFAST_TARGET"] == "site"
        assert variables["HOLDFAST_STATE"] == facts["state"] and variables["HOLDFAST_HOOK"] == hook
        assert not {"DATABASE_URL", "SECRET_OF_NOTIFY"} & set(variables) and shop.url not in json.dumps(call)
        assert call["fds"][:3] == [0, 1, 2] and len(call["fds"]) <= 5, "descriptors of holdfast's"  # the log and the listing
        has_snapshot = hook in HOOKS[3:]
        assert (variables["HOLDFAST_SNAPSHOT"] == cycle["snapshot"]) == has_snapshot, hook
    assert calls["before_migrate"]["facts"]["state"] == "snapshot" and calls["after_cycle"]["facts"]["state"] == "deployed"
    assert [item["name"] for item in calls["after_migrate"]["facts"]["applied"]] == ["1_good.sql"]
    assert "out of after_verify" in next(item["tail"] for item in cycle["hooks"] if item["hook"] == "after_verify")

    migration(shop, "2_bad", "DELETE FROM invoices; SELECT 1/0;")
    set_up(shop, fail={"before_rollback": 1, "after_rollback": 2, "after_cycle": 3})
    result = shop.holdfast("deploy", "--output", "json", env=env, check=3)
    assert names(shop) == [*HOOKS[:5], "before_rollback", "after_rollback", "after_cycle"] and rows(shop) == "700"
    assert "division by zero" in ran(shop)[-1]["env"]["HOLDFAST_ERROR"] and ran(shop)[-1]["env"]["HOLDFAST_STATE"] == "rolled_back"
    assert ran(shop)[-1]["env"]["HOLDFAST_FAILED_DATABASE"] == result.json()["cycle"]["failed_database"]
    for hook, status in (("before_rollback", 1), ("after_rollback", 2), ("after_cycle", 3)):
        assert f"hook {hook}: " in result.stderr and f"ended with status {status}" in result.stderr
    assert "division by zero" in result.json()["error"]["message"]


def test_one_that_fails(shop):
    migration(shop, "1_good", "DELETE FROM invoices WHERE id > 100")
    for hook, status, state in (("after_snapshot", 4, "refused"), ("before_migrate", 4, "refused"), ("after_migrate", 3, "rolled_back"),
                                ("after_verify", 3, "rolled_back")):
        set_up(shop, fail={hook: 7}, hooks=[hook, "after_cycle"])
        kept = len(shop.failed_databases())
        document = shop.json("deploy", check=status)
        assert document["cycle"]["state"] == state and rows(shop) == "700"
        assert f"hook {hook}: " in document["error"]["message"] and "ended with status 7" in document["error"]["message"]
        assert "it is broken" in document["error"]["message"] and names(shop) == [hook, "after_cycle"]
        assert len(shop.failed_databases()) == kept + (status == 3)
    # Without a migration nothing was changed, so nothing is put back.
    (shop.directory / "sql" / "1_good.sql").unlink()
    shop.holdfast("deploy", check=4)
    assert len(shop.failed_databases()) == kept + 1


@pytest.mark.long
def test_time_limit_stop_and_what_is_left_running(shop):
    """A time limit and a signal end the whole group; a missing program is found before anything is touched."""
    migration(shop, "1_good", "DELETE FROM invoices WHERE id > 100")
    script = shop.directory / "slow.sh"
    script.write_text("sleep 300 & echo $! > pid; echo waiting; wait\n")
    shop.write_config(deploy={"hooks": {"after_migrate": {"command": ["sh", str(script)], "timeout": "1s"}}})
    document = shop.json("deploy", check=3)
    assert "did not end within" in document["error"]["message"]
    assert "waiting" in document["error"]["message"] and rows(shop) == "700"
    assert not is_running((shop.directory / "pid").read_text().strip())

    shop.write_config(deploy={"hooks": {"before_migrate": ["sh", str(script)], "after_cycle": ["touch", "ended"]}})
    (shop.directory / "pid").unlink()
    process = shop.spawn("deploy", "--retry")
    deadline = time.monotonic() + 60
    while not (shop.directory / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 4 and (shop.directory / "ended").exists()
    process.communicate()

    shop.write_config(deploy={"hooks": {"after_rollback": ["no-such-program"]}})
    refused = shop.json("deploy", "--retry", check=4)
    assert "no-such-program" in refused["error"]["message"] and not refused["cycle"]["snapshot"]


@pytest.mark.long
def test_the_application_goes_back_first(shop):
    """app.rollback gets the revision that ran before, while the live database is still the failed one; its failure stops nothing."""
    script = shop.directory / "back.sh"
    script.write_text('psql -XAt "$DATABASE_URL" -c "SELECT count(*) FROM invoices" > seen; echo "$HOLDFAST_REVISION $HOLDFAST_STATE" >> seen\n'
                      "exit $(cat status)\n")
    (shop.directory / "status").write_text("0")
    (shop.directory / "revision").write_text("v41-3f2a\n")
    app = {"revision": {"command": ["cat", str(shop.directory / "revision")]}, "rollback": {"command": ["sh", str(script)], "database_url": True}}
    shop.write_config(deploy={"app": app})
    migration(shop, "1_bad", "DELETE FROM invoices WHERE id > 100")
    shop.add_checks({"name": "fails", "sql": {"query": "SELECT count(*) FROM invoices", "equals": "700"}})
    cycle = shop.json("deploy", check=3)["cycle"]
    assert (shop.directory / "seen").read_text().split() == ["100", "v41-3f2a", "swapping"] and rows(shop) == "700"
    assert cycle["revision"] == "v41-3f2a" and [item["hook"] for item in cycle["hooks"]] == ["app.rollback"]
    (shop.directory / "status").write_text("9")
    failed = shop.holdfast("deploy", "--retry", "--output", "json", check=3)
    assert "the APPLICATION was not put back, the database is: hook app.rollback: " in failed.stderr and rows(shop) == "700"
    assert failed.json()["cycle"]["hooks"][0]["status"] == 9
    # A revision that cannot be told refuses.
    for content in ("", "two\nlines\n", "x" * 300):
        (shop.directory / "revision").write_text(content)
        assert "revision" in shop.json("deploy", "--retry", check=4)["error"]["message"]
    # From the environment it is no secret: it is shown, and children still have it.
    set_up(shop, hooks=["before_migrate"], app={"revision": {"env": "GIT_SHA"}})
    cycle = shop.json("deploy", "--retry", env={"GIT_SHA": "0123abcd"}, check=3)["cycle"]
    assert cycle["revision"] == "0123abcd" and ran(shop)[0]["env"]["GIT_SHA"] == ran(shop)[0]["env"]["HOLDFAST_REVISION"] == "0123abcd"


def test_seed(shop):
    """Off unless configured; what it did is counted, table by table; a failure puts all back."""
    cluster, db = shop.cluster, shop.db
    cluster.psql(db, "CREATE TABLE large AS SELECT n, repeat('x', 200) AS filler FROM generate_series(1, 80000) n; CREATE TABLE untouched (a int);"
                     "CREATE TABLE leaving AS SELECT 1 AS a; ANALYZE")
    sql = shop.directory / "seed.sql"
    sql.write_text("INSERT INTO invoices SELECT n, 'new' FROM generate_series(701, 705) n; INSERT INTO fresh VALUES (1), (2);"
                   "INSERT INTO large SELECT n, 'y' FROM generate_series(1, 1000) n; DROP TABLE leaving;")
    seed = ["sh", "-c", 'psql -X -v ON_ERROR_STOP=1 "$DATABASE_URL" -f seed.sql']
    migration(shop, "1_good", "CREATE TABLE fresh (a int)")
    shop.write_config(deploy={"seed": {"command": seed, "timeout": "1m"}})
    cycle = shop.json("deploy", check=0)["cycle"]
    changes = {table["name"]: (table["before"], table["after"], table["estimated"]) for table in cycle["seed"]["tables"]}
    before, after, estimated = changes.pop("large")
    assert estimated and abs(before - 80000) < 800 and 80000 < after < 82500
    assert changes == {"invoices": (700, 705, False), "fresh": (0, 2, False), "leaving": (1, None, False)}
    # It fails half way: no row of it stays, though no migration is pending.
    sql.write_text("DELETE FROM invoices; SELECT 1/0;")
    shop.write_config(deploy={"seed": seed})
    document = shop.json("deploy", check=3)
    assert "division by zero" in document["error"]["message"] and "hook seed" in document["error"]["message"] and rows(shop) == "705"
    # Checks that fail after a seed put it back, too.
    sql.write_text("DELETE FROM invoices;")
    shop.add_checks({"name": "there", "sql": {"query": "SELECT count(*) FROM invoices", "at_least": 1}})
    shop.holdfast("deploy", check=3)
    assert rows(shop) == "705"


def test_a_kill_during_a_hook(shop, faults):
    """The state table says what follows: refused before the migrations, the way back after them; what is running is ended."""
    set_up(shop)
    shop.holdfast("deploy", env={"HOLDFAST_FAULT": "deploy.before_checks:kill"}, check=-signal.SIGKILL)
    shop.holdfast("resume", "--roll-back", check=4)  # nothing was pending, so there is no way back to take
    assert shop.failed_databases() == []

    set_up(shop, app={"rollback": program(shop)})
    migration(shop, "1_good", "DELETE FROM invoices WHERE id > 100")
    shop.holdfast("deploy", env={"HOLDFAST_FAULT": "deploy.after_hook:kill:5"}, check=-signal.SIGKILL)
    assert names(shop) == [*HOOKS[:5]]
    shop.holdfast("resume", check=4)
    assert names(shop)[5:] == ["after_cycle"] and rows(shop) == "700"

    set_up(shop, app={"rollback": program(shop)})
    shop.holdfast("deploy", env={"HOLDFAST_FAULT": "deploy.after_hook:kill:6"}, check=-signal.SIGKILL)
    shop.holdfast("resume", env={"HOLDFAST_FAULT": "deploy.after_hook:kill:2"}, check=-signal.SIGKILL)
    cycle = shop.json("resume", check=3)["cycle"]
    assert rows(shop) == "700" and cycle["state"] == "rolled_back"
    assert names(shop)[6:] == ["before_rollback", "app.rollback", "app.rollback", "after_rollback", "after_cycle"]
    # A seed that outlives holdfast would go on changing the database.
    (shop.directory / "slow.sh").write_text("echo $$ > pid; exec setsid sleep 300\n")
    shop.write_config(deploy={"seed": ["sh", "slow.sh"]})
    (shop.directory / "sql" / "1_good.sql").unlink()
    process = shop.spawn("deploy")
    deadline = time.monotonic() + 60
    while not (shop.directory / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    shop.holdfast("resume", check=3)
    assert not is_running((shop.directory / "pid").read_text().strip()) and rows(shop) == "700"
