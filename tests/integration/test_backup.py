"""Snapshots: what they hold, what they share, what they refuse."""
import json
import subprocess
import threading

import pytest

from harness import compare
from harness.postgres import quote_name
from harness.site import Site


@pytest.fixture
def plain(cluster, tmp_path, request):
    """make(sql) -> the work folder of a new database with that content, `holdfast init` has run."""
    made = []

    def make(sql, **options):
        site = Site(cluster, f"backup_{abs(hash(request.node.name)) % 10 ** 8}_{len(made)}", tmp_path / f"site{len(made)}",
                    create=False, **options)
        made.append(site)
        cluster.createdb(site.db)
        cluster.psql(site.db, sql)
        site.holdfast("init", check=0)
        return site

    yield make
    for site in made:
        site.drop_databases()


def restored_equals(site):
    """The latest snapshot, restored, against the live database."""
    copy = site.db + "__copy"
    site.holdfast("restore", "latest", "--into", copy, check=0)
    compare.assert_same(site.cluster, site.db, site.cluster, copy, facts=True)
    return copy


def objects(site):
    return {path.name: path for path in site.repository.glob("objects/*/*")}


def chunks(site, snapshot):
    """{table: (format, [(object's path, rows)])} by the manifest object, read with zstd alone."""
    pointer = json.loads((site.repository / "snapshots" / "site" / f"{snapshot}.json").read_text())
    stored = objects(site)
    names = [name for name in stored if name in json.dumps(pointer)]
    assert len(names) == 1, "the pointer names one object, the manifest"
    manifest = json.loads(unpack(stored[names[0]]))
    return {table["name"]: (table["format"], [(stored[chunk[0]], chunk[6]) for chunk in table["chunks"]]) for table in manifest["tables"]}


def unpack(path):
    return subprocess.run(["zstd", "-dcq", str(path)], check=True, capture_output=True).stdout


@pytest.mark.long
def test_json_has_the_fixed_points(small_site):
    document = small_site.json("backup", env={"DATABASE_URL": small_site.url + "?connect_timeout=0"})  # to libpq: no limit
    snapshot = document["snapshot"]
    assert document["format"] == 1
    assert snapshot["id"] and all(snapshot[key] > 0 for key in ("rows", "raw_bytes", "bytes_written", "chunks_new"))
    assert snapshot["chunks_reused"] == 0
    assert [entry["id"] for entry in small_site.json("snapshots")["snapshots"]] == [snapshot["id"]]
    live = sum(rows for rows, _ in compare.content(small_site.cluster, small_site.db).values())
    assert snapshot["rows"] == live
    document = small_site.json("restore", "latest", "--into", small_site.db + "__copy")
    assert document["database"] == small_site.db + "__copy"
    assert small_site.json("diff")["equal"] is True


def test_an_unchanged_database_writes_no_chunk_and_a_row_only_its_own(cluster, plain):
    site = plain("CREATE TABLE wide (id int PRIMARY KEY, text text); CREATE TABLE other AS SELECT generate_series(1, 1000) AS n;"
                 "INSERT INTO wide SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) i; VACUUM wide")
    site.write_config(snapshot={"jobs": 2, "range_pages": 100})
    first = site.json("backup")["snapshot"]
    assert first["chunks_new"] > 15
    before = set(objects(site))
    again = site.json("backup")["snapshot"]
    assert again["chunks_new"] == 0 and again["chunks_reused"] == first["chunks_new"]
    cluster.psql(site.db, "UPDATE wide SET text = 'changed' WHERE id = 10000")
    changed = site.json("backup")["snapshot"]
    # The page that lost the row and the one that got it; the manifest is an object too, a snapshot each.
    assert 1 <= changed["chunks_new"] <= 2
    assert changed["chunks_new"] + changed["chunks_reused"] == first["chunks_new"]
    assert len(set(objects(site)) - before) <= 4
    restored_equals(site)
    site.holdfast("restore", first["id"], "--into", site.db + "__first", check=0)
    assert cluster.psql(site.db + "__first", "SELECT count(*) FROM wide WHERE text = 'changed'") == "0"


@pytest.mark.long
def test_any_number_of_workers_reads_the_same(small_site):
    seen = []
    for jobs in (1, 2, 4):
        small_site.write_config(snapshot={"jobs": jobs, "range_pages": 16})
        taken = small_site.json("backup")["snapshot"]
        tables = small_site.json("show", taken["id"])["snapshot"]["tables"]
        assert all(table["digest"] for table in tables)
        seen.append({table["name"]: (table["rows"], table["digest"]) for table in tables})
        assert (taken["chunks_new"] == 0) == (jobs > 1)
    assert seen[0] == seen[1] == seen[2]
    assert small_site.json("diff")["equal"] is True


def test_a_snapshot_is_one_instant(cluster, plain):
    site = plain("CREATE TABLE a (id int PRIMARY KEY, n int, pad text); INSERT INTO a SELECT i, 100, repeat('x', 500) FROM generate_series(1, 5000) i;"
                 "CREATE TABLE b (LIKE a INCLUDING ALL); INSERT INTO b SELECT id + 10000, n, pad FROM a")
    site.write_config(snapshot={"jobs": 4, "range_pages": 16})
    done, rounds = threading.Event(), []

    def transfer():
        # Money from a to b, and a row from one to the other, in one transaction each; then back.
        there = [f"BEGIN; UPDATE a SET n = n - 7 WHERE id % 50 = {k}; UPDATE b SET n = n + 7 WHERE id % 50 = {k}; COMMIT;"
                 f"WITH moved AS (DELETE FROM a WHERE id = {4000 + k} RETURNING *) INSERT INTO b SELECT * FROM moved;" for k in range(50)]
        back = [f"WITH moved AS (DELETE FROM b WHERE id = {4000 + k} RETURNING *) INSERT INTO a SELECT * FROM moved;" for k in range(50)]
        while not done.is_set():
            rounds.append(cluster.psql(site.db, "".join(there + back)))

    writer = threading.Thread(target=transfer)
    writer.start()
    try:
        taken = [site.json("backup")["snapshot"]["id"] for _ in range(4)]
    finally:
        done.set()
        writer.join()
    assert rounds
    for number, snapshot in enumerate(taken):
        copy = f"{site.db}__copy{number}"
        site.holdfast("restore", snapshot, "--into", copy, check=0)
        assert cluster.psql(copy, "SELECT sum(n), count(*) FROM (SELECT * FROM a UNION ALL SELECT * FROM b) x") == "1000000|10000"


@pytest.mark.long
def test_objects_are_plain(cluster, small_site):
    small_site.write_config(snapshot={"jobs": 2, "range_pages": 16})
    snapshot = small_site.json("backup")["snapshot"]
    found = chunks(small_site, snapshot["id"])
    for table in ("local_users", "invoices"):
        columns = cluster.psql(small_site.db, "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
                               f"WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''")
        cluster.psql(small_site.db, f"CREATE SCHEMA IF NOT EXISTS plain; CREATE TABLE plain.{table} AS SELECT {columns} FROM {table} LIMIT 0")
        form, parts = found[table]
        for path, _ in parts:
            cluster.client("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-c", f"COPY plain.{table} ({columns}) FROM STDIN WITH (FORMAT {form})",
                           dbname=small_site.db, input=unpack(path))
        assert compare.table_content(cluster, small_site.db, f"plain.{table}", columns) == \
            compare.table_content(cluster, small_site.db, "public." + table, columns)
        assert sum(rows for _, rows in parts) == int(cluster.psql(small_site.db, f"SELECT count(*) FROM {table}"))


ODD_NAMES = ['with "quotes"', "with 'apostrophe", "new\nline", "tab\tand \\ backslash", "ünïcödé 数据库", "x" * 63, "é" * 31, "select", " "]


@pytest.mark.long
def test_odd_names(plain):
    names = [quote_name(name) for name in ODD_NAMES]
    tables = "".join(f"CREATE TABLE {schema}.{table} ({column} text, b int DEFAULT 1); INSERT INTO {schema}.{table} VALUES (E'\\\\N\\t\\\\.'), (NULL), ('');"
                     for schema, table, column in zip(names, names[1:] + names[:1], names[2:] + names[:2]))
    site = plain("".join(f"CREATE SCHEMA {name};" for name in names) + tables)
    assert site.json("backup")["snapshot"]["rows"] == 3 * len(names)
    restored_equals(site)
    site.holdfast("diff", check=0)
    site.holdfast("show", "latest", check=0)


SHAPES = """
CREATE TABLE generated (a int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 3), gone int, "B" int, c int GENERATED ALWAYS AS ("B" * 2) STORED);
INSERT INTO generated ("B") SELECT generate_series(1, 50); ALTER TABLE generated DROP COLUMN gone;
CREATE TABLE only_generated (c int GENERATED ALWAYS AS (5) STORED); INSERT INTO only_generated DEFAULT VALUES;
CREATE TABLE no_columns (); INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE empty (a int); CREATE TABLE emptied (a int); INSERT INTO emptied SELECT generate_series(1, 1000); DELETE FROM emptied;
CREATE TABLE parent (a int, b text); CREATE TABLE child (c int) INHERITS (parent);
INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 3);
CREATE TABLE ranges (at date, n int) PARTITION BY RANGE (at);
CREATE TABLE ranges_1 PARTITION OF ranges FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE ranges_2 PARTITION OF ranges FOR VALUES FROM ('2024-07-01') TO ('2025-01-01') PARTITION BY HASH (n);
CREATE TABLE ranges_2a PARTITION OF ranges_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE ranges_2b (n int, at date); ALTER TABLE ranges_2 ATTACH PARTITION ranges_2b FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE ranges_rest PARTITION OF ranges DEFAULT; CREATE INDEX ON ranges (n);
INSERT INTO ranges SELECT date '2023-12-01' + i, i FROM generate_series(0, 500) i;
CREATE UNLOGGED TABLE unlogged (a int); INSERT INTO unlogged VALUES (1);
CREATE TABLE values_ (f4 float4, f8 float8, n numeric, t timestamptz, i interval, b bytea, x xml, j json, m money, r int4range, ts tsvector, h text[],
    bit bit varying, c "char", p point, z timetz, d date);
INSERT INTO values_ VALUES (1.1::float4, 0.1::float8 + 0.2, 'NaN', '2024-02-29 23:59:59.999999+14', '-1 year 2 mons -3 days 04:05:06.789', '\\x00ff5c0a',
    '<a>&amp;</a>', '{"a" : 1}', '12.34', '[1,10)', 'a:1 b', ARRAY['x,y', NULL, '"', '\\'], '101', 'z', '(1e-300,2)', '01:02:03+05:30', 'infinity'),
    ('-Infinity', 'NaN', 1e-400, '-infinity', '0', '', NULL, 'null', '-0.01', 'empty', '', '{}', '', '', '(0,-0)', '24:00:00-12', '0044-03-15 BC');
CREATE MATERIALIZED VIEW filled AS SELECT count(*) AS n FROM ranges; CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA;
CREATE TABLE secret (a int); INSERT INTO secret VALUES (1); ALTER TABLE secret ENABLE ROW LEVEL SECURITY; ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE TABLE rule_ (a int); INSERT INTO rule_ VALUES (1); CREATE RULE nothing AS ON INSERT TO rule_ DO INSTEAD NOTHING;
CREATE SEQUENCE s MINVALUE -9223372036854775808 START -9223372036854775808 INCREMENT 1; SELECT nextval('s'); CREATE SEQUENCE untouched START 42;
CREATE TABLE loop_a (id int PRIMARY KEY, b int); CREATE TABLE loop_b (id int PRIMARY KEY, a int REFERENCES loop_a);
INSERT INTO loop_a VALUES (1, 1); INSERT INTO loop_b VALUES (1, 1); ALTER TABLE loop_a ADD FOREIGN KEY (b) REFERENCES loop_b;
CREATE TABLE unchecked (a int); INSERT INTO unchecked VALUES (-1); ALTER TABLE unchecked ADD CHECK (a > 0) NOT VALID;
"""


def test_every_shape_of_table(plain):
    site = plain(SHAPES)
    taken = site.holdfast("backup", check=0)
    assert "unlogged" in taken.stderr + taken.stdout
    restored_equals(site)
    assert site.json("diff")["equal"] is True


@pytest.mark.long
def test_a_long_row_and_small_chunks(plain):
    site = plain("CREATE TABLE big (id int, t text); INSERT INTO big SELECT i, repeat(md5(i::text), 20000) FROM generate_series(1, 20) i;"
                 "INSERT INTO big SELECT i, 'small' FROM generate_series(21, 3000) i")
    site.write_config(snapshot={"jobs": 2, "chunk_size": "64KiB"})
    taken = site.json("backup")["snapshot"]
    assert taken["chunks_new"] > 15
    restored_equals(site)


@pytest.mark.long
def test_large_objects(cluster, plain):
    site = plain("SELECT lo_from_bytea(7000, 'x'), lo_from_bytea(7001, decode(repeat('00ff5c', 3000), 'hex')), lo_create(7002)")
    site.holdfast("backup", check=0)
    assert set(compare.large_objects(cluster, restored_equals(site))) == {"7000", "7001", "7002"}
    site.holdfast("diff", check=0)


@pytest.mark.long
def test_the_server_settings_of_a_role_change_nothing(cluster, plain):
    site = plain(SHAPES)
    first = site.json("backup")["snapshot"]
    role = site.db + "_odd"
    cluster.psql(site.db, f"CREATE ROLE {role} SUPERUSER LOGIN; ALTER ROLE {role} SET DateStyle = 'SQL, DMY'; ALTER ROLE {role} SET extra_float_digits = -5;"
                 f"ALTER ROLE {role} SET bytea_output = escape; ALTER ROLE {role} SET IntervalStyle = sql_standard; ALTER ROLE {role} SET search_path = pg_temp;"
                 f"ALTER ROLE {role} SET statement_timeout = '20ms'; ALTER ROLE {role} SET default_transaction_read_only = on;"
                 f"ALTER ROLE {role} SET TimeZone = 'Asia/Kathmandu'; ALTER ROLE {role} SET lock_timeout = '1ms'")
    url = {"DATABASE_URL": cluster.url(site.db, user=role)}
    try:
        again = site.json("backup", env=url)["snapshot"]
        assert again["chunks_new"] == 0 and again["rows"] == first["rows"]
        site.holdfast("restore", "latest", "--into", site.db + "__copy", env=url, check=0)
        compare.assert_same(cluster, site.db, cluster, site.db + "__copy")
        site.holdfast("diff", env=url, check=0)
    finally:
        cluster.psql(site.db, f"DROP ROLE {role}")


def test_killed_backups_are_invisible(small_site, faults):
    for point in ("snapshot.after_export", "snapshot.before_chunk", "repository.before_object", "snapshot.before_seal",
                  "repository.before_manifest", "repository.before_pointer", "storage.local.before_rename"):
        small_site.holdfast("backup", env={"HOLDFAST_FAULT": f"{point}:kill"}, check=-9)
        assert small_site.json("snapshots")["snapshots"] == [], point
        result = small_site.holdfast("backup", env={"HOLDFAST_FAULT": f"{point}:fail"})
        assert result.returncode != 0, point
        assert small_site.json("snapshots")["snapshots"] == [], point
    small_site.holdfast("backup", check=0)
    small_site.holdfast("verify", check=0)
    restored_equals(small_site)
