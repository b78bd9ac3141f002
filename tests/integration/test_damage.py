"""Damaged heap and TOAST pages: a backup fails and says where, and --salvage keeps every row that can be read."""
import os

import pytest

from harness import torture
from harness.postgres import Cluster
from harness.site import Site

PAGE = 8192
SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY, pad text); INSERT INTO parent SELECT n, repeat('p', 200) FROM generate_series(1, 3000) n;
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent); INSERT INTO child SELECT n, n FROM generate_series(1, 3000) n;
CREATE TABLE wide (id int PRIMARY KEY, body text); ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;
INSERT INTO wide SELECT n, repeat(chr(64 + n % 26), 20000) FROM generate_series(1, 60) n;
CREATE TABLE whole AS SELECT n, md5(n::text) AS m FROM generate_series(1, 500) n;
"""


@pytest.fixture
def damaged(tmp_path):
    """(site, damage): damage(table, pages, bytes) overwrites pages of a table, or of its TOAST table, of the stopped server."""
    with Cluster(fsync=False, autovacuum="off") as cluster:
        cluster.createdb("shop")
        cluster.psql("shop", SCHEMA)
        site = Site(cluster, "shop", tmp_path / "site", create=False)
        site.holdfast("init", check=0)

        def damage(table, pages, data, toast=False):
            column = "reltoastrelid" if toast else "oid"
            path = cluster.psql("shop", f"SELECT pg_relation_filepath({column}) FROM pg_class WHERE relname = '{table}'")
            cluster.stop()
            with open(os.path.join(cluster.data, path), "r+b") as file:
                for page in pages:
                    file.seek(page * PAGE)
                    file.write((data * PAGE)[:PAGE])
            cluster.start()

        yield site, damage


def on_pages(cluster, table, pages):
    wanted = ",".join(map(str, pages))
    return set(cluster.psql("shop", f"SELECT id FROM {table} WHERE (ctid::text::point)[0] IN ({wanted})").split())


def test_heap_pages(damaged):
    site, damage = damaged
    cluster, pages = site.cluster, [3, 4, 20]
    every = set(cluster.psql("shop", "SELECT id FROM parent").split())
    lost = on_pages(cluster, "parent", pages)
    sound = site.json("backup")["snapshot"]
    assert sound["degraded"] == []
    damage("parent", pages, b"\xd3garbage")

    failed = site.holdfast("backup", "--output", "json", check=30)
    error = failed.json()["error"]
    assert "public.parent" in error["message"] and "pages 0 to " in error["message"] and error["sqlstate"] == "XX001"
    assert "block 3" in error["message"] and "--salvage" in error["hint"]
    assert len(site.json("snapshots")["snapshots"]) == 1

    taken = site.holdfast("backup", "--salvage", "--output", "json", check=0)
    snapshot = taken.json()["snapshot"]
    assert [(d["table"], d["first_page"], d["end_page"], d["ctids"]) for d in snapshot["degraded"]] == [("parent", 3, 5, []), ("parent", 20, 21, [])]
    assert all("XX001" in d["reason"] for d in snapshot["degraded"]) and "LOST" in taken.stderr
    assert [s["degraded"] for s in site.json("snapshots")["snapshots"]] == [False, True]
    assert "DEGRADED" in site.holdfast("snapshots", check=0).stdout
    assert "DEGRADED" in site.holdfast("show", "latest", check=0).stdout
    site.holdfast("verify", "--full", check=0)
    site.json("prove")

    restored = site.holdfast("restore", "latest", "--into", "copy", check=0)
    assert "DEGRADED" in restored.stderr
    assert set(cluster.psql("copy", "SELECT id FROM parent").split()) == every - lost and len(lost) > 50
    assert cluster.psql("copy", "SELECT count(*) FROM child") == "3000"
    assert cluster.psql("copy", "SELECT md5(string_agg(whole::text, '' ORDER BY n)) FROM whole") == \
        cluster.psql("shop", "SELECT md5(string_agg(whole::text, '' ORDER BY n)) FROM whole")
    # the key is there, and holds for new rows
    assert cluster.psql("copy", "SELECT convalidated FROM pg_constraint WHERE contype = 'f'") == "f"

    site.write_config(migrations={"kind": "none"})
    refused = site.holdfast("deploy", "--output", "json")
    assert refused.returncode not in (0, 5) and "public.parent" in refused.stdout
    assert cluster.databases() == ["copy", "shop"]


@pytest.mark.long
def test_toast_page(damaged):
    """Only the rows whose pieces were on the page are lost, and they are named one by one."""
    site, damage = damaged
    cluster = site.cluster
    toast = cluster.psql("shop", "SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'wide'")
    ids = cluster.psql("shop", f"SELECT DISTINCT chunk_id FROM {toast} WHERE (ctid::text::point)[0] IN (2, 30)").split()
    damage("wide", [2, 30], b"\x00\xff\x17", toast=True)
    error = site.holdfast("backup", "--output", "json", check=30).json()["error"]
    assert "public.wide" in error["message"] and error["sqlstate"] == "XX001"
    snapshot = site.json("backup", "--salvage")["snapshot"]
    lost = [ctid for d in snapshot["degraded"] for ctid in d["ctids"]]
    assert 2 <= len(lost) == len(ids) <= 8 and {d["table"] for d in snapshot["degraded"]} == {"wide"}
    site.holdfast("restore", "latest", "--into", "copy", check=0)
    assert cluster.psql("copy", "SELECT count(*) FROM wide WHERE body = repeat(chr(64 + id % 26), 20000)") == str(60 - len(lost))
    gone = cluster.psql("shop", "SELECT string_agg(id::text, ',') FROM wide WHERE ctid = ANY ('{%s}'::tid[])" % ",".join(f'"{c}"' for c in lost))
    assert cluster.psql("copy", f"SELECT count(*) FROM wide WHERE id IN ({gone})") == "0"
    site.json("prove")


@pytest.mark.long
def test_toast_page_of_zeros(damaged):
    """A page of zeros passes for an empty one; the missing pieces tell."""
    site, damage = damaged
    damage("wide", [5], b"\x00", toast=True)
    error = site.holdfast("backup", "--output", "json", check=30).json()["error"]
    assert "public.wide" in error["message"] and "toast" in error["message"]
    snapshot = site.json("backup", "--salvage")["snapshot"]
    assert 1 <= sum(len(d["ctids"]) for d in snapshot["degraded"]) <= 4
    site.json("prove")


def test_large_objects(damaged):
    """Without --salvage all that cannot be read are named; with it every readable page is kept, at its place, and each lost one listed."""
    site, damage = damaged
    cluster = site.cluster
    cluster.psql("shop", "SELECT lo_from_bytea(5000 + i, convert_to(repeat(md5(i::text), CASE i WHEN 20 THEN 20000 ELSE 1000 END), 'UTF8')) FROM generate_series(1, 40) i")
    damaged_pages = [3, cluster.psql("shop", "SELECT max((ctid::text::point)[0]) FROM pg_largeobject WHERE loid = 5020 AND pageno < 200")]
    where = f"(ctid::text::point)[0] IN ({damaged_pages[0]}, {damaged_pages[1]})"
    lost = cluster.psql("shop", f"SELECT string_agg(DISTINCT loid::text, ', ') FROM pg_largeobject WHERE {where}")
    last = cluster.psql("shop", f"SELECT loid || '|' || bool_or(pageno = 15) FROM pg_largeobject WHERE {where} AND loid <> 5020 GROUP BY loid ORDER BY loid").split()
    cut = {int(each.split("|")[0]) for each in last if each.endswith("true")}
    expected = dict(line.split("|") for line in cluster.psql("shop", f"""
        SELECT oid || '|' || encode((SELECT string_agg(CASE WHEN {where} THEN decode(repeat('00', length(data)), 'hex') ELSE data END, '' ORDER BY pageno)
          FROM pg_largeobject WHERE loid = oid), 'hex') FROM pg_largeobject_metadata""").split())
    damage("pg_largeobject", [int(page) for page in damaged_pages], b"\xd3garbage")
    error = site.holdfast("backup", "--output", "json", check=30).json()["error"]
    assert f"of 5001 to 5040: {lost}: " in error["message"] and "--salvage" in error["hint"]
    assert site.json("snapshots")["snapshots"] == []
    taken = site.holdfast("backup", "--salvage", "--output", "json", check=0)
    degraded = taken.json()["snapshot"]["degraded"]
    assert ", ".join(str(each["first_page"]) for each in degraded) == lost and "LOST" in taken.stderr
    assert all(each["reason"].startswith("bytes ") and "XX001" in each["reason"] for each in degraded)
    site.holdfast("restore", "latest", "--into", "copy", check=0)
    site.json("prove")
    restored = dict(line.split("|") for line in cluster.psql("copy", "SELECT oid || '|' || encode(lo_get(oid), 'hex') FROM pg_largeobject_metadata").split())
    assert restored.keys() == expected.keys() and "5020" in lost
    for oid, data in expected.items():
        # Where the last page is lost nothing tells where it ended.
        assert restored[oid] == data if int(oid) not in cut else data.startswith(restored[oid]) and len(restored[oid]) % 4096 == 0, oid


@pytest.mark.long
def test_configuration_tables(damaged):
    site, damage = damaged
    cluster = site.cluster
    torture.install_extension(cluster) or pytest.skip("the server's folder of extensions cannot be written")
    cluster.psql("shop", "CREATE EXTENSION torture_config; INSERT INTO torture_config.settings SELECT n, 'x' FROM generate_series(1000, 1400) n; INSERT INTO torture_config.a_values SELECT n, repeat(n::text, 100) FROM generate_series(1000, 1400) n")
    kept = set(cluster.psql("shop", "SELECT * FROM torture_config.a_values WHERE (ctid::text::point)[0] <> 1").split("\n"))
    damage("a_values", [1], b"\xd3garbage")
    error = site.holdfast("backup", "--output", "json", check=30).json()["error"]
    assert "torture_config.a_values" in error["message"] and "--salvage" in error["hint"]
    degraded = site.json("backup", "--salvage")["snapshot"]["degraded"]
    assert [(each["table"], each["first_page"], each["end_page"]) for each in degraded] == [("a_values", 1, 2)]
    site.holdfast("restore", "latest", "--into", "copy", check=0)
    restored = set(cluster.psql("copy", "SELECT * FROM torture_config.a_values").split("\n"))
    assert len(kept) > 100 and kept <= restored


@pytest.mark.long
def test_salvage_of_a_sound_database_is_a_plain_backup(damaged):
    site, _ = damaged
    first, second = site.json("backup")["snapshot"], site.json("backup", "--salvage")["snapshot"]
    assert second["degraded"] == [] and second["chunks_new"] == 0 and first["rows"] == second["rows"]


@pytest.mark.long
def test_a_row_that_is_too_long_is_named(damaged):
    """COPY writes no more than 1 GB for a row; bytea as text takes two bytes each."""
    site, _ = damaged
    site.cluster.psql("shop", "CREATE TABLE long (id int, b bytea); INSERT INTO long VALUES (1, 'a'), (2, convert_to(repeat('a', 550000000), 'UTF8')), (3, 'c')")
    site.write_config(snapshot={"format": "text"})
    error = site.holdfast("backup", "--output", "json", check=30).json()["error"]
    assert "public.long" in error["message"] and "ctid (0,2)" in error["message"] and "format: auto" in error["hint"]
    assert site.json("snapshots")["snapshots"] == []
