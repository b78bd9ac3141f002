"""The commands against a real database: what they print, as text and as JSON, and their exit statuses."""
import os
import stat

import pytest

from harness import marketplace
from harness.app import App
from harness.site import Site


@pytest.fixture
def site(cluster, tmp_path):
    name = "cli_" + os.urandom(4).hex()
    marketplace.create(cluster, name, scale=0.02)
    site = Site(cluster, name, tmp_path, create=False)
    site.holdfast("init", check=0)
    yield site
    for database in cluster.psql("postgres", f"SELECT datname FROM pg_database WHERE datname LIKE '{name}%'").split():
        cluster.psql("postgres", f'DROP DATABASE "{database}" WITH (FORCE)')


def backup(site, *args):
    return site.holdfast("backup", "--output", "json", *args, check=0).json()["snapshot"]


def test_backup_snapshots_show(site):
    first, second = backup(site, "--label", "first one"), backup(site, "--pin")
    assert first["rows"] == second["rows"] > 5000
    assert first["chunks_new"] > 5 and first["bytes_written"] > 0
    assert second["chunks_new"] == 0 and second["chunks_reused"] > 5

    listed = site.holdfast("snapshots", "--output", "json", check=0).json()["snapshots"]
    assert [entry["id"] for entry in listed] == [first["id"], second["id"]]
    assert [entry["label"] for entry in listed] == ["first one", None]
    assert [entry["pinned"] for entry in listed] == [False, True]
    for entry in listed:
        assert set(entry) == {"id", "target", "database", "created_at", "label", "rows", "raw_bytes", "stored_bytes", "tables", "cycle",
                              "pinned", "broken", "proven", "proven_at", "filtered", "degraded"}
        assert entry["tables"] == 9 and entry["broken"] is None and entry["target"] == "site"
        assert entry["rows"] == first["rows"] and entry["raw_bytes"] == first["raw_bytes"] > entry["stored_bytes"] > 0

    shown = site.holdfast("show", "latest", "--output", "json", check=0).json()["snapshot"]
    assert shown["id"] == second["id"]
    assert sum(table["rows"] for table in shown["tables"]) == first["rows"]
    assert {table["name"] for table in shown["tables"]} >= {"local_users", "invoices"}
    text = site.holdfast("snapshots", check=0).stdout
    assert text.splitlines()[1].startswith(first["id"]) and text.splitlines()[1].endswith("first one")
    assert "public.local_users" in site.holdfast("show", first["id"], check=0).stdout
    assert all(line == line.rstrip() for line in text.splitlines())


def test_labels_cannot_steer_the_terminal(site):
    backup(site, "--label", "\033[2Jboo\nhoo")
    text = site.holdfast("snapshots", check=0).stdout
    assert "\033" not in text and "boo hoo" in text and len(text.splitlines()) == 2


@pytest.mark.long
def test_verify_finds_corruption(site):
    sound = backup(site)
    site.cluster.psql(site.db, "DELETE FROM email_otp WHERE id IN (SELECT id FROM email_otp LIMIT 5)")
    before = set(site.repository.glob("objects/*/*"))
    backup(site)
    own = sorted(set(site.repository.glob("objects/*/*")) - before)
    latest = site.holdfast("show", "latest", "--output", "json", check=0).json()["snapshot"]["id"]

    victim = max(own, key=lambda path: path.stat().st_size)
    good = victim.read_bytes()
    victim.chmod(stat.S_IRUSR | stat.S_IWUSR)
    for damage, depth in ((good[: len(good) // 2], "--stored"), (None, "--stored"),
                          (good[:50] + bytes([good[50] ^ 1]) + good[51:], "--full")):
        if damage is None:
            victim.unlink()
        else:
            victim.write_bytes(damage)
        result = site.holdfast("verify", depth, "--output", "json", check=12)
        document = result.json()
        assert document["ok"] is False and document["error"]["code"] == "CORRUPT"
        by_id = {entry["id"]: entry for entry in document["snapshots"]}
        assert by_id[sound["id"]]["ok"] is True
        assert by_id[latest]["ok"] is False
        assert victim.name in str(by_id[latest])
        text = site.holdfast("verify", latest, depth, check=12)
        assert text.stdout.startswith("FAIL")
        site.holdfast("verify", sound["id"], depth, check=0)
    victim.write_bytes(good)
    assert site.holdfast("verify", check=0).stdout.count("ok ") == 2


def test_restore_into_and_diff(site):
    snapshot = backup(site)
    target = site.db + "_copy"
    document = site.holdfast("restore", "latest", "--into", target, "--output", "json", check=0).json()
    assert document["database"] == target and document["verified"] and document["rows"] == snapshot["rows"]
    assert site.holdfast("restore", "latest", "--into", target).returncode == 11

    document = site.holdfast("diff", "latest", "live", "--output", "json", check=0).json()
    assert document["equal"] is True and document["a"]["snapshot"] == snapshot["id"] and document["b"]["live"] == site.db
    assert site.holdfast("diff", check=0).stdout.startswith("equal")


def test_diff_names_every_kind_of_difference(site):
    first = backup(site)
    site.cluster.psql(site.db, """
        DELETE FROM email_otp WHERE id IN (SELECT id FROM email_otp LIMIT 3);
        UPDATE invoices SET number = number WHERE false;
        CREATE TABLE extra (a int);
        ALTER TABLE stripe_events ADD COLUMN note text;
        DROP VIEW mission_overview;
        SELECT nextval('invoices_number_seq')""")
    backup(site)
    for other in ("live", "latest"):
        result = site.holdfast("diff", first["id"], other, "--output", "json", check=7)
        document = result.json()
        assert document["equal"] is False and document["error"]["code"] == "DIFFERENT"
        tables = {entry["table"]: entry for entry in document["tables"]}
        assert set(tables) == {"email_otp", "extra", "stripe_events"}
        assert tables["email_otp"]["rows_seen"] == tables["email_otp"]["rows_expected"] - 3
        schema = {(entry["change"], entry["kind"], entry["name"]) for entry in document["schema"]}
        assert {("added", "TABLE", "extra"), ("removed", "VIEW", "mission_overview"),
                ("changed", "TABLE", "stripe_events")} <= schema
        sequence, = document["sequences"]
        assert sequence["name"] == "invoices_number_seq"
        assert sequence["b"]["last_value"] == sequence["a"]["last_value"] + 1
        text = site.holdfast("diff", first["id"], other, check=7).stdout
        assert text.startswith("DIFFERENT") and "mission_overview" in text and "public.email_otp" in text


@pytest.mark.long
def test_restore_swap_keeps_the_former_database(site):
    snapshot = backup(site)
    site.cluster.psql(site.db, "DELETE FROM invoices")
    document = site.holdfast("restore", snapshot["id"], "--swap", "--output", "json", check=0).json()
    assert document["database"] == site.db and document["swapped"] and document["kept"].startswith(site.db + "__replaced_")
    assert site.cluster.psql(document["kept"], "SELECT count(*) FROM invoices") == "0"
    site.holdfast("diff", check=0)


def test_doctor(site):
    document = site.holdfast("doctor", "--output", "json", check=0).json()
    assert document["ok"] is True
    by_what = {entry["what"]: entry for entry in document["findings"]}
    assert by_what["connection"]["level"] == by_what["tables"]["level"] == by_what["repository"]["level"] == "good"
    assert by_what["checks"]["level"] == "warning" and by_what["checks"]["remedy"]

    text = site.holdfast("doctor", env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, check=6)
    assert "FAIL" in text.stdout and "not ready" in text.stdout

    site.cluster.psql("postgres", "CREATE ROLE cli_reader LOGIN")
    try:
        document = site.holdfast("doctor", "--output", "json", check=6,
                                 env={"DATABASE_URL": site.url.replace("postgres@", "cli_reader@")}).json()
        by_what = {entry["what"]: entry for entry in document["findings"]}
        assert by_what["privileges"]["level"] == "bad" and "CREATEDB" in by_what["privileges"]["remedy"]
        assert by_what["tables"]["level"] == "bad" and "local_users" in by_what["tables"]["seen"]
    finally:
        site.cluster.psql("postgres", "DROP ROLE cli_reader")


def test_check(site):
    site.add_checks({"name": "users", "sql": {"query": "SELECT count(*) FROM local_users", "at_least": 10}},
                    {"name": "none", "sql": {"query": "SELECT count(*) FROM local_users", "equals": 0}},
                    {"name": "script", "command": ["sh", "-c", "test -n \"$DATABASE_URL\""]})
    result = site.holdfast("check", "--output", "json", check=6)
    results = {entry["name"]: entry["passed"] for entry in result.json()["checks"]["results"]}
    assert results == {"users": True, "none": False, "script": True}
    text = site.holdfast("check", check=6).stdout
    assert "FAIL  none" in text and "expected" in text and "ok    users" in text


def test_deploy_history_report(site):
    with App(site.url) as app:
        site.add_health_checks(app)
        site.add_migrations("good")
        done = site.holdfast("deploy", "--output", "json", check=0).json()["cycle"]
        assert done["state"] == "deployed" and done["snapshot"]
        site.add_migrations("break-health")
        back = site.holdfast("deploy", check=3)
        assert back.stdout.startswith("ROLLED BACK") and "FAIL" in back.stdout
    cycles = site.holdfast("history", "--output", "json", check=0).json()["cycles"]
    assert [cycle["state"] for cycle in cycles] == ["deployed", "rolled_back"]
    assert cycles[0]["id"] == done["id"] and cycles[1]["error"]["message"]
    listed = site.holdfast("history", check=0).stdout
    assert listed.split("\n\n")[0].count("\n") == 2 and "__failed_" in listed

    report = site.holdfast("report", "--output", "json", check=0).json()["cycle"]
    assert report["id"] == cycles[1]["id"] and report["phases"][-1]["state"] == "rolled_back"
    assert site.holdfast("report", done["id"], check=0).stdout.startswith("deployed")
    site.holdfast("diff", report["snapshot"], check=0)
    assert site.holdfast("resume").returncode == 10
