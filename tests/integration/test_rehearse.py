"""`holdfast rehearse`: the migrations on a copy, measured; the live database is not touched."""
from harness import compare


def beside(shop):
    return [name for name in shop.cluster.databases() if name.startswith(shop.db + "__")]


def test_measures_on_a_copy_and_leaves_nothing(shop):
    sql = shop.directory / "sql"
    (sql / "1_rewrite.sql").write_text("ALTER TABLE invoices ALTER id TYPE bigint; SELECT pg_sleep(0.5)")
    (sql / "2_add.sql").write_text("ALTER TABLE invoices ADD note text")
    shop.checks = [{"name": "all there", "sql": {"query": "SELECT count(*) FROM invoices WHERE note IS NULL", "equals": 700}},
                   {"name": "not here", "command": ["false"]}]
    shop.write_config()
    shop.holdfast("backup", check=0)
    before = compare.fingerprint(shop.cluster, shop.db)
    shop.cluster.psql(shop.db, "DELETE FROM invoices WHERE id > 600")
    changed = compare.fingerprint(shop.cluster, shop.db)
    assert before != changed

    told = shop.json("rehearse")["rehearsal"]
    rewrite, add = told["migrations"]
    assert [rewrite["name"], add["name"]] == ["1_rewrite.sql", "2_add.sql"]
    assert rewrite["took_ms"] >= 500 > 0 and told["migrate_ms"] >= rewrite["took_ms"] + add["took_ms"]
    assert [one["relation"] for one in rewrite["rewrites"]] == ["invoices"] and rewrite["rewrites"][0]["bytes"] > 0
    assert add["rewrites"] == []
    assert {"relation": "invoices", "mode": "AccessExclusiveLock"} in rewrite["locks"]
    assert [check["passed"] for check in told["checks"]["results"]] == [True] and told["checks_not_run"] == ["not here"]
    assert told["rows"] == 700 and told["restore_ms"] > 0
    assert compare.fingerprint_differences(changed, compare.fingerprint(shop.cluster, shop.db)) == [] and beside(shop) == []

    text = shop.holdfast("rehearse", check=0).stdout
    assert "rewrote invoices" in text and "held AccessExclusiveLock on invoices" in text and "check not here: not run" in text

    (sql / "2_add.sql").write_text("ALTER TABLE invoices ADD note text; SELECT 1/0")
    failed = shop.json("rehearse", check=36)
    assert "22012" in failed["error"]["message"]
    assert [one["took_ms"] is None for one in failed["rehearsal"]["migrations"]] == [False, True]
    (sql / "2_add.sql").write_text("ALTER TABLE invoices ADD note text DEFAULT 'x'")
    assert 'check "all there" did not pass in the rehearsal' in shop.holdfast("rehearse", check=6).stderr
    shop.checks[0] = {"name": "cannot tell", "sql": {"query": "SELECT pg_terminate_backend(pg_backend_pid())", "equals": True}}
    shop.write_config()
    assert 'check "cannot tell" did not pass' in shop.holdfast("rehearse", check=6).stderr
    assert compare.fingerprint_differences(changed, compare.fingerprint(shop.cluster, shop.db)) == [] and beside(shop) == []
