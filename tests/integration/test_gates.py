"""Gates: what must be the case before a deploy begins, and the reason with which somebody goes through nevertheless."""
import os
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest


def by_gate(document):
    found = {}
    for finding in document["findings"]:
        found.setdefault(finding["what"], []).append(finding)
    return found


def refused(site, words, *args):
    result = site.holdfast("deploy", "--output", "json", *args, check=4)
    assert words in result.json()["error"]["message"], result
    assert result.json()["cycle"]["state"] == "refused"
    return result.json()


def test_windows_and_their_override(shop):
    (shop.directory / "sql" / "1.sql").write_text("CREATE TABLE made ()")
    yesterday = (datetime.now(timezone.utc) - timedelta(days=2)).strftime("%Y-%m-%d")
    shop.write_config(deploy={"windows": [{"dates": [yesterday], "timezone": "Europe/Paris"}]})
    document = refused(shop, "window: no deploy window is open")
    assert "--override window" in document["error"]["hint"]
    shop.holdfast("deploy", "--override", "window", check=2)
    shop.holdfast("deploy", "--reason", "because", check=2)
    assert "shrink" in shop.holdfast("deploy", "--override", "door", "--reason", "x", check=2).stderr
    bad = shop.holdfast("doctor", "--output", "json", check=6).json()
    assert by_gate(bad)["window"][0]["level"] == "bad"
    shop.holdfast("deploy", "--override", "window", "--reason", "the <outage> of today", "--by", "anna", check=0)
    cycle = shop.json("report")["cycle"]
    assert cycle["overrides"] == [{"gate": "window", "reason": "the <outage> of today", "by": "anna"}]
    assert "the <outage> of today" in shop.holdfast("report", check=0).stdout
    assert shop.cluster.psql(shop.db, "SELECT count(*) FROM made") == "0"

    today = datetime.now(timezone.utc)
    freeze = {"from": (today - timedelta(days=1)).strftime("%Y-%m-%d"), "to": (today + timedelta(days=1)).strftime("%Y-%m-%d"),
              "reason": "the sale"}
    shop.write_config(deploy={"freezes": [freeze]})
    refused(shop, "frozen: the sale")
    shop.write_config(deploy={"windows": [{}]})
    assert by_gate(shop.json("doctor", check=(0, 6)))["window"][0]["level"] == "good"


def test_activity_waits_or_refuses(shop):
    (shop.directory / "sql" / "1.sql").write_text("CREATE TABLE made ()")
    shop.write_config(deploy={"activity": {"max_transaction_age": "100ms"}})
    holder = subprocess.Popen([shop.cluster.bindir + "/psql", "-Xq"], env=shop.cluster.environment(shop.db), text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        holder.stdin.write("BEGIN;\nSELECT 1;\n")
        holder.stdin.flush()
        assert holder.stdout.readline()
        time.sleep(0.2)
        document = refused(shop, "activity: 1 session, the oldest transaction is")
        assert "activity.wait" in document["error"]["hint"]
        shop.write_config(deploy={"activity": {"max_sessions": 1}})
        assert by_gate(shop.json("doctor", check=(0, 6)))["activity"][0]["level"] == "good"
        # It waits, and begins when the session is gone.
        shop.write_config(deploy={"activity": {"max_transaction_age": "100ms", "max_transactions_per_second": 100000, "wait": "2m"}})
        deploy = shop.spawn("deploy", stderr=subprocess.PIPE)
        ended = threading.Timer(120, deploy.kill)
        ended.start()
        while "waiting until it is calmer" not in deploy.stderr.readline():
            assert deploy.poll() is None
        holder.kill()
        deploy.stderr.read()
        assert deploy.wait(60) == 0
        ended.cancel()
        assert shop.cluster.psql(shop.db, "SELECT count(*) FROM made") == "0"
    finally:
        holder.kill()
        holder.wait()


def test_a_standby_that_is_hidden_is_not_one_that_keeps_up(shop, tmp_path):
    shop.write_config(deploy={"max_replication_lag": "30s"})
    assert by_gate(shop.json("doctor", check=None))["replication"][0]["seen"] == "no standby is connected"
    role = shop.db + "_blind"
    shop.cluster.psql(shop.db, f"CREATE ROLE {role} LOGIN")
    # To the server one that takes the log is as good as a standby.
    taker = subprocess.Popen([shop.cluster.bindir + "/pg_receivewal", "-D", tmp_path, "--no-loop"], env=shop.cluster.environment("postgres"),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while shop.cluster.psql(shop.db, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") != "1":
            assert taker.poll() is None
            time.sleep(0.05)
        seen = by_gate(shop.json("doctor", check=None))["replication"][0]
        assert (seen["level"], "standbys" in seen["seen"]) == ("good", True), seen
        blind = {"DATABASE_URL": shop.cluster.url(shop.db, user=role)}
        seen = by_gate(shop.json("doctor", env=blind, check=None))["replication"][0]
        assert (seen["level"], seen["seen"]) == ("bad", "how far 1 of 1 standbys are behind is hidden from this role")
        assert seen["remedy"].startswith(f'GRANT pg_read_all_stats TO "{role}"; or deploy --override replication')
        shop.cluster.psql(shop.db, f"GRANT pg_read_all_stats TO {role}")
        assert by_gate(shop.json("doctor", env=blind, check=None))["replication"][0]["level"] == "good"
    finally:
        taker.kill()
        taker.wait()
    shop.cluster.psql(shop.db, f"DROP ROLE {role}")


def test_a_table_that_shrank_stops_the_deploy(shop, faults):
    (shop.directory / "sql" / "1.sql").write_text("CREATE TABLE made ()")
    shop.write_config(deploy={"shrink": {"max_percent": 30, "ignore": ["public.jobs"]}, "max_snapshot_age": "1h"})
    shop.cluster.psql(shop.db, "CREATE TABLE jobs AS SELECT generate_series(1, 500); CREATE TABLE few AS SELECT generate_series(1, 50)")
    refused(shop, "snapshot: there is no whole snapshot yet")
    shop.holdfast("backup", check=0)
    # As many as are allowed, and what is not looked at.
    shop.cluster.psql(shop.db, "DELETE FROM invoices WHERE id <= 210; TRUNCATE jobs, few")
    shop.holdfast("deploy", check=0)
    shop.cluster.psql(shop.db, "DELETE FROM invoices WHERE id <= 400; INSERT INTO jobs SELECT generate_series(1, 500)")
    (shop.directory / "sql" / "2.sql").write_text("CREATE TABLE second ()")
    document = refused(shop, "table public.invoices has shrunk from 490 to 300 rows")
    assert shop.cluster.psql(shop.db, "SELECT to_regclass('second') IS NULL") == "t"
    # Its own snapshot is not what the next one is compared with, even if a kill leaves no reason.
    shop.holdfast("deploy", env={"HOLDFAST_FAULT": "repository.after_pointer:kill"}, check=-9)
    assert shop.json("resume", check=4)["cycle"]["state"] == "refused"
    refused(shop, "490 to 300")
    assert document["cycle"]["shrunk"] == [{"schema": "public", "name": "invoices", "before": 490, "after": 300}]
    shop.holdfast("deploy", "--override", "shrink", "--reason", "old invoices were archived", check=0)
    assert "old invoices were archived" in shop.holdfast("report", check=0).stdout
    # Nor is what a restore in place replaced.
    shop.cluster.psql(shop.db, "INSERT INTO invoices SELECT generate_series(1001, 2000)")
    shop.holdfast("restore", "latest", "--in-place", check=0)
    (shop.directory / "sql" / "3.sql").write_text("CREATE TABLE third ()")
    shop.holdfast("deploy", check=0)


@pytest.mark.long
def test_space(shop):
    shop.write_config(deploy={"space": {"server": "1GiB", "disk": "1MiB"}})
    finding, = by_gate(shop.holdfast("doctor", "--output", "json", check=6).json())["space"]
    assert finding["level"] == "bad" and finding["seen"].startswith("0 B are free on the server")
    shop.write_config(deploy={"space": {"server": "1KiB", "repository": "900TiB"}})
    server, repository = by_gate(shop.holdfast("doctor", "--output", "json", check=6).json())["space"]
    if os.geteuid() == 0:  # others may not look into the cluster's folder
        assert server["level"] == "good" and "the disk of its data directory" in server["seen"]
    assert repository["level"] == "bad" and "900.0 TiB" in repository["seen"]
