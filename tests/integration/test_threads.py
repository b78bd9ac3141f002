"""Every thread of holdfast at work on one small database; run under the thread sanitizer too."""
# labels: tsan
from harness import compare


def test_many_workers_on_many_small_ranges(cluster, small_site):
    small_site.write_config(snapshot={"jobs": 4, "range_pages": 16, "chunk_size": "64KiB"})
    taken = small_site.json("backup")["snapshot"]
    assert taken["chunks_new"] > 20
    assert small_site.json("verify", "latest", "--jobs", "4")["ok"]
    small_site.holdfast("restore", "latest", "--into", small_site.db + "__copy", "--jobs", "4", check=0)
    compare.assert_same(cluster, small_site.db, cluster, small_site.db + "__copy")
    assert small_site.json("diff", taken["id"], "live", "--jobs", "4")["equal"]


def test_a_deploy_there_and_back(cluster, small_site):
    small_site.write_config(snapshot={"jobs": 4, "range_pages": 16})
    small_site.add_checks({"name": "no", "sql": {"query": "SELECT 1", "equals": 2}}, {"name": "yes", "sql": {"query": "SELECT 1", "equals": 1}})
    small_site.add_migrations("good")
    before = compare.fingerprint(cluster, small_site.db)
    assert small_site.json("deploy", check=3)["cycle"]["state"] == "rolled_back"
    assert compare.fingerprint_differences(before, compare.fingerprint(cluster, small_site.db)) == []


def test_both_forms_of_copy(cluster, small_site):
    """Text and binary snapshots restore the same rows; a chunk of either is an input for psql."""
    import subprocess

    forms = {}
    for form in ("text", "auto"):
        small_site.write_config(snapshot={"format": form})
        forms[form] = small_site.json("backup")["snapshot"]["id"]
        small_site.holdfast("restore", forms[form], "--into", f"{small_site.db}__{form}", check=0)
        compare.assert_same(cluster, small_site.db, cluster, f"{small_site.db}__{form}")
        tables = {t["name"]: t for t in small_site.json("show", forms[form])["snapshot"]["tables"]}
        table = tables["invoices"]
        assert table["format"] == ("text" if form == "text" else "binary")
    document = small_site.json("diff", forms["text"], forms["auto"], check=7)
    assert any("cannot be compared" in table["why"] for table in document["tables"])
